/**
 * What a decay of the state does to the tokens of a chunk. With log decays g <= 0, g(j, i] = g_{j+1} + … + g_i:
 *
 *     Z(q, k)_ij = Σ_c q_ic k_jc exp g_c(j, i] for i >= j, else 0
 *     q_i exp g(0, i]        k_j exp g(j, C]        exp g(0, C]
 *
 * Nothing is ever divided by a decay, and no sum of g is a difference of others: every exponential lies in [0, 1] and
 * keeps its precision, however strong the decays are and however they are mixed (docs/models.md, "Decays").
 */
import { materialize } from '../../compiled/materialize.js';
import * as tf from '../../tf.js';
import type { Chunks } from './chunks.js';
import { lowerBlocks, lowerTriangle } from './triangles.js';

/** As good as none is left; unlike −inf, 0 times it is 0. */
const LEAST_LOG = -1e30;

/** What a query is used for. */
export interface Read {
  /** Z(q, k). */
  readonly scores: Chunks;
  /** q_i exp g(0, i], which reads the state that enters the chunk. */
  readonly entering: Chunks;
}
/** A chunk's keys and queries as its decays leave them. */
interface Decayed {
  /** k_j exp g(j, C], which writes the state that leaves the chunk. */
  readonly keys: Chunks;
  /** exp g(0, C], which scales the rows of the state: [N, B * H or 1, D or 1, 1]. */
  readonly across: Chunks;
  /** One for each query. */
  readonly reads: readonly Read[];
}
export interface Decay {
  (k: Chunks, ...queries: readonly Chunks[]): Decayed;
  /** g, [N, B * H, C, D or 1]; null where nothing decays. */
  readonly log: Chunks | null;
}

const decayBy = (log: Decay['log'], decay: (k: Chunks, ...queries: readonly Chunks[]) => Decayed): Decay =>
  Object.assign(decay, { log });

export const noDecay: Decay = decayBy(null, (k, ...queries) => ({
  keys: k,
  across: tf.ones([k.shape[0], 1, 1, 1]),
  reads: queries.map((q) => ({
    scores: tf.mul(tf.matMul(q, k, false, true), lowerTriangle(k.shape[2])),
    entering: q,
  })),
}));

/** What one decay a head makes of the tokens of a chunk, whatever the channel. */
export interface HeadDecays {
  /** g, [N, B * H, C, 1]. */
  readonly log: Chunks;
  /** exp g(j, i], i >= j, else 0: [N or 1, B * H, C, C]. */
  readonly within: Chunks;
  /** exp g(0, i], [N or 1, B * H, C, 1]. */
  readonly sinceStart: Chunks;
  /** exp g(j, C], [N, B * H, C, 1]. */
  readonly untilEnd: Chunks;
  /** exp g(0, C], [N, B * H, 1, 1]. */
  readonly across: Chunks;
}

export const decayOfHeads = ({ log, within, sinceStart, untilEnd, across }: HeadDecays): Decay =>
  decayBy(log, (k, ...queries) => ({
    keys: tf.mul(k, untilEnd),
    across,
    reads: queries.map((q) => ({
      scores: tf.mul(tf.matMul(q, k, false, true), within),
      entering: tf.mul(q, sinceStart),
    })),
  }));

/**
 * The same g for every token of a head, made on the host in float64. Tokens that pad the last chunk do not decay.
 * @param g of each row of B * H
 */
export function fixedDecays(g: readonly number[], tokens: number, C: number): HeadDecays {
  const rows = g.length;
  const N = Math.ceil(tokens / C);
  const range = (end: number) => Array.from({ length: end }, (_, i) => i);
  /** exp(steps · g), [chunks, rows, …shape]. */
  const powers = (chunks: number, shape: [number, number], steps: (chunk: number, i: number, j: number) => number) => {
    const values = range(chunks).flatMap((chunk) =>
      g.flatMap((log) =>
        range(shape[0]).flatMap((i) =>
          range(shape[1]).map((j) => (steps(chunk, i, j) < 0 ? 0 : Math.exp(steps(chunk, i, j) * log))),
        ),
      ),
    );
    return tf.tensor4d(values, [chunks, rows, ...shape]);
  };
  const sizeOf = (chunk: number): number => Math.min(C, tokens - chunk * C);
  const logs = range(N).flatMap((chunk) => g.flatMap((log) => range(C).map((i) => (i < sizeOf(chunk) ? log : 0))));
  return {
    log: tf.tensor4d(logs, [N, rows, C, 1]),
    within: powers(1, [C, C], (_, i, j) => i - j),
    sinceStart: powers(1, [C, 1], (_, i) => i + 1),
    untilEnd: powers(N, [C, 1], (chunk, j) => sizeOf(chunk) - 1 - j),
    across: powers(N, [1, 1], (chunk) => sizeOf(chunk)),
  };
}

/**
 * One decay a head and token. Sums of g between any two tokens are one product with zeros and ones, in which a sum still
 * is one of its own terms.
 * @param g [N, B * H, C, 1]
 */
