/**
 * Softmax attention over buffers that grow with the sequence, for the models that keep such buffers. B and H stand for
 * any two axes that only run along, of chunks by chunks [N, B * H, …] too.
 */
import { nativeCall } from '../../compiled/native_call.js';
import * as tf from '../../tf.js';
import { leaves, mapTree, type Tree } from '../../tree.js';

/** Added to a score that must not be seen. Finite, so that hiding everything gives no NaN. */
const HIDDEN = -1e30;

/** Queries that see a window together: fewer make fewer scores that nobody may see, more make fewer products. */
const LEAST_BLOCK = 32;
const MOST_BLOCK = 128;

/** Whether native/causal_attention.cc is there and takes values of this many columns. */
export const attendsNatively = (width: number): boolean => width % 8 === 0 && tf.hasNative('causal_attention');

/** Keys [B, H, rows, D] and values [B, H, rows, D or e]. There may be fewer heads of them than of queries: each serves as many. */
export type KeysValues = { readonly k: tf.Tensor4D; readonly v: tf.Tensor4D };

/** Keys and values of which only the first `used` rows count. */
export type Buffered = KeysValues & { readonly used: tf.Scalar };

/** What a query sees of rows in order: its own and the `size` - 1 before it, but none before row `from`. */
export type Window = { readonly size: number; readonly from: tf.Scalar };

/**
 * softmax( q·k / sqrt D ) v over the rows of `near` and, before them, of `far`.
 * @param q [B, H, T, D]
 * @param mask added to the scores of `near`, broadcast to [T, rows]
 * @returns [B, H, T, D or e]
 */
export function attend(q: tf.Tensor4D, near: KeysValues, mask?: tf.Tensor, far?: Buffered): tf.Tensor4D {
  const queries = scaled(q);
  const raw = byHead(queries, near.k, true);
  const scores: tf.Tensor4D = mask ? tf.add(raw, mask) : raw;
  const room = far?.k.shape[2] ?? 0;
  if (far === undefined || room === 0) return byHead(tf.softmax(scores), near.v);
  const farScores = tf.add(byHead(queries, far.k, true), maskFrom(far.used, room));
  const weights = tf.softmax(tf.concat([farScores, scores], 3));
  const [toFar, toNear] = tf.split(weights, [room, near.k.shape[2]], 3) as [tf.Tensor4D, tf.Tensor4D];
  return tf.add(byHead(toFar, far.v), byHead(toNear, near.v));
}

/** x y, or x yᵀ, of each head of x [B, H, T, …] with the head of y that serves it. */
function byHead(x: tf.Tensor4D, y: tf.Tensor4D, transposed = false): tf.Tensor4D {
  const [B, H, T, depth] = x.shape;
  const heads = y.shape[1];
  if (heads === H) return tf.matMul(x, y, false, transposed);
  const product = tf.matMul(tf.reshape(x, [B, heads, (H / heads) * T, depth]), y, false, transposed);
  return tf.reshape(product, [B, H, T, -1]);
}

/**
 * softmax( q·k / sqrt D ) v, causal: the last query sees all rows of `near`, each before it one row fewer, and all of
 * them see `far`. No scores of all queries with all rows are ever in memory.
 * @param q [B, H, T, D], T at most the rows of `near`
 * @returns [B, H, T, D or e]
 */
export function attendCausally(q: tf.Tensor4D, near: KeysValues, far?: Buffered): tf.Tensor4D {
  const room = far?.k.shape[2] ?? 0;
  if (q.shape[2] === 1) return attend(q, near, undefined, far);
  const seen = far !== undefined && room > 0 ? [far.k, far.v, far.used] : [];
  return attendInOneCall(q, near, seen, { room }, () => attendByBlocks(q, near, far));
}

/**
 * The same, but each query sees the rows of its window alone, whose work does not depend on the rows before it.
 * @param near at least the rows of the first query's window
 * @returns [B, H, T, D or e]
 */
export function attendWindow(q: tf.Tensor4D, near: KeysValues, window: Window): tf.Tensor4D {
  const { size, from } = window;
  return attendInOneCall(q, near, [from], { size }, () => attendWindowByBlocks(q, near, window));
}

/** A call of native/causal_attention.cc where it takes these values, else what it computes. */
function attendInOneCall(
  q: tf.Tensor4D,
  near: KeysValues,
  others: readonly tf.Tensor[],
  { room = 0, size = 0 },
  inTensors: () => tf.Tensor4D,
): tf.Tensor4D {
  const [B, H, T, D] = q.shape;
  const [, heads, rows, width] = near.v.shape;
  if (!attendsNatively(width)) return inTensors();
  const sizes = [B * H, T, D, rows, width, room, H / heads, size];
  return nativeCall('causal_attention', [scaled(q), near.k, near.v, ...others], sizes, [B, H, T, width], inTensors);
}

