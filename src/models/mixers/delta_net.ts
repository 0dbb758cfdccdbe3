/**
 * DeltaNet (Yang et al. 2024, arXiv 2406.06484, equations 2-4 and the chunked form of section 3).
 *
 * q, k, v are maps without bias; each passes a depthwise causal convolution of width 4, then SiLU; q and k are
 * L2-normalised per head. beta_t = sigmoid(W_b x_t), one per head.
 *
 *     u_t = beta_t (v_t − k_t S_{t-1})      S_t = S_{t-1} + k_tᵀ u_t
 *     o_t = D^-1/2 · q_t S_t
 *     y_t = W_o · concat_heads( RMSNorm(o_t) )
 *
 * C is a speed setting, the result does not depend on it.
 * Departure from the original study: the delta rule itself (its code overwrote nothing), causal, with a carried state.
 */
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import type { Chunks } from '../parts/chunks.js';
import { noDecay } from '../parts/decays.js';
import { deltaMaps } from '../parts/delta_inputs.js';
import { matMulLast } from '../parts/layers.js';
import { type NormedOutput, normedHeads, outputParameters } from '../parts/outputs.js';
import { deltaRule, deltaStep } from '../parts/rules.js';
import type { ShortConv, Window } from '../parts/short_conv.js';

type Parameters = NormedOutput & { readonly conv: ShortConv };
type State = {
  readonly S: Chunks; // [1, B * H, D, D]
  readonly window: Window;
};

/** @param options scan_chunk: tokens in a chunk of prefill; no result depends on it */
export function deltaMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: { readonly scan_chunk: number }) {
  const D = d / H;
  const maps = deltaMaps(d, H, { reading: {}, writing: {} });
  const output = ({ gain, o }: Parameters, read: Chunks, B: number, T: number): tf.Tensor3D =>
    matMulLast(normedHeads(read, gain, B, T), o);
  return recurrent<Parameters, State>({
    parameters: (weights) => ({ conv: maps.parameters(weights), ...outputParameters(weights, d, D) }),
    empty: (B) => ({ S: tf.zeros([1, B * H, D, D]), window: maps.empty(B) }),
    prefill(params, past, x, lastOnly) {
      const [B, T] = x.shape;
      const C = Math.min(options.scan_chunk, T);
      const { inputs, window } = maps.inputs(params.conv, past.window, x, C, lastOnly);
      const { o, S } = deltaRule(inputs, noDecay, past.S, lastOnly);
      return { y: output(params, o, B, lastOnly ? 1 : T), state: { S, window } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { inputs, window } = maps.inputs(params.conv, past.window, tf.reshape(x, [B, 1, d]), 1, false);
      const { o, S } = deltaStep(inputs, past.S, null);
      return { y: tf.reshape(output(params, o, B, 1), [B, d]), state: { S, window } };
    },
    stateFloats: d * D + maps.windowFloats,
  });
}
