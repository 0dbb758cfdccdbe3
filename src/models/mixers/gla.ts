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
import { halvedChunk, splitChunks } from '../parts/chunks.js';
import { channelDecay } from '../parts/decays.js';
import { type Dense, dense, denseParameters, denseWeight, lastPosition, matMulLast, silu } from '../parts/layers.js';
import { gatedOutput, type NormedOutput, outputParameters } from '../parts/outputs.js';
import { additiveRule, additiveStep, decayed } from '../parts/rules.js';

/** What g is divided by: half-lives of 16 tokens where the map of the gate gives 0. */
const TEMPERATURE = 16;

type Parameters = NormedOutput & {
  readonly reading: tf.Tensor2D; // [d, 2d], q and g
  readonly writing: tf.Tensor2D; // [d, 2d], k and v
  readonly f1: tf.Tensor2D; // [d, r]
  readonly f2: Dense; // [r, d]
};
type State = { readonly S: tf.Tensor3D /* [B * H, D, D] */ };
type Options = {
  /** Tokens in a chunk of prefill, or as many as the next power of two; no result depends on it. */
  readonly scan_chunk: number;
  /** r. */
  readonly gate_rank: number;
};

export function glaMixer({ hiddenDim: d, numHeads: H }: ModelShape, { scan_chunk, gate_rank: r }: Options) {
  const D = d / H;
  const logDecay = ({ f1, f2 }: Parameters, x: tf.Tensor3D): tf.Tensor3D =>
    tf.div(tf.softplus(tf.neg(dense(matMulLast(x, f1), f2))), -TEMPERATURE);
  /** q and the gate of the tokens that are asked for, k, v and g of all, by chunks of C tokens. */
  const prepare = (params: Parameters, x: tf.Tensor3D, C: number, lastOnly: boolean) => {
    const asked = lastOnly ? lastPosition(x) : x;
    const [q, gate] = tf.split(matMulLast(asked, params.reading), 2, 2) as [tf.Tensor3D, tf.Tensor3D];
    const [k, v] = tf.split(matMulLast(x, params.writing), 2, 2) as [tf.Tensor3D, tf.Tensor3D];
    const inputs = { q: splitChunks(q, H, lastOnly ? 1 : C), k: splitChunks(k, H, C), v: splitChunks(v, H, C) };
    return { inputs, g: splitChunks(logDecay(params, x), H, C), gated: silu(gate) };
  };
  return recurrent<Parameters, State>({
    tuning: { segmentTokens: 1024, prefill: () => 'whole' },
    parameters: (weights) => ({
      reading: denseWeight(weights, ['q', 'g'], d, d),
      writing: denseWeight(weights, ['k', 'v'], d, d),
      f1: denseWeight(weights, ['f1'], r, d),
      f2: denseParameters(weights, ['f2'], d, r),
      ...outputParameters(weights, d, D),
    }),
    empty: (B) => ({ S: tf.zeros([B * H, D, D]) }),
    prefill(params, past, x, lastOnly) {
      const { inputs, g, gated } = prepare(params, x, halvedChunk(scan_chunk, x.shape[1]), lastOnly);
      const { o, S } = additiveRule(inputs, channelDecay(g), past.S, lastOnly);
      return { y: gatedOutput(params, o, gated), state: { S } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { inputs, g, gated } = prepare(params, tf.reshape(x, [B, 1, d]), 1, false);
      const { o, S } = additiveStep(inputs, decayed(past.S, g));
      return { y: tf.reshape(gatedOutput(params, o, gated), [B, d]), state: { S } };
    },
    stateFloats: d * D,
  });
}
