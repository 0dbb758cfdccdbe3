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
  denseParameters,
  joinChunks,
  lowerTriangle,
  mergeHeads,
  projectHeads,
  splitChunks,
} from './layers.js';
import { type LayerState, type Mixer, type ModelConfig, neverCloses, scanChunkFor } from './model.js';

const DENOMINATOR_EPS = 1e-6;

type Parameters = { readonly qkv: Dense; readonly o: Dense };
type Sums = {
  readonly S: tf.Tensor4D; // [B, H, D, D]
  readonly z: tf.Tensor4D; // [B, H, 1, D]
};

export function linearMixer({
  hiddenDim: d,
  numHeads: H,
  scanChunk = scanChunkFor(d / H),
}: ModelConfig): Mixer<Parameters, LayerState<Sums, [], []>> {
  const D = d / H;
  return {
    ...neverCloses,
    segmentTokens: 1024,
    optimizePrefill: 'whole',
    parameters: (weights) => ({
      qkv: denseParameters(weights, ['q', 'k', 'v'], d, d),
      o: denseParameters(weights, ['o'], d, d),
    }),
    empty: (B) => ({ moving: { S: tf.zeros([B, H, D, D]), z: tf.zeros([B, H, 1, D]) }, seen: [], bank: [] }),
    prefill({ qkv, o }, { moving }, x, _at, lastOnly) {
      const { read, sums } = lastOnly ? absorb(qkv, moving, x, H) : attendChunks(qkv, moving, x, H, scanChunk);
      return { y: dense(mergeHeads(read), o), state: { moving: sums, seen: [], bank: [] }, rows: [] };
    },
    step({ qkv, o }, moving, _seen, x) {
      const [B] = x.shape;
      const [q, k, v] = projectHeads(tf.reshape(x, [B, 1, d]), qkv, H);
      const sums = add(moving, phi(k), v);
      return { y: dense(tf.reshape(readSums(phi(q), sums), [B, d]), o), moving: sums };
    },
    stateFloats: () => ({ inUse: d * D + d, allocated: d * D + d }),
  };
}

/** Values read [B, H, T, D], and the sums after them. */
type Attended = { readonly read: tf.Tensor4D; readonly sums: Sums };

/** elu(x) + 1; as a sum of these two it takes XLA half the time of expm1. */
const phi = <X extends tf.Tensor>(x: X): X => tf.add(tf.relu(x), tf.exp(tf.minimum(x, 0)));

/** S + phi(K)ᵀ V and z + the rows of phi(K), for phi(K) and V [B, H, T, D]. */
function add({ S, z }: Sums, phiK: tf.Tensor4D, v: tf.Tensor4D): Sums {
  return { S: tf.add(S, tf.matMul(phiK, v, true, false)), z: tf.add(z, tf.sum(phiK, 2, true)) };
}

/** phi(q) S / (phi(q)·z + eps), for phi(q) [B, H, 1, D]. */
function readSums(phiQ: tf.Tensor4D, { S, z }: Sums): tf.Tensor4D {
  return tf.div(tf.matMul(phiQ, S), tf.add(tf.matMul(phiQ, z, false, true), DENOMINATOR_EPS));
}

/** Takes x [B, T, d] into the sums and reads them at the last position: [B, H, 1, D]. */
function absorb(qkv: Dense, past: Sums, x: tf.Tensor3D, H: number): Attended {
  const [q, k, v] = projectHeads(x, qkv, H, true);
  const sums = add(past, phi(k), v);
  return { read: readSums(phi(q), sums), sums };
}

/** Every position of x [B, T, d], by chunks: [B, H, T, D]. */
function attendChunks(qkv: Dense, past: Sums, x: tf.Tensor3D, H: number, scanChunk: number): Attended {
  const T = x.shape[1];
  const C = Math.min(scanChunk, T);
  const [q, k, v] = projectHeads(x, qkv, H);
  // phi before the padding, since phi(0) = 1
  const [phiQ, phiK, V] = [splitChunks(phi(q), C), splitChunks(phi(k), C), splitChunks(v, C)]; // [B, H, N, C, D]
  const S = runningSums(past.S, tf.matMul(phiK, V, true, false));
  const z = runningSums(past.z, tf.sum(phiK, 3, true));
  const scores = tf.mul(tf.matMul(phiQ, phiK, false, true), lowerTriangle(C)); // [B, H, N, C, C]
  const numerator = tf.add(tf.matMul(scores, V), tf.matMul(phiQ, S.before));
  const denominator = tf.add(tf.sum(scores, -1, true), tf.matMul(phiQ, z.before, false, true));
  const o: tf.Tensor5D = tf.div(numerator, tf.add(denominator, DENOMINATOR_EPS));
  return { read: joinChunks(o, T), sums: { S: S.after, z: z.after } };
}

/**
 * `start` and the terms [B, H, N, rows, columns] before each chunk, and after all. A product with a triangle of ones,
 * which takes a tenth of the time of a cumulative sum.
 */
function runningSums(start: tf.Tensor4D, terms: tf.Tensor5D): { before: tf.Tensor5D; after: tf.Tensor4D } {
  const [B, H, N, rows, columns] = terms.shape;
  const flat = tf.reshape(terms, [B, H, N, rows * columns]);
  const sums = tf.matMul(lowerTriangle(N + 1, 1, N), flat); // [B, H, N + 1, rows * columns]
  const all: tf.Tensor5D = tf.add(tf.expandDims(start, 2), tf.reshape(sums, [B, H, N + 1, rows, columns]));
  return {
    before: tf.slice(all, [0, 0, 0, 0, 0], [B, H, N, rows, columns]),
    after: tf.squeeze(tf.slice(all, [0, 0, N, 0, 0], [B, H, 1, rows, columns]), [2]),
  };
}
