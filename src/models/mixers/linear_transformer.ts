/**
 * LinearTransformer (Katharopoulos et al. 2020, arXiv 2006.16236, equations 9-12 and 18-20).
 *
 *     phi(x) = elu(x) + 1
 *     S_t = S_{t-1} + phi(k_t)ᵀ v_t        z_t = z_{t-1} + phi(k_t)
 *     o_t = phi(q_t) S_t / (phi(q_t)·z_t + 1e-6)          the token sees itself
 *
 * q, k, v, o are maps with bias. Prefill works on chunks of C tokens, exactly for every C: within a chunk
 * tril(phi(Q) phi(K)ᵀ) V, across chunks an exclusive cumulative sum of phi(K)ᵀ V and of the rows of phi(K).
 * Departure from the original study: it is causal, and decode carries S and z instead of starting anew.
 */
import { hasLinearAttention, linearAttention } from '../../compiled/linear_attention.js';
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import { type Chunks, joinChunks, sliceChunks, splitChunks, sumChunks } from '../parts/chunks.js';
import { type Dense, dense, denseParameters, project } from '../parts/layers.js';
import { lowerTriangle } from '../parts/triangles.js';

const DENOMINATOR_EPS = 1e-6;

type Parameters = { readonly qkv: Dense; readonly o: Dense };
type Sums = {
  readonly S: Chunks; // [1, B * H, D, D]
  readonly z: Chunks; // [1, B * H, 1, D]
};

/** @param options scan_chunk: tokens in a chunk of prefill; no result depends on it */
export function linearMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: { readonly scan_chunk: number }) {
  const D = d / H;
  return recurrent<Parameters, Sums>({
    parameters: (weights) => ({
      qkv: denseParameters(weights, ['q', 'k', 'v'], d, d),
      o: denseParameters(weights, ['o'], d, d),
    }),
    empty: (B) => ({ S: tf.zeros([1, B * H, D, D]), z: tf.zeros([1, B * H, 1, D]) }),
    prefill({ qkv, o }, past, x, lastOnly) {
      const { read, sums } = lastOnly ? absorb(qkv, past, x, H) : attendChunks(qkv, past, x, H, options.scan_chunk);
      return { y: dense(read, o), state: sums };
    },
    step({ qkv, o }, past, x) {
      const [B] = x.shape;
      const { read, sums } = absorb(qkv, past, tf.reshape(x, [B, 1, d]), H);
      return { y: dense(tf.reshape(read, [B, d]), o), state: sums };
    },
    stateFloats: d * D + d,
  });
}

/** Values read [B, T, d], and the sums after them. */
type Attended = { readonly read: tf.Tensor3D; readonly sums: Sums };

/** elu(x) + 1; as a sum of these two it takes XLA half the time of expm1. */
const phi = <X extends tf.Tensor>(x: X): X => tf.add(tf.relu(x), tf.exp(tf.minimum(x, 0)));

/** Takes x [B, T, d] into the sums as one chunk and reads them at the last position: [B, 1, d]. */
function absorb(qkv: Dense, past: Sums, x: tf.Tensor3D, H: number): Attended {
  const [B, T] = x.shape;
  const [q, k, v] = project(x, qkv, true);
  const keys = phi(k);
  const S: Chunks = tf.add(past.S, tf.matMul(splitChunks(keys, H, T), splitChunks(v, H, T), true, false));
  const z: Chunks = tf.add(past.z, sumChunks(keys, H, T));
  const phiQ = splitChunks(phi(q), H, 1); // [1, B * H, 1, D]
  const o: Chunks = tf.div(tf.matMul(phiQ, S), tf.add(tf.matMul(phiQ, z, false, true), DENOMINATOR_EPS));
  return { read: joinChunks(o, B, 1), sums: { S, z } };
}

/** Every position of x [B, T, d], by chunks. */
function attendChunks(qkv: Dense, past: Sums, x: tf.Tensor3D, H: number, scanChunk: number): Attended {
  const [B, T] = x.shape;
  const C = Math.min(scanChunk, T);
  const [q, k, v] = project(x, qkv);
  const keys = phi(k); // before the padding, since phi(0) = 1
  if (hasLinearAttention()) return attendByOperator(phi(q), keys, v, past, H);
  const [phiQ, phiK, V] = [splitChunks(phi(q), H, C), splitChunks(keys, H, C), splitChunks(v, H, C)];
  const S = runningSums(past.S, tf.matMul(phiK, V, true, false));
  const z = runningSums(past.z, sumChunks(keys, H, C));
  const scores = tf.mul(tf.matMul(phiQ, phiK, false, true), lowerTriangle(C)); // [N, B * H, C, C]
  const numerator = tf.add(tf.matMul(scores, V), tf.matMul(phiQ, S.before));
  const denominator = tf.add(tf.sum(scores, -1, true), tf.matMul(phiQ, z.before, false, true));
  const o: Chunks = tf.div(numerator, tf.add(denominator, DENOMINATOR_EPS));
  return { read: joinChunks(o, B, T), sums: { S: S.after, z: z.after } };
}

/** Every position by the runtime's operator: numerators, and denominators as values of one column. */
function attendByOperator(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, past: Sums, H: number): Attended {
  const [B, T, d] = v.shape;
  const D = d / H;
  const read = (values: tf.Tensor3D, start: Chunks) =>
    linearAttention({ q, k, v: values, g: null, rate: null }, tf.reshape(start, [B, H, D, -1]));
  const [above, below] = [read(v, past.S), read(tf.ones([B, T, H]), past.z)];
  const numerators = tf.reshape(above.o, [B, T, H, D]);
  const o = tf.div(numerators, tf.add(tf.reshape(below.o, [B, T, H, 1]), DENOMINATOR_EPS));
  const S: Chunks = tf.reshape(above.S, past.S.shape);
  const z: Chunks = tf.reshape(below.S, past.z.shape);
  return { read: tf.reshape(o, [B, T, d]), sums: { S, z } };
}

/**
 * `start` [1, B * H, rows, columns] and the terms [N, B * H, rows, columns] before each chunk, and after all. A product with
 * a triangle of ones, which takes a tenth of the time of a cumulative sum.
 */
function runningSums(start: Chunks, terms: Chunks): { before: Chunks; after: Chunks } {
  const N = terms.shape[0];
  const sums = tf.matMul(lowerTriangle(N, 1), tf.reshape(terms, [N, -1]));
  const before: Chunks = tf.add(start, tf.reshape(sums, terms.shape));
  return { before, after: tf.add(sliceChunks(before, -1, 1), sliceChunks(terms, -1, 1)) };
}
