/** What every mixer obeys on its own, where all positions can be seen. */
import { futureIsUnseen as futureOf } from '../../src/laws/mixer_law.js';
import type { AnyMixer, Cursor } from '../../src/models/mixer.js';
import type { ModelShape } from '../../src/models/model.js';
import { growing } from '../../src/models/parts/attention.js';
import { randomWeights } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { tidyTree } from '../../src/tree.js';
import { unflatten } from '../naive/arrays.js';
import { ORACLES } from '../naive/oracles.js';
import { type Config, expectClose, mixerOf, normals, SEED, SMALL } from '../support/session.js';

const T = 29;
const CONFIGS: readonly Config[] = [
  SMALL,
  { ...SMALL, numHeads: 4, chunk_size: 3, scan_chunk: 3, compression_factor: 0, retrieval_norm: 'l2' },
];

type Mix = (x: Float32Array, tokens: number, lastOnly?: boolean) => Float32Array;

/** y of x [tokens, d] from the empty state. */
function mixOf(mixer: AnyMixer, { hiddenDim: d }: Config): Mix {
  return (x, tokens, lastOnly = false) =>
    tf.tidy(() => {
      const params = mixer.parameters(randomWeights(SEED));
      const input = tf.tensor3d(x.subarray(0, tokens * d), [1, tokens, d]);
      return mixer.prefill(params, mixer.empty(1), input, cursorAt(mixer, 0), lastOnly).y.dataSync<'float32'>().slice();
    });
}

const settledAt = ({ closing }: AnyMixer, n: number): number => n - (n % (closing?.period ?? 1));

const cursorAt = (mixer: AnyMixer, n: number): Cursor => ({
  settled: tf.scalar(settledAt(mixer, n)),
  slot: tf.scalar(n - settledAt(mixer, n)),
});

const NEVER = async (): Promise<never> => Promise.reject(new Error('no model is made'));

const futureIsUnseen = (name: string) => async () => {
  for (const config of CONFIGS) {
    const createMixer = (shape: ModelShape) => mixerOf(name, { ...config, ...shape });
    await futureOf({ create: NEVER, createMixer, shapes: [config], lengths: [1, 2, 3, 7, 8, 9, 16, 27, T - 1, T] });
  }
};

const everyPositionEqualsOracle = (name: string) => async () => {
  for (const config of CONFIGS) {
    const d = config.hiddenDim;
    const mixer = await mixerOf(name, config);
    const mix = mixOf(mixer, config);
    const x = normals(T * d, 1, 'x');
    const expected = (ORACLES[name] as (typeof ORACLES)[string]).mixer(
      randomWeights(SEED),
      config,
    )(unflatten(Array.from(x), d));
    unflatten(Array.from(mix(x, T)), d).forEach((y, t) => {
      expectClose(y, expected[t] ?? [], `position ${t}`);
    });
    for (let n = 1; n <= T; n++) expectClose(mix(x, n, true), expected[n - 1] ?? [], `the last of ${n} positions`);
    stepsOf(mixer, x, d).forEach((y, t) => {
      expectClose(y, expected[t] ?? [], `step ${t}`);
    });
  }
};

/** y of each token of x [T, d], a step a token. */
function stepsOf(mixer: AnyMixer, x: Float32Array, d: number): Float32Array[] {
  return tf.tidy(() => {
    const params = mixer.parameters(randomWeights(SEED));
    let state = mixer.empty(1);
    return Array.from({ length: T }, (_, t) => {
      const token = tf.tensor2d(x.subarray(t * d, (t + 1) * d), [1, d]);
      const at = cursorAt(mixer, t);
      const { closing } = mixer;
      if (closing === null || (t + 1) % closing.period !== 0) {
        const { y, moving } = tidyTree(() => mixer.step(params, state.moving, state.seen, token, at));
        state = { ...state, moving };
        return y.dataSync<'float32'>().slice();
      }
      const { y, state: after, rows } = tidyTree(() => closing.step(params, state, token, at));
      state = closing.append(after, rows, growing(settledAt(mixer, t)));
      return y.dataSync<'float32'>().slice();
    });
  });
}

export const MIXER_LAWS: Readonly<Record<string, () => Promise<void>>> = Object.fromEntries(
  Object.keys(ORACLES).flatMap((name) => [
    [`${name}: future tokens do not move what is there`, futureIsUnseen(name)],
    [`${name}: every position equals the float64 oracle`, everyPositionEqualsOracle(name)],
  ]),
);
