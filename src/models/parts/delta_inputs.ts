/**
 * What the models with a delta rule write and read, from x: q, k, v by short convolutions, q and k L2-normalised per head,
 * and beta_t = sigmoid(W_b x_t), one per head. k and v leave times sqrt(beta): with them, and u divided by it,
 * u_t = beta_t (v_t − k_t S̃) is u_t = v_t − k_t S̃, and S_t is the same.
 */
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';
import { splitChunks } from './chunks.js';
import { denseWeight, l2Norm, matMulLast } from './layers.js';
import type { Inputs } from './rules.js';
import { convParameters, projectConvolved, type ShortConv, type Window } from './short_conv.js';

export type DeltaMaps = {
  readonly conv: ShortConv;
  readonly beta: tf.Tensor2D; // [d, H]
};

export const deltaMaps = (weights: WeightSource, d: number, H: number): DeltaMaps => ({
  conv: convParameters(weights, d, [d, d, d]),
  beta: denseWeight(weights, ['beta'], H, d),
});

/**
 * Of x [B, T, d] by chunks of C tokens, and the window after them.
 * @param lastOnly q of the last position alone
 */
export function deltaInputs(
  { conv, beta }: DeltaMaps,
  past: Window,
  x: tf.Tensor3D,
  C: number,
  lastOnly: boolean,
): { readonly inputs: Inputs; readonly window: Window } {
  const [d, H] = beta.shape;
  const { q, k, v, window } = projectConvolved(conv, past, x, [d, d, d], lastOnly);
  const rate = splitChunks(tf.sqrt(tf.sigmoid(matMulLast(x, beta))), H, C); // [N, B * H, C, 1]
  const inputs: Inputs = {
    q: l2Norm(splitChunks(q, H, lastOnly ? 1 : C)),
    k: tf.mul(rate, l2Norm(splitChunks(k, H, C))),
    v: tf.mul(rate, splitChunks(v, H, C)),
  };
  return { inputs, window };
}
