/**
 * A transformer as functions of tensors alone, whose buffers have room for `most` tokens from the start: the tokens so far
 * are an argument, so all steps of a kind are one function and can be written to a file.
 */
import * as tf from '../tf.js';
import { type Tree, tidyTree } from '../tree.js';
import type { AnyMixer, Cursor, LayerState } from './mixer.js';
import type { FixedRoom, ModelShape, Stepped } from './model.js';
import { makingRoom, placing } from './parts/attention.js';
import { createPositions } from './parts/positions.js';
import {
  appendAll,
  closingPass,
  type Ended,
  type Parameters,
  type Place,
  periodOf,
  stepPass,
  withMoving,
} from './passes.js';

type Layers = readonly LayerState[];

/** @param prefill of a state with as much room as it needs */
export function fixedRoom(
  { hiddenDim }: ModelShape,
  mixers: readonly AnyMixer[],
  most: number,
  prefill: (params: Parameters, tokens: tf.Tensor2D) => { logits: tf.Tensor2D; state: { layers: Layers } },
): FixedRoom<Parameters, Layers> {
  const positionsOf = createPositions(hiddenDim);
  const place = (length: tf.Tensor1D): Place => ({
    at: Object.fromEntries([1, ...periodsOf(mixers)].map((period) => [period, cursorAt(period, length)])),
    positions: tf.gather(tf.tensor2d(positionsOf(0, most), [most, hiddenDim]), length),
  });
  return {
    prefill: (params, tokens) =>
      tidyTree(() => {
        const { logits, state } = prefill(params, tokens);
        const none = { layers: state.layers, rows: mixers.map(() => []) };
        const layers = appendAll(mixers, none, (period) => makingRoom(most - (most % period)));
        return stepped(logits, tf.tensor1d([tokens.shape[1]], 'int32'), layers);
      }),
    steps: kindsOf(mixers).map((every) => {
      const closes = mixers.map((mixer) => mixer.closing !== null && every % periodOf(mixer) === 0);
      const pass = closes.includes(true) ? closingPass(mixers, closes) : insidePass(mixers);
      return {
        every,
        run: (params, { token, length, state }) =>
          tidyTree(() => {
            const at = place(length);
            const { logits, ...ended } = pass(params, state, token, at);
            const layers = appendAll(mixers, ended, (period) => placing((at.at[period] as Cursor).settled));
            return stepped(logits, tf.add(length, tf.scalar(1, 'int32')), layers);
          }),
      };
    }),
  };
}

const stepped = (logits: tf.Tensor2D, length: tf.Tensor1D, state: Layers): Stepped<Layers> => ({
  ...{ logits, token: tf.cast(tf.argMax(logits, -1), 'int32') as tf.Tensor1D, length, state },
});

/** A step that ends no period, as one that may. */
function insidePass(mixers: readonly AnyMixer[]) {
  const step = stepPass(mixers);
  return (params: Parameters, state: Layers, ids: tf.Tensor1D, at: Place): Ended & { logits: tf.Tensor2D } => {
    const past = [state.map(({ moving }) => moving), state.map(({ seen }) => seen)] as const;
    const { logits, moving } = step(params, ...past, ids, at);
    return { logits, layers: state.map((layer, i) => withMoving(layer, moving[i] as Tree)), rows: state.map(() => []) };
  };
}

/** A cursor out of the tokens so far, [1]. */
function cursorAt(period: number, length: tf.Tensor1D): Cursor {
  const slot = tf.mod(length, tf.scalar(period, 'int32'));
  const scalar = (x: tf.Tensor): tf.Scalar => tf.reshape(tf.cast(x, 'float32'), []);
  return { settled: scalar(tf.sub(length, slot)), slot: scalar(slot) };
}

const periodsOf = (mixers: readonly AnyMixer[]): number[] => [
  ...new Set(mixers.flatMap(({ closing }) => (closing === null ? [] : [closing.period]))),
];

/** Steps that end other periods are of other kinds: the least common multiples of the periods, and 1 of those that end none. */
function kindsOf(mixers: readonly AnyMixer[]): number[] {
  const kinds = new Set([1]);
  for (const period of periodsOf(mixers)) for (const kind of [...kinds]) kinds.add(leastCommonMultiple(kind, period));
  return [...kinds].sort((a, b) => a - b);
}

export const leastCommonMultiple = (a: number, b: number): number => (a / greatestCommonDivisor(a, b)) * b;
const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
