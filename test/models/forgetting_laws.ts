/**
 * Whole mixers whose state decays, with weights that make it forget nothing, everything or all between: what decay_laws.ts
 * holds the rules against, through the models' own decays, gates and convolutions, and Mamba2's own chunks.
 */
import { expect } from 'vitest';
import type { AnyMixer } from '../../src/models/mixer.js';
import type { Runner } from '../../src/models/model.js';
import { eager } from '../../src/models/transformer.js';
import { randomWeights, type WeightSource } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { disposeTree, leaves, type Tree, tidyTree } from '../../src/tree.js';
import { denseWithoutBias, dot, type Matrix, unflatten, type Vector } from '../naive/arrays.js';
import { ORACLES } from '../naive/oracles.js';
import { expectClose, mixerOf, normals, SEED, SMALL } from '../support/session.js';

const d = SMALL.hiddenDim;
/** Tokens; how many of them are a prefill of their own, which is no number of whole chunks; and how many are stepped. */
const [T, FIRST, STEPS] = [4096, 2500, 512];
const TOLERANCE = 1e-4;
/** Of steps: where g and S stay, each rounds S in one direction, by half of its last place at most. */
const STEPPED = TOLERANCE + STEPS * 2 ** -25;

/** What becomes of entry i of some weights, by their names. */
type Changes = Readonly<Record<string, (value: number, i: number) => number>>;

const weightsWith = (changes: Changes): WeightSource => ({
  get(name, shape) {
    const values = randomWeights(SEED).get(name, shape);
    return changes[name] ? values.map(changes[name]) : values;
  },
});

const to = (value: number) => () => value;
const times = (factor: number) => (value: number) => factor * value;
/** Entries in turn. */
const inTurn =
  (...values: readonly number[]) =>
  (_: number, i: number): number =>
    values[i % values.length] as number;

type Decays = Readonly<Record<'none' | 'all' | 'strong', Changes>>;
/** Of the model whose decay no weight changes there is only its own. */
const DECAYS: Readonly<Record<string, Decays>> = {
  RetNet: { none: {}, all: {}, strong: {} },
  GLA: {
    none: { 'f2.bias': to(1e4) },
    all: { 'f2.bias': to(-2e4) },
    // 1 to e^-10,000 a token, neighbouring channels far apart, and swinging from token to token
    strong: { 'f2.bias': inTurn(1e4, -800, 0, -1.6e5, 300), 'f2.weight': times(200) },
  },
  Mamba2: {
    none: { A_log: to(-200) },
    all: { A_log: to(12), dt_bias: to(0) },
    // one head keeps everything, the other forgets by 1 to e^-1,000 a token
    strong: { A_log: inTurn(-14, 4), 'dt.weight': times(8), dt_bias: to(0) },
  },
  GatedDeltaNet: {
    none: { A_log: to(-200) },
    all: { A_log: to(12), dt_bias: to(0) },
    strong: { A_log: inTurn(-14, 6), 'a.weight': times(8), dt_bias: to(0) },
  },
  KDA: {
    none: { A_log: to(-200) },
    all: { A_log: to(12), dt_bias: to(0) },
    strong: { A_log: inTurn(1, 5), 'f2.weight': times(6), dt_bias: inTurn(-20, 0, 20, -3, 8) },
  },
};

/** x [tokens, d]: noise, and the same token again and again for 500 tokens of each 1,000. */
function inputs(tokens: number): Matrix {
  const rows = unflatten(Array.from(normals(tokens * d, 1, 'x')), d);
  return rows.map((row, t) => (t % 1000 < 500 ? row : (rows[t - (t % 1000)] as Vector)));
}

/** A mixer with its parameters, whose results are its caller's. */
interface Mixing {
  readonly mixer: AnyMixer;
  readonly params: Tree;
}

async function withMixer(name: string, changes: Changes, use: (mixing: Mixing) => void, config = SMALL): Promise<void> {
  const mixer = await mixerOf(name, config);
  const params = tidyTree(() => mixer.parameters(weightsWith(changes)));
  use({ mixer, params });
  disposeTree(params);
}

const START = () => ({ settled: tf.scalar(0), slot: tf.scalar(0) });

