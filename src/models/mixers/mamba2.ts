/**
 * Mamba2 / SSD (Dao & Gu 2024, arXiv 2405.21060, sections 6 and 7). Its C, B, x are q, k, v here, so that it reads as what
 * it is: linear attention with a decay. q_t and k_t [s] serve all heads, s the state size.
 *
 *     q, k, v = conv(W_q x), conv(W_k x), conv(W_v x)        Δ_t = softplus(W_dt x_t + dt_bias), one per head
 *     g_t = −Δ_t exp(A_log)
 *     S_t = exp(g_t) S_{t-1} + k_tᵀ (Δ_t v_t)   [s, D]       o_t = q_t S_t + D_h v_t
 *     y_t = W_o · RMSNorm( concat_heads(o_t) ⊙ swish(W_g x_t) )          over all d: gate first, then norm
 *
 * The convolutions have a bias. Prefill has the heads side by side, [s, d], so that keys and queries are there once: what
 * decays are the values, in their columns. C is a speed setting, the result does not depend on it.
 * Departures from the original: values are not widened, s is 64 (there 128), and the block has its feed-forward.
 */
import { hasLinearAttention, linearAttention, TAKES_STEPS } from '../../compiled/linear_attention.js';
import { scan } from '../../compiled/scan.js';
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import { type Chunks, joinChunks, splitChunks } from '../parts/chunks.js';
import { type HeadDecays, headDecays } from '../parts/decays.js';
import { denseWeight, lastPosition, matMulLast, mergeHeads, rmsNorm, silu, splitHeads } from '../parts/layers.js';
import { forget } from '../parts/rules.js';
import { convolvedMaps, type ShortConv, type Window } from '../parts/short_conv.js';
import type { WeightSource } from '../weights.js';

type Parameters = {
  readonly conv: ShortConv;
  readonly dt_bias: tf.Tensor1D; // [H]
  readonly A_log: tf.Tensor1D; // [H]
  readonly skip: tf.Tensor1D; // [H], D_h
  readonly gain: tf.Tensor1D; // [d]
  readonly o: tf.Tensor2D; // [d, d]
};
type State = {
  readonly S: tf.Tensor4D; // [B, H, s, D]
  readonly window: Window;
};
type Options = {
  /** Tokens in a chunk of prefill; no result depends on it. */
  readonly scan_chunk: number;
  /** s. */
  readonly state_size: number;
};
/** By tokens: of q the last alone where only that is asked for. */
type Inputs = {
  readonly q: tf.Tensor3D; // [B, T, s]
  readonly k: tf.Tensor3D; // [B, T, s]
  readonly v: tf.Tensor3D; // [B, T, d], times Δ
  readonly g: tf.Tensor3D; // [B, T, H]
};

