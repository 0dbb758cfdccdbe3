/**
 * q, k and v out of maps that pass a short depthwise causal convolution, then SiLU:
 *
 *     y_t = silu( Σ_{i=0..3} c_i x_{t-3+i} + b )        zeros before the start; the bias is for models that have one
 */
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';
import { denseWeight, matMulLast, silu } from './layers.js';

/** Width w of the convolutions: a token and the three before it. */
const CONV_WIDTH = 4;

/** The maps and their convolutions side by side: q, k, v. */
export type ShortConv = {
  readonly weight: tf.Tensor2D; // [d, widths]
  readonly taps: tf.Tensor2D; // [w, widths], the last row is the newest token's
  readonly bias?: tf.Tensor1D; // [widths]
};

/** Outputs of q, of k and of v. */
export type Widths = readonly [q: number, k: number, v: number];

/** The last inputs of the convolutions, [B, w - 1, widths]. */
export type Window = tf.Tensor3D;

const total = (widths: Widths): number => widths[0] + widths[1] + widths[2];

export const emptyWindow = (B: number, widths: Widths): Window => tf.zeros([B, CONV_WIDTH - 1, total(widths)]);
export const windowFloats = (widths: Widths): number => (CONV_WIDTH - 1) * total(widths);

export function convParameters(weights: WeightSource, d: number, widths: Widths, hasBias = false): ShortConv {
  const names = (['q', 'k', 'v'] as const).map((name, i) => [name, widths[i] as number] as const);
  const taps = names.map(([name, width]) =>
    tf.tensor2d(weights.get(`${name}_conv.weight`, [width, CONV_WIDTH]), [width, CONV_WIDTH]),
  );
  const biases = hasBias ? names.map(([name, width]) => tf.tensor1d(weights.get(`${name}_conv.bias`, [width]))) : [];
  return {
    weight: tf.concat(
      names.map(([name, width]) => denseWeight(weights, [name], width, d)),
      1,
    ),
    taps: tf.transpose(tf.concat(taps, 0)),
    ...(hasBias ? { bias: tf.concat(biases) } : {}),
  };
}

/** q, k and v [B, T, width], and the window after them. */
export interface Convolved {
  readonly q: tf.Tensor3D;
  readonly k: tf.Tensor3D;
  readonly v: tf.Tensor3D;
  readonly window: Window;
}

/**
 * Of x [B, T, d], after what `window` holds.
 * @param lastOnly q of the last position alone, [B, 1, width]: its convolution reads the last w tokens
 */
export function projectConvolved(
  conv: ShortConv,
  window: Window,
  x: tf.Tensor3D,
  widths: Widths,
  lastOnly: boolean,
): Convolved {
  if (!lastOnly) {
    const all = convolve(window, matMulLast(x, conv.weight), conv);
    const [q, k, v] = tf.split(all.y, [...widths], 2) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    return { q, k, v, window: all.window };
  }
  const [B, T, d] = x.shape;
  const newest = Math.min(T, CONV_WIDTH);
  const project = (from: tf.Tensor3D, begin: number, size: number) => {
    const part = columns(conv, begin, size);
    return convolve(lastColumns(window, begin, size), matMulLast(from, part.weight), part);
  };
  const ofQ = project(tf.slice(x, [0, T - newest, 0], [B, newest, d]), 0, widths[0]);
  const ofKV = project(x, widths[0], widths[1] + widths[2]);
  const [k, v] = tf.split(ofKV.y, widths.slice(1), 2) as [tf.Tensor3D, tf.Tensor3D];
  return {
    ...{ q: tf.slice(ofQ.y, [0, newest - 1, 0], [B, 1, widths[0]]), k, v },
    window: tf.concat([ofQ.window, ofKV.window], 2),
  };
}

/** The outputs [begin, begin + size). */
function columns({ weight, taps, bias }: ShortConv, begin: number, size: number): ShortConv {
  return {
    weight: lastColumns(weight, begin, size),
    taps: lastColumns(taps, begin, size),
    ...(bias ? { bias: lastColumns(bias, begin, size) } : {}),
  };
}

/** The columns [begin, begin + size) of the last axis. */
function lastColumns<X extends tf.Tensor>(x: X, begin: number, size: number): X {
  const rest = x.shape.slice(0, -1);
  return tf.slice(x, [...rest.map(() => 0), begin], [...rest, size]);
}

/** Convolves x [B, T, widths] with what the window holds of the tokens before it. */
function convolve(window: Window, x: tf.Tensor3D, { taps, bias }: ShortConv): { y: tf.Tensor3D; window: Window } {
  const [B, T, width] = x.shape;
  const inputs = tf.concat([window, x], 1);
  const next = tf.slice(inputs, [0, T, 0], [B, CONV_WIDTH - 1, width]);
  const activated = (y: tf.Tensor3D): { y: tf.Tensor3D; window: Window } => ({
    y: silu(bias ? tf.add(y, bias) : y),
    window: next,
  });
  if (T === 1) return activated(tf.sum(tf.mul(inputs, taps), 1, true));
  const filter: tf.Tensor4D = tf.reshape(taps, [CONV_WIDTH, 1, width, 1]);
  const image: tf.Tensor4D = tf.expandDims(inputs, 2);
  return activated(tf.squeeze(tf.depthwiseConv2d(image, filter, 1, 'valid'), [2]));
}
