/**
 * DeltaNet (Yang et al. 2024, arXiv 2406.06484, equations 2-4 and the chunked form of section 3).
 *
 * q, k, v are maps without bias; each passes a depthwise causal convolution of width 4, then SiLU; q and k are
 * L2-normalised per head. beta_t = sigmoid(W_b x_t), one per head.
 *
 *     u_t = beta_t (v_t − k_t S_{t-1})      S_t = S_{t-1} + k_tᵀ u_t
 *     o_t = D^-1/2 · q_t S_t
 *     y_t = W_o · concat_heads( RMSNorm(o_t) )
 *
 * With k and v times sqrt(beta), and u divided by it, beta is in none of the equations: u_t = v_t − k_t S_{t-1}, and S_t
 * is the same. Chunked so, with S the state entering a chunk:
 *
 *     A = tril(K Kᵀ, −1)         M = (I + A)^-1      U = M V      W = M K
 *     R = U − W S                O = Q S + tril(Q Kᵀ) R           S' = S + Kᵀ R = (I − Kᵀ W) S + Kᵀ U
 *
 * Everything but S' is one batched computation over all chunks. C is a speed setting, the result does not depend on it.
 * Departure from the original study: the delta rule itself (its code overwrote nothing), causal, with a carried state.
 */
import { scan } from '../../compiled/scan.js';
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import { type Chunks, joinChunks, splitChunks } from '../parts/chunks.js';
import { denseWeight, l2Norm, lowerTriangle, matMulLast, rmsNorm } from '../parts/layers.js';
import type { WeightSource } from '../weights.js';

/** Width w of the convolutions: a token and the three before it. */
const CONV_WIDTH = 4;
/** Rows up to which a triangular inverse is fastest by substitution; above, XLA's code for it is slow. */
const SUBSTITUTED = 8;

type Parameters = {
  readonly qkv: tf.Tensor2D; // [d, 3d]
  readonly taps: tf.Tensor2D; // [w, 3d], the last row is the newest token's
  readonly beta: tf.Tensor2D; // [d, H]
  readonly gain: tf.Tensor1D; // [D]
  readonly o: tf.Tensor2D; // [d, d]
};
type State = {
  readonly S: tf.Tensor3D; // [B * H, D, D]
  readonly window: tf.Tensor3D; // [B, w - 1, 3d], the last inputs of the convolutions
};
type Inputs = {
  readonly q: Chunks; // or [1, B * H, 1, D] of the last position
  readonly k: Chunks; // times sqrt(beta)
  readonly v: Chunks; // times sqrt(beta)
  readonly window: tf.Tensor3D;
};

