/**
 * GatedDeltaNet (Yang et al. 2024, arXiv 2412.06464, equation 10 and section 3.3): forget first, then correct what is left.
 *
 * q, k, v and beta_t as DeltaNet's. g_t = −exp(A_log) softplus(W_a x_t + dt_bias), one per head.
 *
 *     S̃ = exp(g_t) S_{t-1}        u_t = beta_t (v_t − k_t S̃)        S_t = S̃ + k_tᵀ u_t
 *     o_t = D^-1/2 · q_t S_t
 *     y_t = W_o · concat_heads( RMSNorm(o_t) ⊙ swish(W_g x_t) )
 *
 * C is a speed setting, the result does not depend on it.
 * Departure from the original: values as wide as keys (there twice as wide).
 */
import * as tf from '../../tf.js';
import type { ModelShape } from '../model.js';
import { splitChunks } from '../parts/chunks.js';
import { decayOfHeads, headDecays } from '../parts/decays.js';
import { gatedDelta } from '../parts/gated_delta.js';
import { silu } from '../parts/layers.js';

type Parameters = {
  readonly A_log: tf.Tensor1D; // [H]
  readonly dt_bias: tf.Tensor1D; // [H]
};

/** @param options scan_chunk: tokens in a chunk of prefill, or as many as the next power of two; no result depends on it */
export function gatedDeltaMixer(shape: ModelShape, options: { readonly scan_chunk: number }) {
  const { hiddenDim: d, numHeads: H } = shape;
  return gatedDelta<Parameters>(shape, options.scan_chunk, {
    gateMap: ['g', d],
    decayMap: ['a', H],
    parameters: (weights) => ({
      A_log: tf.tensor1d(weights.get('A_log', [H])),
      dt_bias: tf.tensor1d(weights.get('dt_bias', [H])),
    }),
    logDecay: ({ A_log, dt_bias }, a, C) =>
      splitChunks(tf.mul(tf.neg(tf.exp(A_log)), tf.softplus(tf.add(a, dt_bias))), H, C),
    decayBy: (log) => decayOfHeads(headDecays(log)),
    gate: (_, g) => silu(g),
  });
}
