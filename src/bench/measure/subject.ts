/** A model with its parameters, and its two ways along a sequence of tokens. */
import type { Output, SequenceModel } from '../../models/model.js';
import * as tf from '../../tf.js';
import { disposeTree, leaves, type Tree } from '../../tree.js';
import type { Ids, Place, Walker } from './walker.js';

export interface Subject {
  readonly model: SequenceModel;
  readonly params: Tree;
}

/** Ids [B, T]. */
export const tensorOf = (ids: Ids): tf.Tensor2D =>
  tf.tensor2d(Int32Array.from(ids.flat()), [ids.length, ids[0]?.length ?? 0], 'int32');

/** A model in this process. */
export const walkerOf = (subject: Subject): Walker => ({
  ...{ name: subject.model.name, period: subject.model.period },
  stateFloats: (length) => subject.model.stateFloats(length).allocated,
  walk: (ids, start) => walk(subject, ids, start),
});

async function* walk({ model, params }: Subject, ids: Ids, start: number): AsyncGenerator<Place> {
  const prompt = tensorOf(ids.map((row) => row.slice(0, start)));
  let out = model.prefill(params, prompt);
  prompt.dispose();
  const place = ({ logits, state }: Output<Tree>, length: number): Place => ({
    ...{ length, logits: logits.dataSync() },
    state: () => leaves(state).map((leaf) => leaf.dataSync()),
  });
  try {
    yield place(out, start);
    for (let length = start + 1; length <= (ids[0]?.length ?? 0); length++) {
      const token = tf.tensor1d(Int32Array.from(ids, (row) => row[length - 1] as number));
      const next = model.step(params, out.state, token);
      disposeTree([out.logits, out.state, token]);
      out = next;
      yield place(out, length);
    }
  } finally {
    disposeTree([out.logits, out.state]);
  }
}
