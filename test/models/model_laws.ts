/** What every model obeys, whatever it is: each law is a function of a way to make small models. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { LAWS as ALL_LAWS } from '../../src/laws/laws.js';
import { fillLayers, layersIn } from '../../src/models/hybrid.js';
import type { SequenceModel } from '../../src/models/model.js';
import { modelOptions } from '../../src/models/registry.js';
import type { TransformerOptions } from '../../src/models/transformer.js';
import { randomWeights } from '../../src/models/weights.js';
import { sizeOfTree } from '../../src/tree.js';
import type { NaiveMixer } from '../naive/arrays.js';
import { ORACLES, type Oracle } from '../naive/oracles.js';
import { naiveTransformer } from '../naive/transformer.js';
import {
  type Config,
  expectClose,
  type Ids,
  mixerOf,
  prefix,
  randomIds,
  SEED,
  SMALL,
  withSession,
} from '../support/session.js';
import { fixedRoomEqualsModel } from './fixed_room_laws.js';

export interface Subject {
  /** Of a model, or the expression of a hybrid. */
  readonly name: string;
  /** What it is tried with unless a law says otherwise. */
  readonly config: Config;
  /** The model on the backend and in the run mode under test. */
  readonly create: (config?: Partial<Config>, options?: TransformerOptions) => Promise<SequenceModel>;
}
export type Law = (subject: Subject) => Promise<void>;

const C = SMALL.chunk_size;
/** Around the boundaries of chunks. */
const LENGTHS = [1, C - 1, C, C + 1, 63, 100];

const prefillEqualsOracle: Law = async ({ name, config, create }) => {
  const model = await create();
  const ids = randomIds(1, Math.max(...LENGTHS));
  const expected = oracleLogits(name, config, ids);
  withSession(model, ({ prefill }) => {
    for (const n of LENGTHS) expectClose(prefill(prefix(ids, n)).logits, expected(n), `prefill of ${n} tokens`);
  });
};

/** Past what softmax's tail holds (128), and past 8, 16 and 32 chunks. */
const buffersGrowUnseen: Law = async ({ name, create }) => {
  const model = await create({ numLayers: fewestLayers(name) });
  const n = 272;
  const ids = randomIds(1, n);
  withSession(model, (session) => {
    const { logits } = session.stepFrom(5, ids);
    for (const length of [64, 65, 72, 127, 128, 129, 136, 256, 257, n]) {
      expectClose(session.prefill(prefix(ids, length)).logits, logits.get(length - 1) ?? [], `at ${length} tokens`);
    }
    for (const length of [120, 128, 250]) {
      const resumed = session.stepFrom(length, prefix(ids, length + 24)).logits;
      for (const [t, got] of resumed) expectClose(got, logits.get(t) ?? [], `prefill of ${length}, position ${t}`);
    }
  });
};

const floatsAreCounted: Law = async ({ name, config: usual, create }) => {
  const configs: Partial<Config>[] = [{}, { numHeads: 4, kv_heads: 2, chunk_size: 5, compression_factor: 0 }];
  if ('compression_factor' in modelOptions(name)) configs.push({ compression_factor: 3 });
  for (const config of configs) {
    const model = await create(config);
    const full = { ...usual, ...config };
    const oracles = kindsOf(name, full).map(oracleOf);
    withSession(model, (session) => {
      for (const n of [1, C, C + 1, 100, 129]) {
        const { inUse, allocated } = model.stateFloats(n);
        expect(inUse, `in use at ${n}`).toBe(oracles.reduce((sum, { stateFloats }) => sum + stateFloats(full, n), 0));
        const ids = randomIds(2, n);
        expect(sizeOfTree(session.prefill(ids).state), `prefill of ${n}`).toBe(2 * allocated);
        expect(sizeOfTree(session.stepFrom(Math.max(1, n - 3), ids).state), `steps to ${n}`).toBe(2 * allocated);
      }
    });
    for (const n of [5000, 70_000]) {
      expect(model.stateFloats(n).allocated / model.stateFloats(n).inUse, `room at ${n}`).toBeLessThan(1.3);
    }
  }
};

