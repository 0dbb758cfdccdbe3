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
import * as tf from '../tf.js';
import {
  type Dense,
  dense,
  denseColumns,
  denseParameters,
  joinChunks,
  lowerTriangle,
  mergeHeads,
  splitChunks,
  splitHeads,
} from './layers.js';
import type { Mixer, ModelConfig } from './model.js';

const DENOMINATOR_EPS = 1e-6;

type Parameters = { readonly qkv: Dense; readonly o: Dense };
type State = {
  readonly S: tf.Tensor4D; // [B, H, D, D]
  readonly z: tf.Tensor4D; // [B, H, 1, D]
};

export function linearMixer({ hiddenDim: d, numHeads: H, chunkSize }: ModelConfig): Mixer<Parameters, State> {
  const D = d / H;
  return {
    period: 1,
    parameters: (weights) => ({
      qkv: denseParameters(weights, ['q', 'k', 'v'], d, d),
      o: denseParameters(weights, ['o'], d, d),
    }),
    empty: (B) => ({ S: tf.zeros([B, H, D, D]), z: tf.zeros([B, H, 1, D]) }),
    cursor: () => ({}),
    prefill({ qkv, o }, past, x, _at, lastOnly) {
      const mixed = lastOnly ? absorb(qkv, past, x, H) : attendChunks(qkv, past, x, H, chunkSize);
      return { y: dense(mergeHeads(mixed.o), o), state: mixed.state, rows: [] };
    },
    step({ qkv, o }, past, x) {
      const [B] = x.shape;
      const mixed = absorb(qkv, past, tf.reshape(x, [B, 1, d]), H);
      return { y: dense(tf.reshape(mixed.o, [B, d]), o), state: mixed.state, rows: [] };
    },
    append: (state) => state,
    stateFloats: () => ({ inUse: d * D + d, allocated: d * D + d }),
  };
}

type Attended = { readonly o: tf.Tensor4D; readonly state: State };

const phi = <X extends tf.Tensor>(x: X): X => tf.add(tf.elu(x), 1);

/** Takes x [B, T, d] into the state and reads it at the last position: o [B, H, 1, D]. */
function absorb(qkv: Dense, past: State, x: tf.Tensor3D, H: number): Attended {
  const [B, T, d] = x.shape;
  const [k, v] = splitHeads(dense(x, denseColumns(qkv, d, 2 * d)), H, 2) as [tf.Tensor4D, tf.Tensor4D];
  const last = tf.slice(x, [0, T - 1, 0], [B, 1, d]);
  const [q] = splitHeads(dense(last, denseColumns(qkv, 0, d)), H, 1) as [tf.Tensor4D];
  const [phiQ, phiK] = [phi(q), phi(k)];
  const S: tf.Tensor4D = tf.add(past.S, tf.matMul(phiK, v, true, false));
  const z: tf.Tensor4D = tf.add(past.z, tf.sum(phiK, 2, true));
  const denominator = tf.add(tf.matMul(phiQ, z, false, true), DENOMINATOR_EPS);
  return { o: tf.div(tf.matMul(phiQ, S), denominator), state: { S, z } };
}

/** Every position of x [B, T, d], by chunks: o [B, H, T, D]. */
function attendChunks(qkv: Dense, past: State, x: tf.Tensor3D, H: number, chunkSize: number): Attended {
  const T = x.shape[1];
  const C = Math.min(chunkSize, T);
  const [q, k, v] = splitHeads(dense(x, qkv), H, 3) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  // phi before the padding, since phi(0) = 1
  const [phiQ, phiK, V] = [splitChunks(phi(q), C), splitChunks(phi(k), C), splitChunks(v, C)]; // [B, H, N, C, D]
  const S = runningSums(past.S, tf.matMul(phiK, V, true, false));
  const z = runningSums(past.z, tf.sum(phiK, 3, true));
  const scores = tf.mul(tf.matMul(phiQ, phiK, false, true), lowerTriangle(C)); // [B, H, N, C, C]
  const numerator = tf.add(tf.matMul(scores, V), tf.matMul(phiQ, S.before));
  const denominator = tf.add(tf.sum(scores, -1, true), tf.matMul(phiQ, z.before, false, true));
  const o: tf.Tensor5D = tf.div(numerator, tf.add(denominator, DENOMINATOR_EPS));
  return { o: joinChunks(o, T), state: { S: S.after, z: z.after } };
}

/** Sums over the chunks of terms [B, H, N, ...], each without its own and later terms, and the sum of all. */
function runningSums(start: tf.Tensor4D, terms: tf.Tensor5D): { before: tf.Tensor5D; after: tf.Tensor4D } {
  const [B, H, N, rows, columns] = terms.shape;
  const sums: tf.Tensor5D = tf.cumsum(tf.concat([tf.expandDims(start, 2) as tf.Tensor5D, terms], 2), 2);
  return {
    before: tf.slice(sums, [0, 0, 0, 0, 0], [B, H, N, rows, columns]),
    after: tf.squeeze(tf.slice(sums, [0, 0, N, 0, 0], [B, H, 1, rows, columns]), [2]),
  };
}