export function mamba2Mixer({ hiddenDim: d, numHeads: H }: ModelShape, { scan_chunk, state_size: s }: Options) {
  const maps = convolvedMaps(d, { widths: [s, s, d], reading: { g: d }, writing: { dt: H }, hasBias: true });
  const prepare = (params: Parameters, past: Window, x: tf.Tensor3D, lastOnly: boolean) => {
    const { q, k, v, reading, writing, window } = maps.project(params.conv, past, x, lastOnly);
    const [gate, dt] = [...reading, ...writing] as [tf.Tensor3D, tf.Tensor3D];
    const step = tf.softplus(tf.add(dt, params.dt_bias)); // Δ, [B, T, H]
    const g: tf.Tensor3D = tf.mul(step, tf.neg(tf.exp(params.A_log)));
    const inputs: Inputs = { q, k, v: tf.mul(v, alongHeads(step, d)), g };
    return { inputs, v, gate, window };
  };
  /** y of what positions with values v and gates read. */
  const output = ({ skip, gain, o }: Parameters, read: tf.Tensor3D, v: tf.Tensor3D, gate: tf.Tensor3D): tf.Tensor3D => {
    const skipped = tf.add(read, tf.mul(v, alongHeads(skip, d)));
    return matMulLast(tf.mul(rmsNorm(tf.mul(skipped, silu(gate))), gain), o);
  };
  return recurrent<Parameters, State>({
    parameters: (weights) => ({ conv: maps.parameters(weights), ...ownParameters(weights, d, H) }),
    empty: (B) => ({ S: tf.zeros([B, H, s, d / H]), window: maps.empty(B) }),
    prefill(params, past, x, lastOnly) {
      const { inputs, v, gate, window } = prepare(params, past.window, x, lastOnly);
      const { o, S } = ssd(inputs, Math.min(scan_chunk, x.shape[1]), past.S, lastOnly);
      return { y: output(params, o, lastOnly ? lastPosition(v) : v, gate), state: { S, window } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { inputs, v, gate, window } = prepare(params, past.window, tf.reshape(x, [B, 1, d]), false);
      const { o, S } = takeToken(inputs, past.S);
      const y = output(params, o, v, gate);
      return { y: tf.reshape(y, [B, d]), state: { S, window } };
    },
    stateFloats: d * s + maps.windowFloats,
  });
}

function ownParameters(weights: WeightSource, d: number, H: number): Omit<Parameters, 'conv'> {
  const vector = (name: string, size: number) => tf.tensor1d(weights.get(name, [size]));
  return {
    ...{
      dt_bias: vector('dt_bias', H),
      A_log: vector('A_log', H),
      skip: vector('D', H),
      gain: vector('out_norm.weight', d),
    },
    o: denseWeight(weights, ['o'], d, d),
  };
}

/** x [..., H] with each entry in the D columns of its head, [..., d]. */
function alongHeads<X extends tf.Tensor>(x: X, d: number): X {
  const H = x.shape[x.rank - 1] as number;
  const columns = tf.mul(tf.expandDims(x, -1), tf.ones([d / H]));
  return tf.reshape(columns, [...x.shape.slice(0, -1), d]) as X;
}

/** What a token [B, 1, …] reads, [B, 1, d], of the state that it writes to. */
function takeToken({ q, k, v, g }: Inputs, past: tf.Tensor4D): ReturnType<typeof ssd> {
  if (hasLinearAttention(TAKES_STEPS)) return linearAttention({ q, k, v, g, rate: null }, past);
  const H = past.shape[1];
  const written = tf.matMul(forHeads(k, H), splitHeads(v, H), true, false);
  const S: tf.Tensor4D = tf.add(forget(past, splitHeads(g, H)), written);
  return { o: readState(q, S), S };
}

/** What q [B, 1, s] reads of S [B, H, s, D], [B, 1, d]. */
const readState = (q: tf.Tensor3D, S: tf.Tensor4D): tf.Tensor3D => mergeHeads(tf.matMul(forHeads(q, S.shape[1]), S));

/** x [B, 1, s] for each head, [B, H, 1, s]; tfjs multiplies no batches of which only some axes are broadcast. */
const forHeads = (x: tf.Tensor3D, H: number): tf.Tensor4D => tf.tile(tf.expandDims(x, 1), [1, H, 1, 1]);

/**
 * The state space dual by chunks of C tokens, from state `start`:
 *
 *     O = exp g(0, i] (Q S) + (L ⊙ Q Kᵀ) V        S' = S exp g(0, C] + Kᵀ (exp g(j, C] V)
 */
function ssd(
  { q, k, v, g }: Inputs,
  C: number,
  start: tf.Tensor4D,
  lastOnly: boolean,
): { readonly o: tf.Tensor3D; readonly S: tf.Tensor4D } {
  if (hasLinearAttention()) {
    const { o, S } = linearAttention({ q: lastOnly ? k : q, k, v, g, rate: null }, start);
    return { o: lastOnly ? readState(q, S) : o, S };
  }
  const [B, T, H] = g.shape;
  const [K, V] = [splitChunks(k, 1, C), splitChunks(v, 1, C)]; // [N, B, C, s], [N, B, C, d]
  const decays = headDecays(splitChunks(g, H, C));
  const d = v.shape[2];
  const gains: Chunks = tf.matMul(K, tf.mul(V, sideBySide(decays.untilEnd, B, d)), true, false);
  const next = (state: Chunks, kept: Chunks, gain: Chunks): Chunks => tf.add(tf.mul(state, kept), gain);
  const { before, last } = scan(
    next,
    tf.expandDims(mergeHeads(start), 0) as Chunks,
    sideBySide(decays.across, B, d),
    gains,
  );
  const merged: tf.Tensor3D = tf.squeeze(last, [0]);
  const S = splitHeads(merged, H);
  if (lastOnly) return { o: tf.matMul(q, merged), S };
  const Q = splitChunks(q, 1, C);
  const entering: Chunks = tf.mul(tf.matMul(Q, before()), sideBySide(decays.sinceStart, B, d));
  const within: Chunks = tf.matMul(scoresOf(Q, K, decays), splitChunks(v, H, C));
  return { o: tf.add(joinChunks(entering, B, T), joinChunks(within, B, T)), S };
}

/** L ⊙ Q Kᵀ of each head, [N, B * H, C, C]: one product for all heads of a row. */
function scoresOf(Q: Chunks, K: Chunks, { within }: HeadDecays): Chunks {
  const [N, B, C] = K.shape;
  const shared = tf.expandDims(tf.matMul(Q, K, false, true), 2); // [N, B, 1, C, C]
  return tf.reshape(tf.mul(tf.reshape(within, [N, B, -1, C, C]), shared), within.shape);
}

/** x [N, B * H, C, 1] of the heads in the columns of each, [N, B, C, d]. */
function sideBySide(x: Chunks, B: number, d: number): Chunks {
  const [N, rows, C] = x.shape;
  return alongHeads(tf.transpose(tf.reshape(x, [N, B, rows / B, C]), [0, 1, 3, 2]), d);
}
