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
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import { type Chunks, halvedChunk, splitChunks } from '../parts/chunks.js';
import { decayOfHeads, headDecays } from '../parts/decays.js';
import { type DeltaMaps, deltaInputs, deltaMaps } from '../parts/delta_inputs.js';
import { denseWeight, lastPosition, matMulLast, silu } from '../parts/layers.js';
import { gatedOutput, type NormedOutput, outputParameters } from '../parts/outputs.js';
import { decayed, deltaRule, deltaStep } from '../parts/rules.js';
import { emptyWindow, type Window, windowFloats } from '../parts/short_conv.js';

type Parameters = DeltaMaps &
  NormedOutput & {
    readonly g: tf.Tensor2D; // [d, d]
    readonly a: tf.Tensor2D; // [d, H]
    readonly A_log: tf.Tensor1D; // [H]
    readonly dt_bias: tf.Tensor1D; // [H]
  };
type State = {
  readonly S: tf.Tensor3D; // [B * H, D, D]
  readonly window: Window;
};

/** @param options scan_chunk: tokens in a chunk of prefill, or as many as the next power of two; no result depends on it */
export function gatedDeltaMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: { readonly scan_chunk: number }) {
  const D = d / H;
  /** g of x [B, T, d] by chunks of C tokens, [N, B * H, C, 1]. */
  const logDecay = ({ a, A_log, dt_bias }: Parameters, x: tf.Tensor3D, C: number) =>
    splitChunks(tf.mul(tf.neg(tf.exp(A_log)), tf.softplus(tf.add(matMulLast(x, a), dt_bias))), H, C);
  const output = (params: Parameters, read: Chunks, x: tf.Tensor3D): tf.Tensor3D =>
    gatedOutput(params, read, silu(matMulLast(x, params.g)));
  return recurrent<Parameters, State>({
    tuning: { segmentTokens: 1024, prefill: () => 'whole' },
    parameters: (weights) => ({
      ...deltaMaps(weights, d, H),
      g: denseWeight(weights, ['g'], d, d),
      a: denseWeight(weights, ['a'], H, d),
      A_log: tf.tensor1d(weights.get('A_log', [H])),
      dt_bias: tf.tensor1d(weights.get('dt_bias', [H])),
      ...outputParameters(weights, d, D),
    }),
    empty: (B) => ({ S: tf.zeros([B * H, D, D]), window: emptyWindow(B, [d, d, d]) }),
    prefill(params, past, x, lastOnly) {
      const C = halvedChunk(options.scan_chunk, x.shape[1]);
      const { inputs, window } = deltaInputs(params, past.window, x, C, lastOnly);
      const decays = headDecays(logDecay(params, x, C));
      const { o, S } = deltaRule(inputs, decayOfHeads(decays), past.S, lastOnly);
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
