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
 * retrievalNorm 'l2': q and k of the retrieval are L2-normalised, and q_t S̄_c is RMS-normalised instead of scaled.
 * With C >= T it equals softmax attention.
 * Departures from the original study: its masks let a position see the future and not the past, its chunk retrieved
 * from itself and later chunks, its meta query read the own chunk's last token, its scores were a T×T matrix.
 */
import * as tf from '../tf.js';
import { leaves, mapTree, type Tree } from '../tree.js';
import {
  appendRows,
  attend,
  type Buffered,
  causalMask,
  type KeysValues,
  maskFrom,
  padRows,
  roomFor,
  sliceRows,
  writeSlot,
  zeroRows,
} from './attention.js';
import {
  type Dense,
  dense,
  denseParameters,
  joinChunks,
  l2Norm,
  mergeHeads,
  projectHeads,
  rmsNorm,
  splitChunks,
  splitHeads,
} from './layers.js';
import type { Cursor, LayerState, Mixed, Mixer, ModelConfig } from './model.js';
import type { WeightSource } from './weights.js';

type Parameters = {
  readonly qkv: Dense;
  readonly rh: Dense;
  readonly o: Dense;
  /** P, p and U, u; empty without compression. */
  readonly compression: readonly [compress: Dense, expand: Dense] | readonly [];
};
/**
 * Moving: k and v of the open chunk, [B, H, C, D], zeros from the next slot on. Seen: its S̄, [B, H, D, D]. Bank, of the
 * closed chunks: h [B, H, room, D] to find them by, and G or vec(F) [B, H, room, e].
 */
type State = LayerState<KeysValues, tf.Tensor4D, KeysValues>;
type RetrievalNorm = ModelConfig['retrievalNorm'];
/** What closing chunks gives: their rows of the bank, and S̄ of the chunk after each of the last `asking` of them. */
type Closed = { readonly rows: KeysValues; readonly retrieved: tf.Tensor5D /* [B, H, asking, D, D] */ };