/** A block of queries at a time: a small one makes fewer scores that nobody may see. */
function attendByBlocks(q: tf.Tensor4D, near: KeysValues, far?: Buffered): tf.Tensor4D {
  const [B, H, T, D] = q.shape;
  const before = near.k.shape[2] - T;
  const most = T <= 1024 ? 128 : 256;
  if (T <= most) return attend(q, near, afterSeen(before, causalMask(T)), far);
  const causal = causalMask(most);
  const blocks: tf.Tensor4D[] = [];
  for (let start = 0; start < T; start += most) {
    const size = Math.min(most, T - start);
    const seen = before + start; // by all queries of the block
    const mask = afterSeen(seen, tf.slice(causal, [0, 0], [size, size]));
    const queries = tf.slice(q, [0, 0, start, 0], [B, H, size, D]);
    blocks.push(attend(queries, sliceRows(near, 0, seen + size), mask, far));
  }
  return tf.concat(blocks, 2);
}

/** A block of C queries at a time sees the size - 1 + C rows that end with its own. */
function attendWindowByBlocks(q: tf.Tensor4D, near: KeysValues, { size, from }: Window): tf.Tensor4D {
  const [B, H, T, D] = q.shape;
  const most = Math.min(T, Math.max(LEAST_BLOCK, Math.min(size, MOST_BLOCK)));
  const band = windowMask(most, size);
  const blocks: tf.Tensor4D[] = [];
  for (let start = 0; start < T; start += most) {
    const count = Math.min(most, T - start);
    const [first, rows] = [near.k.shape[2] - T + start + 1 - size, size - 1 + count];
    const inWindow = tf.slice(band, [0, 0], [count, rows]);
    const mask = first < size ? tf.add(inWindow, maskBefore(tf.sub(from, first), rows)) : inWindow;
    blocks.push(attend(tf.slice(q, [0, 0, start, 0], [B, H, count, D]), sliceRows(near, first, rows), mask));
  }
  return tf.concat(blocks, 2);
}

/** A mask of the last columns with `seen` columns before them, which it does not hide. */
function afterSeen(seen: number, mask: tf.Tensor2D): tf.Tensor2D {
  return seen === 0 ? mask : tf.concat([tf.zeros([mask.shape[0], seen]), mask], 1);
}

/** D^-1/2 · q for q [..., T, D]. */
export const scaled = <X extends tf.Tensor>(q: X): X => tf.mul(q, (q.shape[q.rank - 1] as number) ** -0.5);

/** What hides entry i of [0, size) where i >= end: [size]. */
export function maskFrom(end: tf.Scalar, size: number): tf.Tensor1D {
  return tf.mul(tf.cast(tf.greaterEqual(tf.range(0, size), end), 'float32'), HIDDEN);
}

/** What hides entry i of [0, size) where i < end: [size]. */
export function maskBefore(end: tf.Scalar, size: number): tf.Tensor1D {
  return tf.mul(tf.cast(tf.less(tf.range(0, size), end), 'float32'), HIDDEN);
}

/** What hides from row i of scores [rows, size - 1 + rows] all but the columns [i, i + size). */
function windowMask(rows: number, size: number): tf.Tensor2D {
  const columns = size - 1 + rows;
  const values = new Float32Array(rows * columns).fill(HIDDEN);
  for (let row = 0; row < rows; row++) values.fill(0, row * columns + row, row * columns + row + size);
  return tf.tensor2d(values, [rows, columns]);
}

/** What hides from a row of scores [size, size] the columns after its own. */
function causalMask(size: number): tf.Tensor2D {
  const values = new Float32Array(size * size);
  for (let row = 0; row < size; row++) values.fill(HIDDEN, row * size + row + 1, (row + 1) * size);
  return tf.tensor2d(values, [size, size]);
}

/** Rows [begin, begin + count) of keys and values. */
export function sliceRows(x: KeysValues, begin: number, count: number): KeysValues {
  return mapTree(x, (tensor) => tf.slice(tensor, [0, 0, begin, 0], [-1, -1, count, -1]));
}

/** Keys and values, and those after them. */
export function joinRows(x: KeysValues, after: KeysValues): KeysValues {
  return { k: tf.concat([x.k, after.k], 2), v: tf.concat([x.v, after.v], 2) };
}

