/**
 * KDA, Kimi delta attention (arXiv 2510.26692, equation 1 and section 3): GatedDeltaNet with a decay for each key channel
 * and a low-rank sigmoid gate.
 *
 * q, k, v and beta_t as DeltaNet's. g_t = −exp(A_log_h) softplus(W_f2 (W_f1 x_t) + dt_bias), [H, D], rank D.
 *
 *     S̃ = diag(exp g_t) S_{t-1}        u_t = beta_t (v_t − k_t S̃)        S_t = S̃ + k_tᵀ u_t
 *     o_t = D^-1/2 · q_t S_t
 *     y_t = W_o · concat_heads( RMSNorm(o_t) ⊙ sigmoid( W_g2 (W_g1 x_t) + b_g ) )
 *
 * The decay and the correction do not commute: the order matters. C is a speed setting.
 * Departures from the original: beta <= 1 and no lower bound of g, as in flash-linear-attention by default.
 */
import * as tf from '../../tf.js';
import type { ModelShape } from '../model.js';
import { splitChunks } from '../parts/chunks.js';
import { channelDecay } from '../parts/decays.js';
import { gatedDelta } from '../parts/gated_delta.js';
import { type Dense, dense, denseParameters, denseWeight, softplus } from '../parts/layers.js';

type Parameters = {
  readonly g2: Dense; // [D, d]
  readonly f2: Dense; // [D, d], with dt_bias
  readonly A_log: tf.Tensor1D; // [d], of each head D times
};

/** @param options scan_chunk: tokens in a chunk of prefill, or as many as the next power of two; no result depends on it */
export function kdaMixer(shape: ModelShape, options: { readonly scan_chunk: number }) {
  const { hiddenDim: d, numHeads: H } = shape;
  const D = d / H;
  return gatedDelta<Parameters>(shape, options.scan_chunk, {
    gateMap: ['g1', D],
    decayMap: ['f1', D],
    parameters: (weights) => ({
      g2: denseParameters(weights, ['g2'], d, D),
      f2: { weight: denseWeight(weights, ['f2'], d, D), bias: tf.tensor1d(weights.get('dt_bias', [d])) },
      A_log: tf.tensor1d(Array.from(weights.get('A_log', [H])).flatMap((log) => Array<number>(D).fill(log))),
    }),
    logDecay: ({ f2, A_log }, low, C) => splitChunks(tf.mul(tf.neg(tf.exp(A_log)), softplus(dense(low, f2))), H, C),
    decayBy: channelDecay,
    gate: ({ g2 }, low) => tf.sigmoid(dense(low, g2)),
  });
}
