/**
 * RetNet (Sun et al. 2023, arXiv 2307.08621, equations 5-8): a fixed decay for each head.
 *
 *     γ_h = 1 − 2^(−5−h), h = 0 … H−1
 *     S_t = γ_h S_{t-1} + k_tᵀ v_t        o_t = D^-1/2 · q_t S_t
 *     y_t = W_o · concat_heads( RMSNorm(o_t) ⊙ swish(W_g x_t) )
 *
 * q, k, v, g are maps without bias. C is a speed setting, the result does not depend on it.
 * Departures from the original: no xPos (positions are the block's), values as wide as keys, RMSNorm with a gain shared by
 * the heads instead of group norm; the paper's row scalings, which only guard that norm, are absent.
 */
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import type { Chunks } from '../parts/chunks.js';
import { decayOfHeads, fixedDecays } from '../parts/decays.js';
import { type GatedMaps, gatedInputs, gatedMaps } from '../parts/gated_inputs.js';
import { gatedOutput, type NormedOutput, outputParameters } from '../parts/outputs.js';
import { additiveRule, additiveStep } from '../parts/rules.js';

type Parameters = NormedOutput & GatedMaps;
type State = { readonly S: Chunks /* [1, B * H, D, D] */ };

/** @param options scan_chunk: tokens in a chunk of prefill; no result depends on it */
export function retnetMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: { readonly scan_chunk: number }) {
  const D = d / H;
  const losses = Array.from({ length: H }, (_, h) => 2 ** (-5 - h)); // 1 − γ_h
  const ofRows = (B: number, values: readonly number[]) => Array.from({ length: B }, () => values).flat();
  return recurrent<Parameters, State>({
    parameters: (weights) => ({ ...gatedMaps(weights, d), ...outputParameters(weights, d, D) }),
    empty: (B) => ({ S: tf.zeros([1, B * H, D, D]) }),
    prefill(params, past, x, lastOnly) {
      const [B, T] = x.shape;
      const C = Math.min(options.scan_chunk, T);
      const { inputs, gated } = gatedInputs(params, x, H, C, lastOnly);
      const decays = fixedDecays(ofRows(B, losses.map((loss) => Math.log1p(-loss))), T, C); // biome-ignore format: one line
      const { o, S } = additiveRule(inputs, decayOfHeads(decays), past.S, lastOnly);
      return { y: gatedOutput(params, o, gated), state: { S } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { inputs, gated } = gatedInputs(params, tf.reshape(x, [B, 1, d]), H, 1, false);
      const gamma = tf.tensor4d(ofRows(B, losses.map((loss) => 1 - loss)), [1, B * H, 1, 1]); // biome-ignore format: one line
      const { o, S } = additiveStep(inputs, tf.mul(gamma, past.S), null);
      return { y: tf.reshape(gatedOutput(params, o, gated), [B, d]), state: { S } };
    },
    stateFloats: d * D,
  });
}