const shapes = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  numHeads: fc.integer({ min: 1, max: 4 }),
  headDim: fc.integer({ min: 1, max: 6 }),
  tokens: fc.integer({ min: 1, max: 40 }),
  chunk_size: fc.integer({ min: 1, max: 12 }),
  compression_factor: fc.integer({ min: 0, max: 4 }),
  retrieval_norm: fc.constantFrom('none' as const, 'l2' as const),
  window_size: fc.integer({ min: 1, max: 12 }),
  isShared: fc.boolean(),
  split: fc.double({ min: 0, max: 1, noNaN: true }),
});

const anyShapeEqualsOracle: Law = ({ name, config: usual, create }) =>
  fc.assert(
    fc.asyncProperty(shapes, async ({ batch, headDim, tokens, isShared, split, ...shape }) => {
      const hiddenDim = shape.numHeads * headDim;
      const compression_factor = Math.min(shape.compression_factor, hiddenDim);
      const kv_heads = isShared && shape.numHeads % 2 === 0 ? shape.numHeads / 2 : shape.numHeads;
      const config = { ...usual, ...shape, scan_chunk: shape.chunk_size, hiddenDim, compression_factor, kv_heads };
      const model = await create(config);
      const ids = randomIds(batch, tokens);
      const expected = oracleLogits(name, config, ids);
      withSession(model, ({ prefill, stepFrom }) => {
        expectClose(prefill(ids).logits, expected(tokens), 'prefill');
        const { logits } = stepFrom(1 + Math.floor(split * (tokens - 1)), ids);
        for (const [t, got] of logits) expectClose(got, expected(t + 1), `position ${t}`);
      });
    }),
    { seed: 1, numRuns: 8 },
  );

/** The laws that check-laws holds models of one's own against, at these lengths; and options they are tried with. */
const SHARED: Readonly<Record<string, readonly [lengths: readonly number[], options?: TransformerOptions]>> = {
  'decode equals prefill of the longer prompt, wherever it starts': [[1, C - 1, C, C + 1, 2 * C, 2 * C + 5]],
  'prefill by segments equals prefill at once': [[]],
  'a row of a batch equals the row alone': [[2 * C + 3]],
  'the seed decides the output': [[2 * C + 1]],
  'a state steps twice to the same result and its successor outlives it': [[1, C - 1, C, 127, 128]],
  'a call leaves nothing behind but its result': [[1, C, 2 * C + 3, 127, 300], { segmentTokens: 128 }],
  'decode is steps that feed back the arg max': [[C - 3]],
};

const shared = (law: string): Law => {
  const [lengths, options] = SHARED[law]!;
  return ({ name, config, create }) =>
    ALL_LAWS[law]!({
      create: (shape, given) => create(shape, { ...options, ...given }),
      createMixer: (shape) => mixerOf(kindsOf(name, config)[0] as string, { ...config, ...shape }),
      shapes: [config],
      lengths,
    });
};

export const LAWS: Readonly<Record<string, Law>> = {
  ...Object.fromEntries(Object.keys(SHARED).map((law) => [law, shared(law)])),
  'prefill equals the float64 oracle at lengths around a chunk': prefillEqualsOracle,
  'prefill and decode equal the float64 oracle at any shape': anyShapeEqualsOracle,
  'decode equals prefill while buffers grow': buffersGrowUnseen,
  'the floats of a state are those of the closed form and of its buffers': floatsAreCounted,
  'with a fixed room, prefill and steps are those of the model': async ({ create }) =>
    withSession(await create(), fixedRoomEqualsModel),
};

const fewestLayers = (name: string): number => layersIn(name, 'test').reduce((sum, { count }) => sum + count, 0);
/** The model of each layer. */
const kindsOf = (name: string, { numLayers }: Config): string[] =>
  fillLayers(layersIn(name, 'test'), numLayers, 'test', 'num_layers');

function oracleOf(name: string): Oracle {
  const oracle = ORACLES[name];
  if (oracle === undefined) throw new Error(`test/naive/oracles.ts: must have an oracle for ${name}`);
  return oracle;
}

/** Logits [B, V] after the first n tokens, by the oracle. */
function oracleLogits(name: string, config: Config, ids: Ids): (n: number) => number[] {
  const mixers = kindsOf(name, config).map((kind) => oracleOf(kind).mixer);
  const run = naiveTransformer((layer) => mixers[layer] as NaiveMixer, randomWeights(SEED), config);
  const rows = ids.map(run);
  return (n) => rows.flatMap((row) => row[n - 1] ?? []);
}
