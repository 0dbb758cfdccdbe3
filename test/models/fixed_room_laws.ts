/** Functions of tensors alone, all of one form: what is written to files and run where there is no host code. */
import { expect } from 'vitest';
import type { Carried } from '../../src/models/model.js';
import { disposeTree, sizeOfTree } from '../../src/tree.js';
import { argMax, expectClose, idsTensor, prefix, randomIds, type Session } from '../support/session.js';

/** Over an end of Softmax's period and two of BSBR's, and from before the first token of either. */
const STRETCHES = [
  { n: 115, most: 137 },
  { n: 3, most: 10 },
  { n: 8, most: 9 },
];
const BATCH = 2;

/** With room for all tokens from the start, prefill and the greedy steps after it give the tokens and logits of the model. */
export function fixedRoomEqualsModel({ model, params, prefill, step }: Session): void {
  for (const { n, most } of STRETCHES) {
    const fixed = model.fixedRoom(most);
    const ids = idsTensor(prefix(randomIds(BATCH, most), n));
    let [past, expected] = [fixed.prefill(params, ids), prefill(prefix(randomIds(BATCH, most), n))];
    ids.dispose();
    const floats = BATCH * model.stateFloats(most).allocated;
    for (let length = n; ; length++) {
      const V = past.logits.shape[1];
      const greedy = Array.from({ length: BATCH }, (_, row) =>
        argMax(expected.logits.subarray(row * V, (row + 1) * V)),
      );
      expectClose(past.logits.dataSync(), expected.logits, `${n} tokens and steps to ${length}`);
      expect([...past.token.dataSync()]).toEqual(greedy);
      expect([...past.length.dataSync()]).toEqual([length]);
      expect(sizeOfTree(past.state)).toBe(floats);
      if (length === most) break;
      const { logits, ...carried } = past;
      const kind = fixed.steps.findLast(({ every }) => (length + 1) % every === 0);
      past = kind?.run(params, carried as Carried) ?? past;
      disposeTree([logits, carried as Carried]);
      expected = step(expected.state, greedy);
    }
    disposeTree(past);
  }
}
