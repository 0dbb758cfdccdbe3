/** Tensor functions that more than one model uses. */
import { nativeCall } from '../../compiled/native_call.js';
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';

const LAYER_NORM_EPS = 1e-5;
const L2_NORM_EPS = 1e-6;
/** Fewer numbers are not worth a call that XLA cannot see into. */
const LEAST_SOFTPLUS = 8192;

export type Dense = { readonly weight: tf.Tensor2D /* [in, out] */; readonly bias: tf.Tensor1D /* [out] */ };
export type Norm = { readonly gain: tf.Tensor1D; readonly bias: tf.Tensor1D };

/** Outputs of maps side by side: of each, or of all alike. */
type Outs = number | readonly number[];

/** The columns of maps side by side, and all of them. */
function columnsOf(names: readonly string[], outs: Outs) {
  const columns = names.map((name, i) => ({ name, out: typeof outs === 'number' ? outs : (outs[i] ?? 0), begin: 0 }));
  let width = 0;
  for (const map of columns) [map.begin, width] = [width, width + map.out];
  return { columns, width };
}

/** The maps `names`, each [out, in] in the source, side by side as one product [in, all of their outs]. */
export function denseWeight(weights: WeightSource, names: readonly string[], outs: Outs, inDim: number): tf.Tensor2D {
  const { columns, width } = columnsOf(names, outs);
  const values = new Float32Array(inDim * width);
  for (const { name, out, begin } of columns) {
    const source = weights.get(`${name}.weight`, [out, inDim]);
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < inDim; i++) values[i * width + begin + o] = source[o * inDim + i] as number;
    }
  }
  return tf.tensor2d(values, [inDim, width]);
}

export function denseParameters(weights: WeightSource, names: readonly string[], outs: Outs, inDim: number): Dense {
  const { columns, width } = columnsOf(names, outs);
  const bias = new Float32Array(width);
  for (const { name, out, begin } of columns) bias.set(weights.get(`${name}.bias`, [out]), begin);
  return { weight: denseWeight(weights, names, outs, inDim), bias: tf.tensor1d(bias) };
}

export function normParameters(weights: WeightSource, name: string, dim: number): Norm {
  return {
    gain: tf.tensor1d(weights.get(`${name}.weight`, [dim])),
    bias: tf.tensor1d(weights.get(`${name}.bias`, [dim])),
  };
}

/** x [..., in] times weight [in, out]. */
export function matMulLast<X extends tf.Tensor>(x: X, weight: tf.Tensor2D): X {
  const [inDim, out] = weight.shape;
  return tf.reshape(tf.matMul(tf.reshape(x, [-1, inDim]), weight), [...x.shape.slice(0, -1), out]) as X;
}

/** x [..., in] through a dense map, [..., out]. */
export function dense<X extends tf.Tensor>(x: X, { weight, bias }: Dense): X {
  const [inDim, out] = weight.shape;
  const y = tf.fused.matMul({ a: tf.reshape(x, [-1, inDim]), b: weight, bias });
  return tf.reshape(y, [...x.shape.slice(0, -1), out]) as X;
}

/** The columns [begin, begin + size) of a dense map. */
function denseColumns({ weight, bias }: Dense, begin: number, size: number): Dense {
  return { weight: tf.slice(weight, [0, begin], [-1, size]), bias: tf.slice(bias, begin, size) };
}

export function layerNorm<X extends tf.Tensor>(x: X, { gain, bias }: Norm): X {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, LAYER_NORM_EPS))), gain), bias);
}

/** x / sqrt(sum over the last axis of x² + 1e-6). */
export function l2Norm<X extends tf.Tensor>(x: X): X {
  return tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), -1, true), L2_NORM_EPS)));
}

/**
 * scale · x / sqrt(mean over the last axis of (scale · x)² + 1e-5), without a gain. A scale is a larger epsilon, so that
 * nothing is multiplied by it.
 */
export function rmsNorm<X extends tf.Tensor>(x: X, scale = 1): X {
  return tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), LAYER_NORM_EPS / scale ** 2)));
}

/** x sigmoid(x), also called swish. */
export const silu = <X extends tf.Tensor>(x: X): X => tf.mul(x, tf.sigmoid(x));

/** max(x, 0) + log1p(exp(-|x|)); native/softplus.cc where there are many. */
export function softplus<X extends tf.Tensor>(x: X): X {
  const inTensors = (): X => tf.softplus(x);
  return x.size < LEAST_SOFTPLUS ? inTensors() : nativeCall<X>('softplus', [x], [x.size], x.shape, inTensors);
}

/** x Φ(x), the exact form. */
export function gelu<X extends tf.Tensor>(x: X): X {
  return tf.mul(tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5), x);
}

/**
 * q [B, T, d], k and v [B, T, e] of x [B, T, d] by the maps `qkv` [d, d + 2e].
 * @param lastOnly q of the last position alone, [B, 1, d]
 */
export function project(
  x: tf.Tensor3D,
  qkv: Dense,
  lastOnly = false,
): readonly [q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D] {
  const [, T, d] = x.shape;
  const e = (qkv.bias.size - d) / 2;
  if (!lastOnly || T === 1) return tf.split(dense(x, qkv), [d, e, e], 2) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  const [k, v] = tf.split(dense(x, denseColumns(qkv, d, 2 * e)), 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  return [dense(lastPosition(x), denseColumns(qkv, 0, d)), k, v];
}

/** q, o and, of as many heads, k and v of softmax attention: maps with bias. */
export type AttentionMaps = { readonly qkv: Dense; readonly o: Dense };

/** @param kvHeads of k and v; d / H columns each */
export function attentionParameters(weights: WeightSource, d: number, H: number, kvHeads: number): AttentionMaps {
  const kvDim = (d / H) * kvHeads;
  return {
    qkv: denseParameters(weights, ['q', 'k', 'v'], [d, kvDim, kvDim], d),
    o: denseParameters(weights, ['o'], d, d),
  };
}

/**
 * q [B, H, T, D], k and v of x [B, T, d] by heads of as many columns.
 * @param lastOnly q of the last position alone, [B, H, 1, D]
 */
export function projectHeads(
  x: tf.Tensor3D,
  qkv: Dense,
  H: number,
  lastOnly = false,
): [q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D] {
  const [q, k, v] = project(x, qkv, lastOnly);
  const kvHeads = (k.shape[2] * H) / q.shape[2];
  return [splitHeads(q, H), splitHeads(k, kvHeads), splitHeads(v, kvHeads)];
}

/** x [B, T, H * D] -> [B, H, T, D]. */
export function splitHeads(x: tf.Tensor3D, H: number): tf.Tensor4D {
  const [B, T, width] = x.shape;
  return tf.transpose(tf.reshape(x, [B, T, H, width / H]), [0, 2, 1, 3]);
}

/** x [B, H, T, D] -> [B, T, d]. */
export function mergeHeads(x: tf.Tensor4D): tf.Tensor3D {
  const [B, H, T, D] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, T, H * D]);
}

/** The last position of x [B, T, d], [B, 1, d]. */
export function lastPosition(x: tf.Tensor3D): tf.Tensor3D {
  const [B, T, d] = x.shape;
  return T === 1 ? x : tf.slice(x, [0, T - 1, 0], [B, 1, d]);
}
