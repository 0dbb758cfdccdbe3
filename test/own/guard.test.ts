/** Laws held against models of one's own that break one rule each: the report names function, rule and the smallest place. */
import { beforeAll, describe, expect, test } from 'vitest';
import { messageOf } from '../../src/errors.js';
import type { LawSubject } from '../../src/laws/law.js';
import { LAWS } from '../../src/laws/laws.js';
import { type AnyMixer, type Recurrence, recurrent } from '../../src/models/mixer.js';
import type { ModelShape, SequenceModel } from '../../src/models/model.js';
import { type Dense, dense, denseParameters } from '../../src/models/parts/layers.js';
import { createTransformer } from '../../src/models/transformer.js';
import { guardMixer, guardModel, type OwnModel, watchCalls } from '../../src/own/guard.js';
import { trapping } from '../../src/own/traps.js';
import * as tf from '../../src/tf.js';
import type { Tree } from '../../src/tree.js';

beforeAll(async () => void (await tf.initBackend('wasm')));

const SHAPES: readonly ModelShape[] = [
  { vocabSize: 5, hiddenDim: 4, numLayers: 1, numHeads: 1, ffDim: 4 },
  { vocabSize: 7, hiddenDim: 4, numLayers: 2, numHeads: 2, ffDim: 4 },
];
const LENGTHS = [1, 2, 3, 5, 8];
const D = 4;

type Sums = Recurrence<{ readonly v: Dense; readonly o: Dense }, tf.Tensor2D>;

/** S_t = S_{t-1} + W_v x_t, read through W_o. */
const SUM: Sums = {
  parameters: (weights) => ({ v: denseParameters(weights, ['v'], D, D), o: denseParameters(weights, ['o'], D, D) }),
  empty: (B) => tf.zeros([B, D]),
  prefill({ v, o }, past, x, lastOnly) {
    const [B, T] = x.shape;
    const states = tf.add(tf.cumsum(dense(x, v), 1), tf.expandDims(past, 1)) as tf.Tensor3D;
    const last = tf.slice(states, [0, T - 1, 0], [B, 1, D]);
    return { y: dense(lastOnly ? last : states, o), state: tf.reshape(last, [B, D]) };
  },
  step({ v, o }, past, x) {
    const state = tf.add(past, dense(x, v)) as tf.Tensor2D;
    return { y: dense(state, o), state };
  },
  stateFloats: D,
};

const subjectOf = (mixer: (shape: ModelShape) => AnyMixer): LawSubject => ({
  create: async (shape, options) =>
    createTransformer('Mine', shape, Array(shape.numLayers).fill(mixer(shape)), options) as unknown as SequenceModel,
  createMixer: async (shape) => mixer(shape),
  shapes: SHAPES,
  lengths: LENGTHS,
});
const guarded = (mixer: Sums): LawSubject =>
  subjectOf((shape) => guardMixer('Mine', () => recurrent(mixer) as unknown as AnyMixer, shape));

/** What each law that does not hold says. */
async function broken(subject: LawSubject, laws = Object.keys(LAWS)): Promise<Record<string, string>> {
  watchCalls(trapping());
  try {
    const found: Record<string, string> = {};
    for (const law of laws) {
      await LAWS[law]!(subject).catch((error: unknown) => {
        found[law] = messageOf(error);
      });
    }
    return found;
  } finally {
    watchCalls(null);
  }
}

test('a model that obeys breaks no law', async () => {
  expect(await broken(guarded(SUM))).toEqual({});
});

const FUTURE = 'future tokens do not move what is there';
const STATE = 'logits and state are finite, and the state holds the floats that stateFloats says';
const DECODE = 'decode equals prefill of the longer prompt, wherever it starts';
const LEAKS = 'a call leaves nothing behind but its result';
const ROWS = 'a row of a batch equals the row alone';
const SEGMENTS = 'prefill by segments equals prefill at once';

const kept: Sums['step'] = (params, past, x) => {
  tf.keep(tf.add(x, 1));
  return SUM.step(params, past, x);
};