/** y of x, prefill by prefill of `sizes` tokens, and the state after them. */
function byPrefills({ mixer, params }: Mixing, x: Matrix, run: Runner, sizes: readonly number[] = [x.length]) {
  const prefill = run(
    (own: Tree, state: Tree, input: tf.Tensor3D) => {
      const past = { ...mixer.empty(1), moving: state };
      const { y, state: after } = mixer.prefill(own, past, input, START(), false);
      return { y, moving: after.moving };
    },
    { optimize: 'whole' },
  );
  const y: number[] = [];
  let state = tidyTree(() => mixer.empty(1).moving);
  let start = 0;
  for (const size of sizes) {
    const input = tf.tensor3d([x.slice(start, start + size) as number[][]]);
    const out = prefill(params, state, input);
    y.push(...out.y.dataSync());
    disposeTree([state, input, out.y]);
    state = out.moving;
    start += size;
  }
  return { y: unflatten(y, d), state };
}

/** The same by a step a token, from a state that is disposed of. */
function bySteps({ mixer, params }: Mixing, x: Matrix, start = tidyTree(() => mixer.empty(1).moving)) {
  let state = start;
  const y = x.map((x_t) => {
    const before = state;
    const next = tidyTree(() => {
      const out = mixer.step(params, before, [], tf.tensor2d([x_t as number[]]), START());
      return { y: out.y, moving: out.moving };
    });
    disposeTree(before);
    state = next.moving;
    const values = [...next.y.dataSync()];
    next.y.dispose();
    return values;
  });
  return { y, state };
}

const rms = (values: Vector): number => Math.sqrt(dot(values, values) / values.length);

/** Position by position; where y is all but 0, against a hundredth of what it mostly is. */
function expectPositions(got: Matrix, expected: Matrix, how: string, tolerance = TOLERANCE): void {
  const usual = rms(expected.flat());
  let worst = 0;
  for (const [t, y] of got.entries()) {
    const wanted = expected[t] as Vector;
    const ratio = rms(y.map((value, i) => value - (wanted[i] as number))) / Math.max(rms(wanted), usual / 100);
    worst = ratio <= worst ? worst : ratio; // a NaN stays
  }
  expect(worst, how).toBeLessThan(tolerance);
}

type Law = (mode: { readonly run?: Runner }) => Promise<void>;

/** Laws 2, 3 and 8 of the decays: by chunks on the mode, and by steps where they are cheap. */
const matchesOracle =
  (name: string): Law =>
  async ({ run = eager }) => {
    for (const [kind, changes] of Object.entries(DECAYS[name] as Decays)) {
      const x = inputs(kind === 'strong' ? T : 200);
      const expected = (ORACLES[name] as (typeof ORACLES)[string]).mixer(weightsWith(changes), SMALL)(x);
      const sizes = kind === 'strong' ? [FIRST, T - FIRST] : [77, 123];
      await withMixer(name, changes, (mixing) => {
        const chunked = byPrefills(mixing, x, run, sizes);
        expectPositions(chunked.y, expected, `${kind}, by chunks`);
        if (run === eager) {
          const stepped = bySteps(mixing, x.slice(0, STEPS));
          expectPositions(stepped.y, expected.slice(0, STEPS), `${kind}, by steps`, STEPPED);
          disposeTree(stepped.state);
        }
        disposeTree(chunked.state);
      });
    }
  };

/** Tokens that a model's convolution sees before a token. */
const REACH: Readonly<Record<string, number>> = { GLA: 0, Mamba2: 3, GatedDeltaNet: 3, KDA: 3 };

/** Whatever was there before the reach of the convolution. */
const forgetsAll = (name: string) => async (): Promise<void> => {
  const [tokens, changed] = [29, 20];
  const x = inputs(tokens);
  const other = x.map((row, t) => (t < changed ? row.map((value) => 3 - 2 * value) : row));
  await withMixer(name, (DECAYS[name] as Decays).all, (mixing) => {
    for (const by of [(rows: Matrix) => byPrefills(mixing, rows, eager), (rows: Matrix) => bySteps(mixing, rows)]) {
      const [one, two] = [by(x), by(other)];
      const from = changed + (REACH[name] as number);
      expect(two.y.slice(from)).toEqual(one.y.slice(from));
      expect(two.y[from - 1]).not.toEqual(one.y[from - 1]);
      disposeTree([one.state, two.state]);
    }
  });
};