export function bsbrMixer(config: ModelConfig): Mixer<Parameters, State> {
  const { hiddenDim: d, numHeads: H, chunkSize: C, compressionFactor } = config;
  const D = d / H;
  const e = compressionFactor === 0 ? D * D : Math.floor(d / compressionFactor);
  return {
    period: C,
    segmentTokens: 4096,
    optimizePrefill: 'whole',
    optimizeClosing: 'whole',
    parameters: (weights) => initParameters(weights, d, D, compressionFactor === 0 ? 0 : e),
    empty: (B) => ({
      moving: zeroRows(B, H, C, D),
      seen: tf.zeros([B, H, D, D]),
      bank: zeroRows(B, H, 0, D, e),
    }),
    prefill: (params, past, x, at, lastOnly) => prefill(config, params, past, x, at, lastOnly),
    step: (params, moving, retrieved, x, at) => step(config, params, moving, retrieved, x, at),
    closingStep(params, state, x, at) {
      const { y, moving } = step(config, params, state.moving, state.seen, x, at);
      const B = x.shape[0];
      const bank = bufferedBank(state.bank, at, C);
      const { rows, retrieved } = closeChunks(params, tf.reshape(x, [B, 1, d]), moving, bank, config.retrievalNorm, 1);
      const cloned = mapTree(state.bank, tf.clone);
      return { y, state: { moving: zeroRows(B, H, C, D), seen: entry(retrieved, 0), bank: cloned }, rows };
    },
    append: (state, rows, settled) =>
      leaves(rows).length === 0 ? state : { ...state, bank: appendRows(state.bank, settled / C, rows as KeysValues) },
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
  config: ModelConfig,
  params: Parameters,
  past: State,
  x: tf.Tensor3D,
  at: Cursor,
  lastOnly: boolean,
): Mixed<tf.Tensor3D, State> {
  const { numHeads: H, chunkSize: C } = config;
  const [B, T, d] = x.shape;
  const [q, k, v] = projectHeads(x, params.qkv, H, lastOnly);
  const { entering, rows } = enterChunks(params, past, x, { k, v }, at, config, lastOnly);
  const read = lastOnly ? readLast : readAll;
  const whole = T - (T % C);
  const moving = whole === T ? zeroRows(B, H, C, d / H) : padRows(sliceRows({ k, v }, whole, T - whole), C);
  return {
    y: dense(mergeHeads(read(q, { k, v }, entering, config)), params.o),
    state: { moving, seen: entry(entering, -1), bank: mapTree(past.bank, tf.clone) },
    rows,
  };
}

function step(
  { numHeads: H, chunkSize: C, retrievalNorm }: ModelConfig,
  { qkv, o }: Parameters,
  moving: KeysValues,
  retrieved: tf.Tensor4D,
  x: tf.Tensor2D,
  at: Cursor,
): { y: tf.Tensor2D; moving: KeysValues } {
  const [B, d] = x.shape;
  const [q, k, v] = projectHeads(tf.reshape(x, [B, 1, d]), qkv, H);
  const open = writeSlot(moving, at.slot, k, v);
  const local = attend(q, open, maskFrom(tf.add(at.slot, 1), C));
  const read = tf.add(local, retrieve(q, retrieved, retrievalNorm));
  return { y: dense(tf.reshape(read, [B, d]), o), moving: open };
}

/**
 * Closes the whole chunks of a segment x [B, T, d].
 * @returns `entering`: S̄ of its chunks in order, the last that of the chunk open after it (with `lastOnly` only its
 * last two are what they should be), [B, H, entries, D, D]; `rows` for the bank
 */
function enterChunks(
  params: Parameters,
  past: State,
  x: tf.Tensor3D,
  fresh: KeysValues,
  at: Cursor,
  { chunkSize: C, retrievalNorm }: ModelConfig,
  lastOnly: boolean,
): { entering: tf.Tensor5D; rows: Tree } {
  const [B, T, d] = x.shape;
  const closing = Math.floor(T / C);
  const first: tf.Tensor5D = tf.expandDims(past.seen, 2);
  if (closing === 0) return { entering: first, rows: [] };
  const chunked = tf.reshape(tf.slice(x, [0, 0, 0], [B, closing * C, d]), [B, closing, C, d]);
  const ends: tf.Tensor3D = tf.squeeze(tf.slice(chunked, [0, 0, C - 1, 0], [B, closing, 1, d]), [2]);
  const asking = lastOnly ? Math.min(2, closing) : closing;
  const whole = sliceRows(fresh, 0, closing * C);
  const { rows, retrieved } = closeChunks(params, ends, whole, bufferedBank(past.bank, at, C), retrievalNorm, asking);
  // The first rows take their room along: to make it in this pass costs less than to append to nothing.
  const isFirst = past.bank.k.shape[2] === 0;
  return { entering: tf.concat([first, retrieved], 2), rows: isFirst ? padRows(rows, roomFor(closing)) : rows };
}

/**
 * Closes chunks whose last inputs are `ends` [B, m, d] and whose k and v are [B, H, m·C, D], after those in the bank.
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
  const [B, H, tokens, D] = k.shape;
  const m = ends.shape[1];
  const [r, h] = splitHeads(dense(ends, rh), H, 2) as [tf.Tensor4D, tf.Tensor4D]; // [B, H, m, D]
  const byChunk = (t: tf.Tensor4D): tf.Tensor4D => tf.reshape(t, [B, H * m, tokens / m, D]); // as in readAll, to share it
  const F = tf.matMul(byChunk(norm === 'l2' ? l2Norm(k) : k), byChunk(v), true, false);
  const vecF: tf.Tensor4D = tf.reshape(F, [B, H, m, D * D]);
  const rows = { k: h, v: compress ? dense(vecF, compress) : vecF };
  const queries = tf.slice(r, [0, 0, m - asking, 0], [B, H, asking, D]);
  const mask = tf.slice(causalMask(m), [m - asking, 0], [asking, m]); // the chunk after i sees chunks up to i
  const found = attend(queries, rows, mask, bank);
  return { rows, retrieved: tf.reshape(expand ? dense(found, expand) : found, [B, H, asking, D, D]) };
}

/** D^-1/2 · q S̄ for q [..., T, D] and S̄ [..., D, D]. */
function retrieve<X extends tf.Tensor>(q: X, retrieved: X, norm: RetrievalNorm): X {
  if (norm === 'l2') return rmsNorm(tf.matMul(l2Norm(q), retrieved));
  return tf.mul(tf.matMul(q, retrieved), (q.shape[q.rank - 1] as number) ** -0.5);
}

/** Every position: q [B, H, T, D] -> [B, H, T, D]. */
function readAll(
  q: tf.Tensor4D,
  fresh: KeysValues,
  entering: tf.Tensor5D,
  { chunkSize: C, retrievalNorm }: ModelConfig,
): tf.Tensor4D {
  const [B, H, T, D] = q.shape;
  const N = Math.ceil(T / C);
  const byChunk = (x: tf.Tensor4D): tf.Tensor4D => tf.reshape(splitChunks(x, C), [B, H * N, C, D]);
  const Q = byChunk(q);
  const local = attend(
    Q,
    mapTree(fresh, (x) => byChunk(x as tf.Tensor4D)),
    causalMask(C),
  );
  const S = tf.reshape(tf.slice(entering, [0, 0, 0, 0, 0], [B, H, N, D, D]), [B, H * N, D, D]);
  const read = tf.add(local, retrieve(Q, S as tf.Tensor4D, retrievalNorm));
  return joinChunks(tf.reshape(read, [B, H, N, C, D]), T);
}

/** The last position: q [B, H, 1, D] -> [B, H, 1, D]. */
function readLast(
  q: tf.Tensor4D,
  fresh: KeysValues,
  entering: tf.Tensor5D,
  { chunkSize: C, retrievalNorm }: ModelConfig,
): tf.Tensor4D {
  const T = fresh.k.shape[2];
  const begin = C * (Math.ceil(T / C) - 1);
  const local = attend(q, sliceRows(fresh, begin, T - begin));
  return tf.add(local, retrieve(q, entry(entering, T % C === 0 ? -2 : -1), retrievalNorm));
}

/** x[:, :, index] of x [B, H, entries, D, D]; a negative index counts from the end. */
function entry(x: tf.Tensor5D, index: number): tf.Tensor4D {
  const [B, H, entries, D] = x.shape;
  return tf.squeeze(tf.slice(x, [0, 0, index < 0 ? entries + index : index, 0, 0], [B, H, 1, D, D]), [2]);
}
