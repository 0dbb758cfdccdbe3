/**
 * BSBR, causal: block sparse attention with block retrieval (docs/models.md).
 *
 * Chunks of C tokens; C is part of the model. q, k, v, o, r, h are maps with bias from the layer's normalised input.
 *
 *     local       l_t = softmax_{j in chunk c, j <= t}( q_t·k_j / sqrt D ) V
 *     F_j = Σ_{i in j} k_iᵀ v_i          h_j = W_h x_last(j) + b_h          of a completed chunk j
 *     compressed  G_j = P·vec(F_j) + p   [e], P shared by the heads
 *     meta query  r_c = W_r x_last(c−1) + b_r               of the token just before chunk c
 *     retrieved   S̄_c = unvec( U · Σ_{j<c} a_cj G_j + u ),  a_cj = softmax_{j<c}( r_c·h_j / sqrt D )
 *     o_t = l_t + D^-1/2 · q_t S̄_c                          chunk 0 retrieves exactly 0
 *
 * retrieval_norm 'l2': q and k of the retrieval are L2-normalised, and q_t S̄_c is RMS-normalised instead of scaled.
 * With C >= T it equals softmax attention.
 * Departures from the original study: its masks let a position see the future and not the past, its chunk retrieved
 * from itself and later chunks, its meta query read the own chunk's last token, its scores were a T×T matrix.
 */
import * as tf from '../../tf.js';
import { mapTree, type Tree } from '../../tree.js';
import type { Cursor, LayerState, Mixed, Mixer } from '../mixer.js';
import type { ModelShape } from '../model.js';
import {
  attend,
  attendCausally,
  type Buffered,
  type KeysValues,
  maskFrom,
  padRows,
  roomFor,
  scaled,
  sliceRows,
  writeSlot,
  zeroRows,
} from '../parts/attention.js';
import { type Chunks, joinChunks, sliceChunks, splitChunks } from '../parts/chunks.js';
import { type Dense, dense, denseParameters, l2Norm, project, rmsNorm, splitHeads } from '../parts/layers.js';
import type { WeightSource } from '../weights.js';

type Parameters = {
  readonly qkv: Dense;
  readonly rh: Dense;
  readonly o: Dense;
  /** P, p and U, u; empty without compression. */
  readonly compression: readonly [compress: Dense, expand: Dense] | readonly [];
};
/**
 * Moving: k and v of the open chunk, [1, B * H, C, D], zeros from the next slot on. Seen: its S̄, [1, B * H, D, D]. Bank,
 * of the closed chunks: h [B, H, room, D] to find them by, and G or vec(F) [B, H, room, e].
 */
type State = LayerState<KeysValues, Chunks, KeysValues>;
export interface BsbrOptions {
  /** C. */
  readonly chunk_size: number;
  /** e = floor(d / factor); 0: chunk states are not compressed. */
  readonly compression_factor: number;
  readonly retrieval_norm: RetrievalNorm;
}
type RetrievalNorm = 'none' | 'l2';
/** Heads, tokens in a chunk, and the norm of what is retrieved. */
type Setting = { readonly H: number; readonly C: number; readonly norm: RetrievalNorm };
/** What closing chunks gives: their rows of the bank, and S̄ of the chunk after each of the last `asking` of them. */
type Closed = { readonly rows: KeysValues; readonly retrieved: Chunks /* [asking, B * H, D, D] */ };

export function bsbrMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: BsbrOptions): Mixer<Parameters, State> {
  const { chunk_size: C, compression_factor: factor, retrieval_norm: norm } = options;
  const D = d / H;
  const e = factor === 0 ? D * D : Math.floor(d / factor);
  const setting: Setting = { H, C, norm };
  return {
    tuning: { segmentTokens: 4096, prefill: () => 'whole', closing: 'whole' },
    parameters: (weights) => initParameters(weights, d, D, factor === 0 ? 0 : e),
    empty: (B) => ({
      moving: zeroRows(1, B * H, C, D),
      seen: tf.zeros([1, B * H, D, D]),
      bank: zeroRows(B, H, 0, D, e),
    }),
    prefill: (params, past, x, at, lastOnly) => prefill(setting, params, past, x, at, lastOnly),
    step: (params, moving, retrieved, x, at) => step(setting, params, moving, retrieved, x, at),
    closing: {
      period: C,
      step: (params, state, x, at) => closingStep(setting, params, state, x, at),
      append: (state, rows, add) => ({ ...state, bank: add(state.bank, rows, C) }),
    },
    stateFloats(n) {
      const fixed = 2 * C * d + d * D;
      const closed = Math.floor(n / C);
      return { inUse: fixed + closed * (d + H * e), allocated: fixed + roomFor(closed) * (d + H * e) };
    },
  };
}

