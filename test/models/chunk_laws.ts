/** What the chunk size means: the reach of attention to BSBR, nothing to all others; and the window size, the reach of SlidingWindow. */
import { expect } from 'vitest';
import type { SequenceModel } from '../../src/models/model.js';
import { type Config, expectClose, type Ids, prefix, randomIds, SMALL, withSession } from '../support/session.js';

type Create = (name: string, config: Config) => Promise<SequenceModel>;

const T = 50;
const ids = randomIds(2, T);

/** Logits of every position from 20 on, prefill of 20 tokens first. */
async function logitsOf(create: Create, name: string, config: Partial<Config>): Promise<Float32Array[]> {
  const model = await create(name, { ...SMALL, ...config });
  return withSession(model, ({ stepFrom, prefill }) => [...stepFrom(20, ids).logits.values(), prefill(ids).logits]);
}

const chunkSizeDoesNotShow = (name: string) => async (create: Create) => {
  const expected = await logitsOf(create, name, { chunk_size: T, scan_chunk: T });
  for (const C of [1, 7, 16, 64]) {
    const got = await logitsOf(create, name, { chunk_size: C, scan_chunk: C });
    got.forEach((logits, i) => {
      expectClose(logits, expected[i] ?? [], `C ${C}, output ${i}`);
    });
  }
};

const isSoftmax =
  (name: string, ...configs: readonly Partial<Config>[]) =>
  async (create: Create) => {
    const expected = await logitsOf(create, 'Softmax', {});
    for (const config of configs) {
      const got = await logitsOf(create, name, config);
      got.forEach((logits, i) => {
        expectClose(logits, expected[i] ?? [], `${JSON.stringify(config)}, output ${i}`);
      });
    }
  };

/** In one layer: w or more tokens back there may be any. */
async function windowEnds(create: Create): Promise<void> {
  for (const w of [1, 7, 40]) {
    const model = await create('SlidingWindow', { ...SMALL, numLayers: 1, window_size: w });
    const other = ids.map(([first = 0, ...rest]) => [(first + 1) % SMALL.vocabSize, ...rest]);
    withSession(model, ({ prefill, stepFrom }) => {
      for (const n of [w + 1, w + 2, 2 * w + 1]) {
        const logits = (of: Ids) => prefill(prefix(of, n)).logits;
        expect(logits(other), `w ${w}, prefill of ${n}`).toEqual(logits(ids));
      }
      const past = (of: Ids) => [...stepFrom(1, prefix(of, w + 3)).logits.values()];
      const [changed, same] = [past(other), past(ids)];
      expect(changed.slice(w), `w ${w}, steps`).toEqual(same.slice(w));
      expect(changed[w - 1], `w ${w}, the last step that sees it`).not.toEqual(same[w - 1]);
    });
  }
}

const chunkSizesOf = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [`${name} does not depend on C`, chunkSizeDoesNotShow(name)]));

/** Of the models that are not run in every mode. */
export const KINDRED_CHUNK_LAWS = chunkSizesOf('RetNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA');
export const CHUNK_LAWS = {
  ...chunkSizesOf('LinearTransformer', 'DeltaNet', 'Softmax'),
  'BSBR with C >= T equals Softmax with the same weights': isSoftmax(
    'BSBR',
    { chunk_size: T },
    { chunk_size: 64, retrieval_norm: 'l2' },
  ),
  'SlidingWindow with w >= T equals Softmax with the same weights': isSoftmax(
    'SlidingWindow',
    { window_size: T },
    { window_size: 200 },
  ),
  'a token w or more back has no effect in a layer of SlidingWindow': windowEnds,
};
