/** q, k, v and a gate by maps without bias, as RetNet and GLA have them. */
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';
import { splitChunks } from './chunks.js';
import { denseWeight, lastPosition, matMulLast, silu } from './layers.js';
import type { Inputs } from './rules.js';

export type GatedMaps = {
  readonly reading: tf.Tensor2D; // [d, 2d], q and the gate
  readonly writing: tf.Tensor2D; // [d, 2d], k and v
};

export const gatedMaps = (weights: WeightSource, d: number): GatedMaps => ({
  reading: denseWeight(weights, ['q', 'g'], d, d),
  writing: denseWeight(weights, ['k', 'v'], d, d),
});

/**
 * Of x [B, T, d] by chunks of C tokens, and the gate's swish, [B, T, d].
 * @param lastOnly q and the gate of the last position alone
 */
export function gatedInputs(
  { reading, writing }: GatedMaps,
  x: tf.Tensor3D,
  H: number,
  C: number,
  lastOnly: boolean,
): { readonly inputs: Inputs; readonly gated: tf.Tensor3D } {
  const asked = lastOnly ? lastPosition(x) : x;
  const [q, gate] = tf.split(matMulLast(asked, reading), 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  const [k, v] = tf.split(matMulLast(x, writing), 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  const inputs = { q: splitChunks(q, H, lastOnly ? 1 : C), k: splitChunks(k, H, C), v: splitChunks(v, H, C) };
  return { inputs, gated: silu(gate) };
}