test.each<[what: string, change: Partial<Sums>, law: string, said: string]>([
  [
    'sees the future',
    {
      prefill: (params, past, x, lastOnly) => {
        const { y, state } = SUM.prefill(params, past, x, lastOnly);
        return { y: tf.add(y, tf.mean(x, 1, true)) as tf.Tensor3D, state };
      },
    },
    FUTURE,
    'prefill of 2 tokens, all but the first 1 changed: must give the same for those (d = 4, H = 1, L = 1), got',
  ],
  [
    'forgets its state in a step',
    { step: (params, past, x) => SUM.step(params, tf.zerosLike(past), x) },
    DECODE,
    'prefill of 2 tokens: must give what a prefill of 1 token and 1 steps give (d = 4, H = 1, L = 1), got a relative error',
  ],
  [
    'forgets its state from one segment to the next',
    { prefill: (params, past, x, lastOnly) => SUM.prefill(params, tf.zerosLike(past), x, lastOnly) },
    SEGMENTS,
    'prefill of 290 tokens by segments of 64, then 0 steps: must give what it gives at once (d = 4, H = 2, L = 2), got',
  ],
  [
    'mixes rows',
    { step: (params, past, x) => SUM.step(params, past, tf.add(x, tf.mean(x, 0, true)) as tf.Tensor2D) },
    ROWS,
    'row 0 of 3, 5 tokens (d = 4, H = 1, L = 1): must give what the row gives alone',
  ],
  [
    'throws',
    {
      step() {
        throw new TypeError('q is not a function');
      },
    },
    DECODE,
    'Mine: step: must not throw, got TypeError: q is not a function (guard.test.ts:',
  ],
  [
    'returns another shape',
    { prefill: (params, past, x) => SUM.prefill(params, past, x, false) },
    DECODE,
    'Mine: prefill: y of x [1,2,4], lastOnly: must be [1,1,4], got [1,2,4]',
  ],
  [
    'returns no tensor',
    { step: (params, past, x) => ({ ...SUM.step(params, past, x), y: null as unknown as tf.Tensor2D }) },
    DECODE,
    'Mine: step: y of x [1,4]: must be a tensor [1,4], got object',
  ],
  [
    'leaks',
    { step: kept },
    LEAKS,
    'step after 1 tokens (d = 4, H = 1, L = 1): must leave nothing behind but its result, got 1',
  ],
  [
    'disposes of its arguments',
    {
      step(params, past, x) {
        const result = SUM.step(params, past, x);
        past.dispose();
        return result;
      },
    },
    DECODE,
    'Mine: step: must leave its arguments to the caller, got one that it disposed of',
  ],
  ['counts its state wrongly', { stateFloats: 5 }, STATE, 'must hold 10 floats, as stateFloats says, got 8'],
  [
    'reads the clock',
    { step: (params, past, x) => SUM.step(params, past, tf.add(x, Date.now() % 1) as tf.Tensor2D) },
    DECODE,
    'Mine: step: must not read the clock, got a call of Date.now',
  ],
  [
    'reads the clock another way',
    { step: (params, past, x) => SUM.step(params, past, tf.add(x, new Date().getFullYear()) as tf.Tensor2D) },
    DECODE,
    'Mine: step: must not read the clock, got a call of Date',
  ],
  [
    'throws dice',
    { step: (params, past, x) => SUM.step(params, past, tf.add(x, Math.random()) as tf.Tensor2D) },
    DECODE,
    'Mine: step: must not draw random numbers but those of its weights, got a call of Math.random',
  ],
  [
    'reads values',
    { step: (params, past, x) => SUM.step(params, past, tf.add(x, (x.dataSync()[0] as number) * 0) as tf.Tensor2D) },
    DECODE,
    'Mine: step: must not read values of tensors, which a graph has not yet, got a call of dataSync',
  ],
])('a mixer that %s breaks a law, and the report says where', async (_, change, law, said) => {
  const found = await broken(guarded({ ...SUM, ...change }), [law]);
  expect(found[law]).toContain(said);
  expect(Date.now()).toBeGreaterThan(0); // no trap is left behind
});

describe('a mixer without a function', () => {
  test.each([
    [{ parameters: undefined }, 'Mine: mixer: must have a function parameters, got undefined'],
    [{ step: 3 }, 'Mine: mixer: must have a function step, got number'],
  ])('%j is refused', (change, said) => {
    const mixer = { ...recurrent(SUM), ...change } as unknown as AnyMixer;
    expect(() => guardMixer('Mine', () => mixer, SHAPES[0]!)).toThrow(said);
  });
});

/** A whole model: logits are a map of a sum of embeddings. */
const whole = ({ vocabSize: V }: ModelShape): OwnModel => {
  type P = { readonly e: tf.Tensor2D; readonly head: Dense };
  const out = ({ head }: P, state: tf.Tensor2D) => ({ logits: dense(state, head), state });
  const given = (params: Tree): P => params as unknown as P;
  return {
    init: (weights) => ({
      e: tf.tensor2d(weights.get('embedding.weight', [V, D]), [V, D]),
      head: denseParameters(weights, ['head'], V, D),
    }),
    prefill: (params, tokens) => tf.tidy(() => out(given(params), tf.sum(tf.gather(given(params).e, tokens), 1))),
    step: (params, past, token) =>
      tf.tidy(() => out(given(params), tf.add(past as tf.Tensor2D, tf.gather(given(params).e, token)))),
    stateFloats: () => ({ inUse: D, allocated: D }),
  };
};
const subjectOfWhole = (make: (shape: ModelShape) => OwnModel): LawSubject => ({
  create: async (shape) => guardModel('Mine', () => make(shape), shape),
  createMixer: null,
  shapes: SHAPES,
  lengths: LENGTHS,
});

test('a whole model that obeys breaks no law, and decodes by its steps', async () => {
  expect(await broken(subjectOfWhole(whole))).toEqual({});
});

test('a whole model that leaks, or returns logits of another shape, is told so', async () => {
  const leaking = (shape: ModelShape): OwnModel => {
    const model = whole(shape);
    const prefill: OwnModel['prefill'] = (params, tokens) => {
      tf.add(tokens, 1);
      return model.prefill(params, tokens);
    };
    return { ...model, prefill };
  };
  expect((await broken(subjectOfWhole(leaking), [LEAKS]))[LEAKS]).toMatch(/^prefill of 1 tokens .* got 1 tensors$/);
  const flat = (shape: ModelShape): OwnModel => ({
    ...whole(shape),
    step: (_, state) => ({ logits: tf.zeros([1, 3]), state: tf.clone(state as tf.Tensor) }),
  });
  expect((await broken(subjectOfWhole(flat), [DECODE]))[DECODE]).toBe(
    'Mine: step: logits of token [1]: must be [1,5], got [1,3]',
  );
});