/** @param options scan_chunk: tokens in a chunk of prefill; no result depends on it */
export function deltaMixer({ hiddenDim: d, numHeads: H }: ModelShape, options: { readonly scan_chunk: number }) {
  const D = d / H;
  /** y [B, T, d] of what T tokens read. */
  const output = ({ gain, o }: Parameters, read: Chunks, B: number, T: number): tf.Tensor3D =>
    matMulLast(joinChunks(tf.mul(rmsNorm(tf.mul(read, D ** -0.5)), gain), B, T), o);
  return recurrent<Parameters, State>({
    tuning: { segmentTokens: 1024, prefill: () => 'whole' },
    parameters: (weights) => ({
      qkv: denseWeight(weights, ['q', 'k', 'v'], d, d),
      taps: convTaps(weights, d),
      beta: denseWeight(weights, ['beta'], H, d),
      gain: tf.tensor1d(weights.get('out_norm.weight', [D])),
      o: denseWeight(weights, ['o'], d, d),
    }),
    empty: (B) => ({ S: tf.zeros([B * H, D, D]), window: tf.zeros([B, CONV_WIDTH - 1, 3 * d]) }),
    prefill(params, past, x, lastOnly) {
      const [B, T] = x.shape;
      const inputs = prepare(params, past, x, H, Math.min(options.scan_chunk, T), lastOnly);
      const { o, S } = deltaRule(inputs, past.S, lastOnly);
      return { y: output(params, o, B, lastOnly ? 1 : T), state: { S, window: inputs.window } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { q, k, v, window } = prepare(params, past, tf.reshape(x, [B, 1, d]), H, 1);
      const before: tf.Tensor4D = tf.expandDims(past.S, 0);
      const u = tf.sub(v, tf.matMul(k, before)); // [1, B * H, 1, D]
      const S: tf.Tensor4D = tf.add(before, tf.matMul(k, u, true, false));
      const y: tf.Tensor2D = tf.reshape(output(params, tf.matMul(q, S), B, 1), [B, d]);
      return { y, state: { S: tf.squeeze(S, [0]), window } };
    },
    stateFloats: d * D + (CONV_WIDTH - 1) * 3 * d,
  });
}

/** The taps of the three convolutions, each [d, w] in the source, as [w, 3d]. */
function convTaps(weights: WeightSource, d: number): tf.Tensor2D {
  const taps = ['q', 'k', 'v'].map((name) =>
    tf.tensor2d(weights.get(`${name}_conv.weight`, [d, CONV_WIDTH]), [d, CONV_WIDTH]),
  );
  const joined = tf.transpose(tf.concat(taps, 0));
  tf.dispose(taps);
  return joined;
}

/**
 * q, k and v of x [B, T, d] by chunks of C tokens, and the window for the tokens after it.
 * @param lastOnly q of the last position alone
 */
function prepare(params: Parameters, past: State, x: tf.Tensor3D, H: number, C: number, lastOnly = false): Inputs {
  const d = x.shape[2];
  const { maps, window } = (lastOnly ? projectForLast : projectAll)(params, past.window, x);
  const [q, k, v] = maps.flatMap((y) => tf.split(y, y.shape[2] / d, 2)) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  const rate = splitChunks(tf.sqrt(tf.sigmoid(matMulLast(x, params.beta))), H, C); // [N, B * H, C, 1]
  return {
    q: l2Norm(splitChunks(q, H, Math.min(C, q.shape[1]))),
    k: tf.mul(rate, l2Norm(splitChunks(k, H, C))),
    v: tf.mul(rate, splitChunks(v, H, C)),
    window,
  };
}

/** Convolved q, k and v side by side in one or more `maps`, and the window after them, [B, w - 1, 3d]. */
type Projected = { readonly maps: readonly tf.Tensor3D[]; readonly window: tf.Tensor3D };

function projectAll({ qkv, taps }: Parameters, window: tf.Tensor3D, x: tf.Tensor3D): Projected {
  const all = convolve(window, matMulLast(x, qkv), taps);
  return { maps: [all.y], window: all.window };
}

/** q of the last position alone, whose convolution reads the last w tokens. */
function projectForLast({ qkv, taps }: Parameters, window: tf.Tensor3D, x: tf.Tensor3D): Projected {
  const [B, T, d] = x.shape;
  const project = (from: tf.Tensor3D, begin: number, size: number) =>
    convolve(columns(window, begin, size), matMulLast(from, columns(qkv, begin, size)), columns(taps, begin, size));
  const newest = Math.min(T, CONV_WIDTH);
  const q = project(tf.slice(x, [0, T - newest, 0], [B, newest, d]), 0, d);
  const kv = project(x, d, 2 * d);
  return {
    maps: [tf.slice(q.y, [0, newest - 1, 0], [B, 1, d]), kv.y],
    window: tf.concat([q.window, kv.window], 2),
  };
}

/** The columns [begin, begin + size) of the last axis. */
function columns<X extends tf.Tensor>(x: X, begin: number, size: number): X {
  const rest = x.shape.slice(0, -1);
  return tf.slice(x, [...rest.map(() => 0), begin], [...rest, size]);
}

/**
 * Depthwise causal convolution with taps [w, width], and SiLU, of x [B, T, width] after the window [B, w - 1, width].
 * @returns y [B, T, width], and the window for the inputs after these
 */
function convolve(window: tf.Tensor3D, x: tf.Tensor3D, taps: tf.Tensor2D): { y: tf.Tensor3D; window: tf.Tensor3D } {
  const [B, T, width] = x.shape;
  const inputs = tf.concat([window, x], 1);
  const next = tf.slice(inputs, [0, T, 0], [B, CONV_WIDTH - 1, width]);
  if (T === 1) return { y: silu(tf.sum<tf.Tensor3D>(tf.mul(inputs, taps), 1, true)), window: next };
  const filter: tf.Tensor4D = tf.reshape(taps, [CONV_WIDTH, 1, width, 1]);
  const image: tf.Tensor4D = tf.expandDims(inputs, 2);
  return { y: silu(tf.squeeze(tf.depthwiseConv2d(image, filter, 1, 'valid'), [2])), window: next };
}

const silu = <X extends tf.Tensor>(x: X): X => tf.mul(x, tf.sigmoid(x));

/**
 * The delta rule from state `start` [B * H, D, D] over chunks of q, k, v; zeros after the last token change nothing.
 * @param lastOnly q is that of the last position alone
 * @returns o = q_t S_t in the form of q; and the last state
 */
export function deltaRule(
  { q, k, v }: Omit<Inputs, 'window'>,
  start: tf.Tensor3D,
  lastOnly: boolean,
): { o: Chunks; S: tf.Tensor3D } {
  const [C, D] = k.shape.slice(2) as [number, number];
  const A: Chunks = tf.matMul(k, k, false, true); // its strictly lower triangle is what counts
  const M = tf.reshape(unitLowerInverse(tf.reshape(A, [-1, C, C])), A.shape);
  const U: Chunks = tf.matMul(M, v);
  const W: Chunks = tf.matMul(M, k);
  const decays: Chunks = tf.sub(tf.eye(D), tf.matMul(k, W, true, false));
  const gains: Chunks = tf.matMul(k, U, true, false);
  const next = (state: Chunks, decay: Chunks, gain: Chunks): Chunks => tf.add(tf.matMul(decay, state), gain);
  const { before, last } = scan(next, tf.expandDims(start, 0) as Chunks, decays, gains);
  const S: tf.Tensor3D = tf.squeeze(last, [0]);
  if (lastOnly) return { o: tf.matMul(q, last), S };
  const entering = before();
  const R = tf.sub(U, tf.matMul(W, entering));
  const scores = tf.mul(tf.matMul(q, k, false, true), lowerTriangle(C));
  return { o: tf.add(tf.matMul(q, entering), tf.matMul(scores, R)), S };
}

/**
 * (I + A)^-1 for the strictly lower triangle A of [n, C, C]; the rest is not read. Blocks of up to SUBSTITUTED rows by
 * substitution, larger ones by recursion, inv[[P, 0], [X, Q]] = [[P⁻¹, 0], [−Q⁻¹ X P⁻¹, Q⁻¹]].
 * The doubling product (I − A)(I + A²)… is equal in exact arithmetic and useless in float32 on correlated keys.
 */
export function unitLowerInverse(A: tf.Tensor3D): tf.Tensor3D {
  const [n, C] = A.shape;
  if (C <= SUBSTITUTED) return inverseBySubstitution(A);
  if (C % 2 === 1) {
    const even = tf.pad(A, [
      [0, 0],
      [0, 1],
      [0, 1],
    ]);
    return tf.slice(unitLowerInverse(even), [0, 0, 0], [n, C, C]);
  }
  const half = C / 2;
  const block = (row: number, column: number): tf.Tensor3D =>
    tf.slice(A, [0, row * half, column * half], [n, half, half]);
  const inverses = unitLowerInverse(tf.concat([block(0, 0), block(1, 1)], 0));
  const [P, Q] = tf.split(inverses, 2, 0) as [tf.Tensor3D, tf.Tensor3D];
  const corner: tf.Tensor3D = tf.neg(tf.matMul(Q, tf.matMul(block(1, 0), P)));
  const above = tf.pad(P, [
    [0, 0],
    [0, 0],
    [0, half],
  ]);
  return tf.concat([above, tf.concat([corner, Q], 2)], 1);
}

/** Row i of the inverse is e_i − Σ_{j<i} A_ij · row j; the n matrices lie side by side on the last axis. */
function inverseBySubstitution(A: tf.Tensor3D): tf.Tensor3D {
  const C = A.shape[1];
  const entries = tf.unstack(tf.transpose(A, [1, 2, 0])).map((row) => tf.split(row as tf.Tensor2D, C)); // [1, n] each
  const units = tf.split(tf.eye(C), C, 1); // [C, 1] each
  const rows: tf.Tensor[] = []; // [C, n] each
  for (const [i, row] of entries.entries()) {
    const known = rows.map((other, j) => tf.mul(row[j] as tf.Tensor, other));
    rows.push(
      known.reduce((sum, term) => tf.sub(sum, term), tf.add(units[i] as tf.Tensor, tf.zerosLike(row[0] as tf.Tensor))),
    );
  }
  return tf.transpose(tf.stack(rows) as tf.Tensor3D, [2, 0, 1]);
}
