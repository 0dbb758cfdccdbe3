/**
 * GLA, gated linear attention (Yang et al. 2023, arXiv 2312.06635, equations 3-4 and section 4.4): a decay for each key
 * channel, which depends on the token.
 *
 *     g_t = log sigmoid( W_f2 (W_f1 x_t) + b_f ) / 16        [H, D]; rank r
 *     S_t = diag(exp g_t) S_{t-1} + k_tᵀ v_t        o_t = D^-1/2 · q_t S_t
 *     y_t = W_o · concat_heads( RMSNorm(o_t) ⊙ swish(W_g x_t) )
 *
 * q, k, v, g are maps without bias, without a feature map or a convolution. C is a speed setting.
 * Departure from the original: keys as wide as values (there half as wide).
 */
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import { type Chunks, halvedChunk, splitChunks } from '../parts/chunks.js';
import { channelDecay } from '../parts/decays.js';
import { type GatedMaps, gatedInputs, gatedMaps } from '../parts/gated_inputs.js';
import { type Dense, dense, denseParameters, softplus } from '../parts/layers.js';
import { gatedOutput, type NormedOutput, outputParameters } from '../parts/outputs.js';
import { additiveRule, additiveStep } from '../parts/rules.js';

/** What g is divided by: half-lives of 16 tokens where the map of the gate gives 0. */
const TEMPERATURE = 16;

type Parameters = NormedOutput & GatedMaps & { readonly f2: Dense /* [r, d] */ };
type State = { readonly S: Chunks /* [1, B * H, D, D] */ };
type Options = {
  /** Tokens in a chunk of prefill, or as many as the next power of two; no result depends on it. */
  readonly scan_chunk: number;
  /** r. */
  readonly gate_rank: number;
};

export function glaMixer({ hiddenDim: d, numHeads: H }: ModelShape, { scan_chunk, gate_rank: r }: Options) {
  const D = d / H;
  /** g of x by the first of its two maps, [B, T, r], by chunks of C tokens, [N, B * H, C, D]. */
  const logDecay = ({ f2 }: Parameters, low: tf.Tensor3D | undefined, C: number): Chunks =>
    splitChunks(tf.div(softplus(tf.neg(dense(low as tf.Tensor3D, f2))), -TEMPERATURE), H, C);
  return recurrent<Parameters, State>({
    parameters: (weights) => ({
      ...gatedMaps(weights, d, { f1: r }),
      f2: denseParameters(weights, ['f2'], d, r),
      ...outputParameters(weights, d, D),
    }),
    empty: (B) => ({ S: tf.zeros([1, B * H, D, D]) }),
    prefill(params, past, x, lastOnly) {
      const C = halvedChunk(scan_chunk, x.shape[1]);
      const { inputs, gated, rest } = gatedInputs(params, x, H, C, lastOnly);
      const { o, S } = additiveRule(inputs, channelDecay(logDecay(params, rest, C)), past.S, lastOnly);
      return { y: gatedOutput(params, o, gated), state: { S } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { inputs, gated, rest } = gatedInputs(params, tf.reshape(x, [B, 1, d]), H, 1, false);
      const { o, S } = additiveStep(inputs, past.S, logDecay(params, rest, 1));
      return { y: tf.reshape(gatedOutput(params, o, gated), [B, d]), state: { S } };
    },
    stateFloats: d * D,
  });
}
