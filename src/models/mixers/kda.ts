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
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import { type Chunks, halvedChunk, splitChunks } from '../parts/chunks.js';
import { channelDecay } from '../parts/decays.js';
import { type DeltaMaps, deltaInputs, deltaMaps } from '../parts/delta_inputs.js';
import { type Dense, dense, denseParameters, denseWeight, lastPosition, matMulLast } from '../parts/layers.js';
import { gatedOutput, type NormedOutput, outputParameters } from '../parts/outputs.js';
import { decayed, deltaRule, deltaStep } from '../parts/rules.js';
import { emptyWindow, type Window, windowFloats } from '../parts/short_conv.js';

type Parameters = DeltaMaps &
  NormedOutput & {
    readonly g1: tf.Tensor2D; // [d, D]
    readonly g2: Dense; // [D, d]
    readonly f1: tf.Tensor2D; // [d, D]
    readonly f2: tf.Tensor2D; // [D, d]
    readonly A_log: tf.Tensor2D; // [H, 1]
    readonly dt_bias: tf.Tensor1D; // [d]
  };
type State = {
  readonly S: tf.Tensor3D; // [B * H, D, D]
  readonly window: Window;
};

/** @param options scan_chunk: tokens in a chunk of prefill, or as many as the next power of two; no result depends on it */
export function kdaMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: { readonly scan_chunk: number }) {
  const D = d / H;
  /** g of x [B, T, d] by chunks of C tokens, [N, B * H, C, D]. */
  const logDecay = ({ f1, f2, A_log, dt_bias }: Parameters, x: tf.Tensor3D, C: number): Chunks => {
    const [B, T] = x.shape;
    const rates = tf.softplus(tf.add(matMulLast(matMulLast(x, f1), f2), dt_bias));
    const g = tf.mul(tf.neg(tf.exp(A_log)), tf.reshape(rates, [B, T, H, D]));
    return splitChunks(tf.reshape(g, [B, T, d]), H, C);
  };
  const output = (params: Parameters, read: Chunks, x: tf.Tensor3D): tf.Tensor3D =>
    gatedOutput(params, read, tf.sigmoid(dense(matMulLast(x, params.g1), params.g2)));
  return recurrent<Parameters, State>({
    tuning: { segmentTokens: 1024, prefill: () => 'whole' },
    parameters: (weights) => ({
      ...deltaMaps(weights, d, H),
      g1: denseWeight(weights, ['g1'], D, d),
      g2: denseParameters(weights, ['g2'], d, D),
      f1: denseWeight(weights, ['f1'], D, d),
      f2: denseWeight(weights, ['f2'], d, D),
      A_log: tf.tensor2d(weights.get('A_log', [H]), [H, 1]),
      dt_bias: tf.tensor1d(weights.get('dt_bias', [d])),
      ...outputParameters(weights, d, D),
    }),
    empty: (B) => ({ S: tf.zeros([B * H, D, D]), window: emptyWindow(B, [d, d, d]) }),
    prefill(params, past, x, lastOnly) {
      const C = halvedChunk(options.scan_chunk, x.shape[1]);
      const { inputs, window } = deltaInputs(params, past.window, x, C, lastOnly);
      const { o, S } = deltaRule(inputs, channelDecay(logDecay(params, x, C)), past.S, lastOnly);
      return { y: output(params, o, lastOnly ? lastPosition(x) : x), state: { S, window } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const token: tf.Tensor3D = tf.reshape(x, [B, 1, d]);
      const { inputs, window } = deltaInputs(params, past.window, token, 1, false);
      const { o, S } = deltaStep(inputs, decayed(past.S, logDecay(params, token, 1)));
      return { y: tf.reshape(output(params, o, token), [B, d]), state: { S, window } };
    },
    stateFloats: d * D + windowFloats([d, d, d]),
  });
}