/** The first channel is 1 in every token, and W_b reads it alone. */
const betaOf0AddsNothing = (name: string) => async (): Promise<void> => {
  const x = inputs(29).map(([, ...rest]) => [1, ...rest]);
  await withMixer(name, { 'beta.weight': (_, i) => (i % d === 0 ? -1e4 : 0) }, (mixing) => {
    for (const { y, state } of [byPrefills(mixing, x, eager), bySteps(mixing, x)]) {
      expect(y.flat().every((value) => value === 0)).toBe(true);
      disposeTree(state);
    }
  });
};

/** Steps that are all but 0 write nothing, as keys that are 0 do. */
async function skipAloneIsLeft(): Promise<void> {
  const x = inputs(29);
  const results: Matrix[] = [];
  for (const changes of [{ dt_bias: to(-30) }, { 'k_conv.weight': to(0), 'k_conv.bias': to(0) }]) {
    await withMixer('Mamba2', changes, (mixing) => {
      for (const { y, state } of [byPrefills(mixing, x, eager), bySteps(mixing, x)]) {
        results.push(y);
        disposeTree(state);
      }
    });
  }
  for (const y of results) expectClose(y.flat(), results[3]?.flat() ?? [], 'the skip', 1e-6);
}

/** 4,096 times. RetNet's slowest head keeps 1 − 2^(−5−h) a token, and so no more than 2^(5+h) tokens. */
const staysBounded = (name: string) => async (): Promise<void> => {
  const [x_t] = inputs(1) as [Vector];
  const x = Array.from({ length: T }, () => x_t);
  const last = x.slice(-32);
  await withMixer(name, {}, (mixing) => {
    const before = byPrefills(mixing, x.slice(last.length), eager);
    const states = [byPrefills(mixing, x, eager), bySteps(mixing, last, before.state)].map(({ state }) => {
      const values = leaves(state).map((leaf) => [...leaf.dataSync()]);
      disposeTree(state);
      return values;
    }) as [number[][], number[][]];
    expectClose(states[0].flat(), states[1].flat(), 'chunks and steps', 1e-4);
    if (name !== 'RetNet') return;
    const [H, D] = [SMALL.numHeads, d / SMALL.numHeads];
    const [k, v] = ['k', 'v'].map((map) => denseWithoutBias(randomWeights(SEED), map, d, d)(x_t)) as [Vector, Vector];
    unflatten(states[0][0] ?? [], D * D).forEach((S, h) => {
      const [k_h, v_h] = [k, v].map((all) => unflatten(all, D)[h] as Vector) as [Vector, Vector];
      const bound = Math.sqrt(dot(k_h, k_h) * dot(v_h, v_h)) * 2 ** (5 + h);
      const size = Math.sqrt(dot(S, S));
      expect(size, `head ${h} of ${H}`).toBeLessThan(1.00001 * bound);
      expect(size, `head ${h} of ${H}`).toBeGreaterThan(0.99 * bound);
    });
  });
};

const strongLaws = (...names: readonly string[]): Readonly<Record<string, Law>> =>
  Object.fromEntries(names.map((name) => [`${name} is its oracle with decays of all strengths`, matchesOracle(name)]));

/** Also for what is compiled. */
export const STRONG_MODELS = strongLaws(...Object.keys(DECAYS));
/** Of the model whose chunks are its own. */
export const STRONG_CHUNKS = strongLaws('Mamba2');

export const FORGETTING_LAWS: Readonly<Record<string, () => Promise<void>>> = Object.fromEntries([
  ...Object.keys(REACH).map((name) => [`${name}: a decay of 0 leaves a token itself`, forgetsAll(name)]),
  ...['DeltaNet', 'GatedDeltaNet', 'KDA'].map((name) => [`${name}: beta = 0 adds exactly 0`, betaOf0AddsNothing(name)]),
  ['Mamba2: with steps of 0 the skip alone is left', skipAloneIsLeft],
  ...Object.keys(DECAYS).map((name) => [`${name}: one token 4,096 times leaves its state bounded`, staysBounded(name)]),
]);