/** @param e compressed size, 0 for none */
function initParameters(weights: WeightSource, d: number, D: number, e: number): Parameters {
  return {
    qkv: denseParameters(weights, ['q', 'k', 'v'], d, d),
    rh: denseParameters(weights, ['r', 'h'], d, d),
    o: denseParameters(weights, ['o'], d, d),
    compression:
      e === 0 ? [] : [denseParameters(weights, ['compress'], e, D * D), denseParameters(weights, ['expand'], D * D, e)],
  };
}

/** The bank, of which the chunks closed so far count. */
function bufferedBank(bank: KeysValues, { settled }: Cursor, C: number): Buffered {
  return { ...bank, used: tf.div(settled, C) };
}

function prefill(
  setting: Setting,
  params: Parameters,
  past: State,
  x: tf.Tensor3D,
  at: Cursor,
  lastOnly: boolean,
): Mixed<tf.Tensor3D, State> {
  const { H, C, norm } = setting;
  const [B, T, d] = x.shape;
  const [q, k, v] = project(x, params.qkv, lastOnly);
  const fresh = { k: splitChunks(k, H, C), v: splitChunks(v, H, C) };
  const { entering, rows } = enterChunks(params, past, x, fresh, at, setting, lastOnly);
  const slot = (T - 1) % C; // of the last token
  const read = lastOnly
    ? readLast(splitChunks(q, H, 1), fresh, entering, slot, setting)
    : readAll(splitChunks(q, H, C), fresh, entering, norm);
  const moving = slot === C - 1 ? zeroRows(1, B * H, C, d / H) : ofChunks(fresh, -1, 1);
  return {
    y: dense(joinChunks(read, B, lastOnly ? 1 : T), params.o),
    state: { moving, seen: sliceChunks(entering, -1, 1), bank: mapTree(past.bank, tf.clone) },
    rows,
  };
}

function step(
  { H, C, norm }: Setting,
  { qkv, o }: Parameters,
  moving: KeysValues,
  retrieved: Chunks,
  x: tf.Tensor2D,
  at: Cursor,
): { y: tf.Tensor2D; moving: KeysValues } {
  const [B, d] = x.shape;
  const parts = project(tf.reshape(x, [B, 1, d]), qkv);
  const [q, k, v] = parts.map((part) => splitChunks(part, H, 1)) as [Chunks, Chunks, Chunks];
  const open = writeSlot(moving, at.slot, k, v);
  const local = attend(q, open, maskFrom(tf.add(at.slot, 1), C));
  const read: Chunks = tf.add(local, retrieve(q, retrieved, norm));
  return { y: dense(tf.reshape(joinChunks(read, B, 1), [B, d]), o), moving: open };
}

function closingStep(
  setting: Setting,
  params: Parameters,
  state: State,
  x: tf.Tensor2D,
  at: Cursor,
): Mixed<tf.Tensor2D, State> {
  const { H, C, norm } = setting;
  const [B, d] = x.shape;
  const { y, moving } = step(setting, params, state.moving, state.seen, x, at);
  const bank = bufferedBank(state.bank, at, C);
  const { rows, retrieved } = closeChunks(params, tf.reshape(x, [B, 1, d]), moving, bank, norm, 1);
  const cloned = mapTree(state.bank, tf.clone);
  return { y, state: { moving: zeroRows(1, B * H, C, d / H), seen: retrieved, bank: cloned }, rows };
}

/**
 * Closes the whole chunks of a segment x [B, T, d].
 * @param fresh its k and v, [N, B * H, C, D]
 * @returns `entering`: S̄ of its chunks in order, the last that of the chunk open after it (with `lastOnly` only its
 * last two are what they should be), [entries, B * H, D, D]; `rows` for the bank
 */
