/** What the chunk size means: nothing to linear attention and DeltaNet, the reach of attention to BSBR. */
import type { SequenceModel } from '../../src/models/model.js';
import { type Config, expectClose, randomIds, SMALL, withSession } from '../support/session.js';

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

async function oneChunkIsSoftmax(create: Create): Promise<void> {
  const expected = await logitsOf(create, 'Softmax', {});
  for (const config of [{ chunk_size: T }, { chunk_size: 64, retrieval_norm: 'l2' as const }]) {
    const got = await logitsOf(create, 'BSBR', config);
    got.forEach((logits, i) => {
      expectClose(logits, expected[i] ?? [], `C ${config.chunk_size}, output ${i}`);
    });
  }
}

export const CHUNK_LAWS = {
  'LinearTransformer does not depend on C': chunkSizeDoesNotShow('LinearTransformer'),
  'DeltaNet does not depend on C': chunkSizeDoesNotShow('DeltaNet'),
  'Softmax does not depend on C': chunkSizeDoesNotShow('Softmax'),
  'BSBR with C >= T equals Softmax with the same weights': oneChunkIsSoftmax,
};