/** Keys and values followed by zeros up to `rows`. */
export function padRows(x: KeysValues, rows: number): KeysValues {
  return mapTree(x, (tensor) => padTokens(tensor as tf.Tensor4D, 0, rows - (tensor.shape[2] as number)));
}

/** Keys and values of no token: `rows` zeros. */
export function zeroRows(B: number, H: number, rows: number, width: number, valueWidth = width): KeysValues {
  return { k: tf.zeros([B, H, rows, width]), v: tf.zeros([B, H, rows, valueWidth]) };
}

/** The buffer, zero at `slot`, with k and v [B, H, 1, D] put there. */
export function writeSlot(buffer: KeysValues, slot: tf.Scalar, k: tf.Tensor4D, v: tf.Tensor4D): KeysValues {
  const rows = buffer.k.shape[2];
  const here = tf.reshape(tf.cast(tf.equal(tf.range(0, rows), slot), 'float32'), [rows, 1]);
  return { k: tf.add(buffer.k, tf.mul(here, k)), v: tf.add(buffer.v, tf.mul(here, v)) };
}

/** Fewer rows are not worth a size of their own: a compiled call is made anew for each. */
const LEAST_ROOM = 64;

/** Rows to allocate for `rows` in use: four sizes an octave, so that at most a quarter is spare and growing is rare. */
export function roomFor(rows: number): number {
  if (rows <= LEAST_ROOM) return rows === 0 ? 0 : LEAST_ROOM;
  const step = 2 ** (Math.ceil(Math.log2(rows)) - 3);
  return Math.ceil(rows / step) * step;
}

/**
 * A growing buffer, after whose rows in use it is zero, with more of them; [] for none. A row is what `tokens` tokens left
 * behind. How many are in use, and how much room there is, no mixer needs to know.
 */
export type AddRows = (buffer: KeysValues, rows: Tree, tokens: number) => KeysValues;

/** Adds to buffers of `settled` tokens, which grow where they have to. */
export const growing =
  (settled: number): AddRows =>
  (buffer, rows, tokens) =>
    addRows(buffer, rows, (to, more) => append(to, settled / tokens, more));

/** The same of buffers that have the room, where a tensor says how many tokens there are. */
export const placing =
  (settled: tf.Scalar): AddRows =>
  (buffer, rows, tokens) =>
    addRows(buffer, rows, (to, more) => place(to, tf.div(settled, tokens), more));

/** Adds room alone, for `settled` tokens. */
export const makingRoom =
  (settled: number): AddRows =>
  (buffer, _rows, tokens) =>
    padRows(buffer, roomFor(settled / tokens));

function addRows(
  buffer: KeysValues,
  rows: Tree,
  add: (buffer: tf.Tensor4D, rows: tf.Tensor4D) => tf.Tensor4D,
): KeysValues {
  const [k, v] = leaves(rows) as tf.Tensor4D[];
  return k && v ? { k: add(buffer.k, k), v: add(buffer.v, v) } : buffer;
}

/** The buffer with rows after the first `used`. */
function place(buffer: tf.Tensor4D, used: tf.Scalar, rows: tf.Tensor4D): tf.Tensor4D {
  const [room, last] = [buffer.shape[2], rows.shape[2] - 1];
  const from = tf.sub(tf.range(0, room), used); // which of the rows comes here
  const nearest = tf.clipByValue(from, 0, last);
  const isThere = tf.reshape(tf.cast(tf.equal(from, nearest), 'float32'), [room, 1]);
  return tf.add(buffer, tf.mul(isThere, tf.gather(rows, tf.cast(nearest, 'int32'), 2)));
}

/** The first `used` rows of the buffer, then `rows`, then room for more. */
function append(buffer: tf.Tensor4D, used: number, rows: tf.Tensor4D): tf.Tensor4D {
  const [B, H, added, width] = rows.shape;
  const room = roomFor(used + added);
  if (buffer.shape[2] === room) return tf.add(buffer, padTokens(rows, used, room - used - added));
  const all = used === 0 ? rows : tf.concat([tf.slice(buffer, [0, 0, 0, 0], [B, H, used, width]), rows], 2);
  return padTokens(all, 0, room - used - added);
}

/** x [B, H, T, width] between zeros. */
function padTokens(x: tf.Tensor4D, before: number, after: number): tf.Tensor4D {
  if (before + after === 0) return tf.clone(x);
  return tf.pad(x, [
    [0, 0],
    [0, 0],
    [before, after],
    [0, 0],
  ]);
}