export function headDecays(g: Chunks): HeadDecays {
  const [N, rows, C] = g.shape;
  const sums = tf.matMul(tf.reshape(tf.maximum(g, LEAST_LOG), [N * rows, C]), tokensBetween(C));
  const grid: Chunks = tf.reshape(sums, [N, rows, C + 1, C + 1]);
  const between = (i: number, j: number, height: number, width: number): Chunks =>
    tf.exp(tf.slice(grid, [0, 0, i, j], [N, rows, height, width]));
  return {
    log: g,
    within: tf.mul(between(1, 1, C, C), lowerTriangle(C)),
    sinceStart: between(1, 0, C, 1),
    untilEnd: tf.reshape(between(C, 1, 1, C), g.shape),
    across: between(C, 0, 1, 1),
  };
}

/** [C, (C + 1)²]: 1 in row m where token m is one of j + 1 … i, in the column of (i, j). */
function tokensBetween(C: number): tf.Tensor2D {
  const size = C + 1;
  const values = new Float32Array(C * size * size);
  for (let m = 1; m <= C; m++) {
    for (let i = m; i <= C; i++) values.fill(1, ((m - 1) * size + i) * size, ((m - 1) * size + i) * size + m);
  }
  return tf.tensor2d(values, [C, size * size]);
}

/**
 * What is left of each token after the last one, exp g(j, T], and of the state before, exp g(0, T] as rows [1, B * H, D or 1, 1].
 * Sums over what is after a token in its chunk, and over the chunks after that, are products with zeros and ones.
 * @param log g, [N, B * H, C, D or 1]
 */
export function untilLast(log: Chunks): { readonly left: Chunks; readonly across: Chunks } {
  const [N, , C] = log.shape;
  const g = tf.maximum(log, LEAST_LOG);
  const totals: Chunks = tf.sum(g, 2, true);
  const after = tf.matMul(lowerTriangle(N, 1), tf.reshape(totals, [N, -1]), true);
  const inChunk = tf.matMul(tf.transpose(lowerTriangle(C, 1)), g);
  return {
    left: tf.exp(tf.add(inChunk, tf.reshape(after, totals.shape))),
    across: tf.transpose(tf.exp(tf.sum(totals, 0, true)), [0, 1, 3, 2]),
  };
}

/**
 * One decay a channel and token, by halving: blocks of 1, 2, 4, … tokens become those of twice the size, in which the
 * late half reads the early one through the boundary between them,
 *
 *     Z[late, early] = (q_late exp g(boundary, i]) (k_early exp g(j, boundary])ᵀ
 *
 * @param log g, [N, B * H, C, D], C a power of two
 */
export const channelDecay = (log: Chunks): Decay =>
  decayBy(log, (k, ...queries) => {
    const g = materialize(log); // else blocks of every size would make it again
    const [N, rows, C] = g.shape;
    const tokens = (x: Chunks): tf.Tensor4D => tf.reshape(x, [N * rows * C, 1, 1, -1]);
    let blocks: Blocks = {
      total: tokens(g),
      keys: tokens(k),
      reads: queries.map((q) => ({
        scores: tokens(tf.sum(tf.mul(q, k), 3, true)),
        entering: tokens(tf.mul(q, tf.exp(g))),
      })),
    };
    while (blocks.keys.shape[2] < C) blocks = merged(blocks);
    const chunks = (x: tf.Tensor4D): Chunks => tf.reshape(x, [N, rows, ...x.shape.slice(2)] as Chunks['shape']);
    return {
      keys: chunks(blocks.keys),
      across: chunks(tf.transpose(tf.exp(blocks.total), [0, 1, 3, 2])),
      reads: blocks.reads.map(({ scores, entering }) => ({ scores: chunks(scores), entering: chunks(entering) })),
    };
  });

/** Blocks of m tokens, those of a chunk one after the other: [n, 1, m, …]. */
interface Blocks {
  /** The sum of g over a block, [n, 1, 1, D]. */
  readonly total: tf.Tensor4D;
  readonly keys: tf.Tensor4D;
  readonly reads: readonly Read[];
}

/** Each two neighbours as one block. */
function merged({ total, keys, reads }: Blocks): Blocks {
  const [totals, [early, late]] = [inPairs(total), inPairs(keys)];
  const [passedEarly, passedLate] = totals.map(tf.exp) as [tf.Tensor4D, tf.Tensor4D];
  return {
    total: tf.add(...totals),
    keys: tf.concat([tf.mul(early, passedLate), late], 2),
    reads: reads.map(({ scores, entering }) => {
      const [[P, Q], [first, second]] = [inPairs(scores), inPairs(entering)];
      return {
        scores: lowerBlocks(P, tf.matMul(second, early, false, true), Q),
        entering: tf.concat([first, tf.mul(second, passedEarly)], 2),
      };
    }),
  };
}

/** Blocks 0, 2, 4, … and 1, 3, 5, …, with an axis of length 1 where pairs had two: to drop it would be a node of a graph. */
function inPairs(x: tf.Tensor4D): [early: tf.Tensor4D, late: tf.Tensor4D] {
  const [n, , ...block] = x.shape;
  return tf.split(tf.reshape(x, [n / 2, 2, ...block]), 2, 1) as [tf.Tensor4D, tf.Tensor4D];
}