function enterChunks(
  params: Parameters,
  past: State,
  x: tf.Tensor3D,
  fresh: KeysValues,
  at: Cursor,
  { C, norm }: Setting,
  lastOnly: boolean,
): { entering: Chunks; rows: Tree } {
  const [B, T, d] = x.shape;
  const closing = Math.floor(T / C);
  if (closing === 0) return { entering: tf.clone(past.seen), rows: [] };
  const chunked = tf.reshape(tf.slice(x, [0, 0, 0], [B, closing * C, d]), [B, closing, C, d]);
  const ends: tf.Tensor3D = tf.squeeze(tf.slice(chunked, [0, 0, C - 1, 0], [B, closing, 1, d]), [2]);
  const asking = lastOnly ? Math.min(2, closing) : closing;
  const whole = ofChunks(fresh, 0, closing);
  const { rows, retrieved } = closeChunks(params, ends, whole, bufferedBank(past.bank, at, C), norm, asking);
  // The first rows take their room along: to make it in this pass costs less than to append to nothing.
  const isFirst = past.bank.k.shape[2] === 0;
  return { entering: tf.concat([past.seen, retrieved], 0), rows: isFirst ? padRows(rows, roomFor(closing)) : rows };
}

/**
 * Closes chunks whose last inputs are `ends` [B, m, d] and whose k and v are [m, B * H, C, D], after those in the bank.
 * @param asking how many of them, from the last back, retrieve for the chunk after them
 */
function closeChunks(
  { rh, compression: [compress, expand] }: Parameters,
  ends: tf.Tensor3D,
  { k, v }: KeysValues,
  bank: Buffered,
  norm: RetrievalNorm,
  asking: number,
): Closed {
  const [m, heads, , D] = k.shape;
  const H = heads / ends.shape[0];
  const asked = tf.split(dense(ends, rh), 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  const [r, h] = asked.map((part) => splitHeads(part, H)) as [tf.Tensor4D, tf.Tensor4D]; // [B, H, m, D]
  const F = tf.matMul(norm === 'l2' ? l2Norm(k) : k, v, true, false);
  const vecF: tf.Tensor3D = tf.reshape(F, [m, heads, D * D]);
  const offered = swapChunks(compress ? dense(vecF, compress) : vecF); // [B * H, m, e]
  const rows = { k: h, v: tf.reshape(offered, [-1, H, m, offered.shape[2]]) as tf.Tensor4D };
  const queries = tf.slice(r, [0, 0, m - asking, 0], [-1, H, asking, D]);
  const found = attendCausally(queries, rows, bank); // [B, H, asking, e]; the chunk after i sees chunks up to i
  const G = swapChunks(tf.reshape(found, [heads, asking, -1]));
  return { rows, retrieved: tf.reshape(expand ? dense(G, expand) : G, [asking, heads, D, D]) };
}

/** x [chunks, B * H, e] -> [B * H, chunks, e], and back. */
const swapChunks = (x: tf.Tensor3D): tf.Tensor3D => tf.transpose(x, [1, 0, 2]);

/** D^-1/2 · q S̄ for q [N, B * H, T, D] and S̄ [N, B * H, D, D]. */
function retrieve(q: Chunks, retrieved: Chunks, norm: RetrievalNorm): Chunks {
  if (norm === 'l2') return rmsNorm(tf.matMul(l2Norm(q), retrieved));
  return tf.matMul(scaled(q), retrieved); // the queries of the local part, so that they are made once
}

/** Every position: q [N, B * H, C, D] -> [N, B * H, C, D]. */
function readAll(q: Chunks, fresh: KeysValues, entering: Chunks, norm: RetrievalNorm): Chunks {
  const [N] = q.shape;
  return tf.add(attendCausally(q, fresh), retrieve(q, sliceChunks(entering, 0, N), norm));
}

/** The last position, in `slot` of the last chunk: q [1, B * H, 1, D] -> [1, B * H, 1, D]. */
function readLast(q: Chunks, fresh: KeysValues, entering: Chunks, slot: number, { C, norm }: Setting): Chunks {
  const local = attend(q, sliceRows(ofChunks(fresh, -1, 1), 0, slot + 1));
  // entering ends with S̄ of the chunk after the last one where that is whole
  return tf.add(local, retrieve(q, sliceChunks(entering, slot === C - 1 ? -2 : -1, 1), norm));
}

/** Keys and values of some chunks, as `sliceChunks` counts them. */
const ofChunks = (fresh: KeysValues, begin: number, count: number): KeysValues =>
  mapTree(fresh, (each) => sliceChunks(each as Chunks, begin, count));
