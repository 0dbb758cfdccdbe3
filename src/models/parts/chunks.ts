/**
 * Tokens by chunks, for models that work on all chunks at once and carry a state from one to the next. The chunk comes
 * first, so that a sum over the chunks before, or the states one after the other, take what they need as it lies.
 */
import { materialize } from '../../compiled/materialize.js';
import * as tf from '../../tf.js';

/** [N, B * H, C, D]. */
export type Chunks = tf.Tensor4D;

/** x [B, T, H * D] by chunks, with zeros after the last token. */
export function splitChunks(x: tf.Tensor3D, H: number, C: number): Chunks {
  const padded = padChunks(x, C);
  const [B, N, , width] = padded.shape;
  const heads = tf.reshape(padded, [B, N, C, H, width / H]);
  return tf.reshape(tf.transpose(heads, [1, 0, 3, 2, 4]), [N, B * H, C, width / H]);
}

/** The sum of each chunk of x [B, T, H * D], as chunks of one token; summed before heads are split, where XLA is fast. */
export function sumChunks(x: tf.Tensor3D, H: number, C: number): Chunks {
  return splitChunks(tf.sum(padChunks(x, C), 2), H, 1);
}

/** `count` chunks from `begin` on; a negative `begin` counts from the end. */
export function sliceChunks(x: Chunks, begin: number, count: number): Chunks {
  return tf.slice(x, [begin < 0 ? x.shape[0] + begin : begin, 0, 0, 0], [count, -1, -1, -1]);
}

/** The first T tokens of x in B rows, [B, T, H * D]. */
export function joinChunks(x: Chunks, B: number, T: number): tf.Tensor3D {
  const [N, rows, C, D] = x.shape;
  const H = rows / B;
  const heads = tf.transpose(tf.reshape(x, [N, B, H, C, D]), [1, 0, 3, 2, 4]);
  const moved = C === 1 || H === 1 ? heads : materialize(heads); // else they lie so already
  const joined: tf.Tensor3D = tf.reshape(moved, [B, N * C, H * D]);
  return N * C === T ? joined : tf.slice(joined, [0, 0, 0], [B, T, H * D]);
}

/** Tokens in a chunk of T where chunks are halved again and again: a power of two, and no more than needed. */
export const halvedChunk = (chunk: number, T: number): number => 2 ** Math.ceil(Math.log2(Math.min(chunk, T)));

/** x [B, T, width] -> [B, N, C, width], with zeros after the last token. */
function padChunks(x: tf.Tensor3D, C: number): tf.Tensor4D {
  const [B, T, width] = x.shape;
  const N = Math.ceil(T / C);
  const padded =
    N * C === T
      ? x
      : tf.pad(x, [
          [0, 0],
          [0, N * C - T],
          [0, 0],
        ]);
  return tf.reshape(padded, [B, N, C, width]);
}
