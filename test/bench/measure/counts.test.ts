import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countCalls, sumKernels } from '../../../src/bench/measure/counts.js';
import type { KernelRun } from '../../../src/bench/measure/kernel_watch.js';
import type { SequenceModel } from '../../../src/models/model.js';
import { MODEL_NAMES } from '../../../src/models/registry.js';
import { randomWeights } from '../../../src/models/weights.js';
import * as tf from '../../../src/tf.js';
import { disposeTree, type Tree } from '../../../src/tree.js';
import { type Config, modelOf } from '../../support/session.js';

await tf.initBackend('auto');

describe('sumKernels', () => {
  const kernel = (name: string, inputShapes: number[][], outputShape: number[]): KernelRun => ({
    name,
    inputShapes,
    outputShapes: [outputShape],
  });

  test('a matrix product of [M, K] and [K, N] is 2 M K N FLOPs, whatever is transposed', () => {
    for (const left of [
      [3, 5],
      [5, 3],
    ]) {
      const { matMulFlops, flops } = sumKernels([kernel('BatchMatMul', [left, [5, 7]], [3, 7])]);
      expect({ matMulFlops, flops }).toEqual({ matMulFlops: 2 * 3 * 5 * 7, flops: 2 * 3 * 5 * 7 });
    }
  });

  test('a batch of matrix products counts each, also where one side is broadcast', () => {
    expect(
      sumKernels([
        kernel(
          'BatchMatMul',
          [
            [4, 3, 5],
            [1, 5, 7],
          ],
          [4, 3, 7],
        ),
      ]).flops,
    ).toBe(4 * 2 * 3 * 5 * 7);
  });

  test('a fused product adds its bias once per output', () => {
    const { matMulFlops, flops } = sumKernels([kernel('_FusedMatMul', [[3, 5], [5, 7], [7]], [3, 7])]);
    expect(flops - matMulFlops).toBe(3 * 7);
  });

  test('arithmetic counts its results, a reduction what it reads, a move nothing', () => {
    expect(sumKernels([kernel('Add', [[4, 6], [6]], [4, 6])]).flops).toBe(24);
    expect(sumKernels([kernel('Sum', [[4, 6]], [4])]).flops).toBe(24);
    expect(sumKernels([kernel('Transpose', [[4, 6]], [6, 4])]).flops).toBe(0);
  });

  test('bytes are what a kernel reads and writes', () => {
    expect(sumKernels([kernel('_FusedMatMul', [[3, 5], [5, 7], [7]], [3, 7])]).bytes).toBe(4 * (15 + 35 + 7 + 21));
    expect(sumKernels([kernel('Transpose', [[4, 6]], [6, 4])]).bytes).toBe(4 * 48);
  });

  test('a view is no kernel, reads nothing and writes nothing', () => {
    expect(sumKernels([kernel('Reshape', [[4, 6]], [24]), kernel('Identity', [[4]], [4])])).toEqual({
      kernels: 0,
      flops: 0,
      matMulFlops: 0,
      bytes: 0,
    });
  });
});

describe('peak activation bytes', () => {
  const peakOf = (fn: () => void) => countCalls(fn).peakActivationBytes;
  const input = tf.ones([10, 10]);

  test('a reshaped buffer is counted once', () => {
    expect(peakOf(() => tf.tidy(() => void tf.reshape(tf.square(input), [100])))).toBe(400);
  });

  test('a buffer that was freed makes room for the next', () => {
    const chain = (x: tf.Tensor): tf.Tensor =>
      [1, 2, 3, 4].reduce((from) => {
        const to = tf.square(from);
        if (from !== x) from.dispose();
        return to;
      }, x);
    expect(peakOf(() => chain(input).dispose())).toBe(800);
    expect(peakOf(() => tf.tidy(() => void [1, 2, 3, 4].map(() => tf.square(input))))).toBe(1600);
  });

  test('what was there before is not counted, nor is its end', () => {
    const old = tf.ones([1000]);
    const peak = peakOf(() => {
      old.dispose();
      tf.square(input).dispose();
    });
    expect(peak).toBe(400);
  });

  test('the engine is as it was afterwards, also when the call throws', () => {
    const before = tf.memory();
    expect(() => countCalls(() => tf.tidy(() => void tf.matMul(input, tf.ones([3, 3]))))).toThrow();
    expect(peakOf(() => tf.square(input).dispose())).toBe(400);
    expect(tf.memory().numBytes).toBe(before.numBytes);
  });
});

/*
 * FLOPs of the matrix products that ran, held against the table in docs/models.md. Terms of the table that are not
 * matrix products, and so not here: 24·d of delta's convolutions, d of linear's 3·d (the sum of z). Terms of the table
 * that are averages or bounds are written out: what is computed on buffers counts as long as the buffers are.
 */
const config: Config = {
  vocabSize: 50,
  hiddenDim: 24,
  numLayers: 3,
  numHeads: 3,
  ffDim: 40,
  chunk_size: 16,
  scan_chunk: 16,
  compression_factor: 2,
  retrieval_norm: 'none',
  window_size: 10,
  state_size: 10,
  gate_rank: 5,
};
const { window_size: w = 0 } = config;
const { vocabSize: V, hiddenDim: d, numLayers: L, numHeads: H, ffDim: f, chunk_size: C } = config;
const D = d / H;
const e = Math.floor(d / config.compression_factor);
const dense = 8 * d * d + 4 * d * f; // a token and layer: q, k, v, o and feed-forward
const head = 2 * d * V; // a row

/** The last layer of a prefill makes keys and values for all tokens, and everything else for the last one alone. */
const lastDense = (n: number) => 4 * d * d * n + (dense - 4 * d * d);

interface Costs {
  /** Mixer of a layer, a token at depth n. */
  step(n: number): number;
  /** Mixer of a layer that is not the last, n tokens; and of the last, less its dense maps. */
  prefill(n: number): number;
  lastPrefill(n: number): number;
  /** Dense work of the last layer that a model does for all tokens beyond `lastDense`. */
  lastExtra?(n: number): number;
}

const chunks = (n: number) => Math.ceil(n / Math.min(C, n));
const padded = (n: number) => Math.min(C, n) * chunks(n);

/** Inverting I + A by blocks: two products of half size at each level, down to 4; an odd size is padded by one. */
function inverse(size: number): number {
  if (size <= 4) return 0;
  const half = Math.ceil(size / 2);
  return 4 * half ** 3 + 2 * inverse(half);
}

/** Of windows, blocks of 32 queries, the last with what is left, against the rows that all of them see. */
const windows = (n: number): number =>
  n === 0 ? 0 : 4 * d * blockOf(n) * (w - 1 + blockOf(n)) + windows(n - blockOf(n));
const blockOf = (n: number): number => Math.min(n, 32);
/** A map [d, d] beyond q, k, v and o: that of a gate. */
const gate = 2 * d * d;
const [s, r] = [config.state_size, config.gate_rank];
const mamba2Maps = 4 * d * s + 2 * d * H - 2 * d * d;
/** Tokens in a chunk where chunks are halved again and again, and their number. */
const halved = (n: number) => 2 ** Math.ceil(Math.log2(Math.min(C, n)));
const halvings = (n: number) => Math.ceil(n / halved(n));
/** Two FLOPs for each pair of two tokens of such a chunk, by halving; what is a token's own is no matrix product. */
const triangle = (n: number) => halved(n) * (halved(n) - 1);
/** The sums of one decay a head between any two tokens of a chunk, its start and its end: a product with zeros and ones. */
const sums = (size: number) => 2 * H * size * (size + 1) ** 2;
/** The sums of decays from each token to the last one, in its chunk and in those after it: products with zeros and ones. */
const untilLast = (size: number, count: number, width: number) => 2 * width * (count * size ** 2 + count ** 2);
/** KᵀV and QS of such a chunk; and KᵀW, KᵀU, S' and the inverse of the delta rule. */
const states = (n: number) => 4 * halved(n) * d * D;
const delta = (n: number) => 4 * halved(n) * d * D + 2 * d * D * D + H * inverse(halved(n));

/** A prefill with n % C = 0, so that the table's n / C is exact, and one with a partial chunk. */
const COSTS: Record<string, Costs> = {
  Softmax: {
    // 4·n·d over the buffer as allocated: the cache and a tail of 128
    step: (n) => 4 * d * (n < 128 ? 128 : 128 + 128 * Math.floor(n / 128)),
    // masked dense, by blocks of 256 queries: 4·n·d a token where n <= 256
    prefill: (n) => 4 * n * n * d,
    lastPrefill: (n) => 4 * n * d,
  },
  SlidingWindow: {
    step: () => 4 * w * d,
    prefill: windows,
    lastPrefill: () => 4 * w * d,
  },
  LinearTransformer: {
    step: () => 4 * d * D + 2 * d, // kᵀv, qS; q·z
    // The table leaves out 2·d, q·z. The sums over chunks, of S and z, are a product with a triangle of ones.
    prefill: (n) => padded(n) * (4 * Math.min(C, n) * d + 4 * d * D + 2 * d) + 2 * chunks(n) ** 2 * (d * D + d),
    lastPrefill: (n) => 2 * d * D * n + 2 * d * D + 2 * d,
  },
  DeltaNet: {
    step: () => 6 * d * D + 2 * d * H, // kS, kᵀu, qS; beta
    // Where the table has KᵀR, 2·d·D, S' = (I − KᵀW)S + KᵀU: 4·d·D a token and 2·d·D² a chunk.
    prefill: (n) =>
      2 * d * H * n +
      padded(n) * (10 * Math.min(C, n) * d + 8 * d * D) +
      chunks(n) * (2 * d * D * D + H * inverse(Math.min(C, n))),
    // A, U, W; KᵀW, KᵀU; S'; the last position's q S
    lastPrefill: (n) =>
      2 * d * H * n +
      padded(n) * (6 * Math.min(C, n) * d + 4 * d * D) +
      chunks(n) * (2 * d * D * D + H * inverse(Math.min(C, n))) +
      2 * d * D,
    lastExtra: (n) => 2 * d * d * (Math.min(n, 4) - 1), // q passes the convolution, of width 4
  },
  RetNet: {
    step: () => 4 * d * D + gate, // kᵀv, qS; the table's fifth d·D is γS
    prefill: (n) => gate * n + padded(n) * (4 * Math.min(C, n) * d + 4 * d * D),
    lastPrefill: (n) => gate + padded(n) * 2 * d * D + 2 * d * D + untilLast(Math.min(C, n), chunks(n), H),
  },
  GLA: {
    step: () => 4 * d * D + gate + 4 * d * r,
    prefill: (n) => (gate + 4 * d * r) * n + halvings(n) * (triangle(n) * d + 2 * halved(n) ** 2 * d + states(n)),
    lastPrefill: (n) =>
      gate + 4 * d * r * n + (halvings(n) * states(n)) / 2 + 2 * d * D + untilLast(halved(n), halvings(n), d),
  },
  Mamba2: {
    step: () => 4 * d * s + mamba2Maps,
    // QKᵀ once for all heads
    prefill: (n) =>
      mamba2Maps * n + padded(n) * (2 * Math.min(C, n) * (d + s) + 4 * d * s) + chunks(n) * sums(Math.min(C, n)),
    // k, v and Δ of all tokens, q of those that its convolution reads, the gate of the last; less lastDense
    lastPrefill: (n) =>
      2 * d * (s + d + H) * n +
      2 * d * s * Math.min(n, 4) +
      4 * d * d +
      2 * d * s -
      (4 * d * d * n + 4 * d * d) +
      padded(n) * 2 * d * s +
      chunks(n) * sums(Math.min(C, n)),
  },
  GatedDeltaNet: {
    step: () => 6 * d * D + 4 * d * H + gate,
    prefill: (n) =>
      (4 * d * H + gate) * n +
      halvings(n) * (10 * halved(n) ** 2 * d + delta(n) + sums(halved(n)) + 4 * halved(n) * d * D),
    lastPrefill: (n) =>
      4 * d * H * n + gate + halvings(n) * (6 * halved(n) ** 2 * d + delta(n) + sums(halved(n))) + 2 * d * D,
    lastExtra: (n) => 2 * d * d * (Math.min(n, 4) - 1),
  },
  KDA: {
    step: () => 6 * d * D + 8 * d * D + 2 * d * H,
    // Z(K, K) and Z(Q, K) of the triangle, U, W and Z R of the square
    prefill: (n) =>
      (8 * d * D + 2 * d * H) * n +
      halvings(n) * (6 * halved(n) ** 2 * d + 2 * triangle(n) * d + delta(n) + 4 * halved(n) * d * D),
    lastPrefill: (n) =>
      (4 * d * D + 2 * d * H) * n +
      4 * d * D +
      halvings(n) * (4 * halved(n) ** 2 * d + triangle(n) * d + delta(n)) +
      2 * d * D,
    lastExtra: (n) => 2 * d * d * (Math.min(n, 4) - 1),
  },
  BSBR: {
    // the table's 2·d·(C + 1) is the mean over a chunk of 4·d·(tokens in it); here over the buffer of C
    step: (n) => 4 * C * d + 2 * d * D + ((n + 1) % C === 0 ? boundary(n + 1) : 0),
    prefill: (n) => C * Math.ceil(n / C) * (4 * C * d + 2 * d * D) + closing(n, Math.floor(n / C)),
    lastPrefill: (n) => 4 * d * (((n - 1) % C) + 1) + 2 * d * D + closing(n, Math.min(2, Math.floor(n / C))),
  },
};

/** r and h, F, its compression: of a chunk. The rest of a chunk's end: what retrieves. */
const offered = 4 * d * d + 2 * d * D * C + 2 * d * D * e;
const retrieved = (rows: number) => rows * 2 * (d + H * e) + 2 * d * D * e;
/** A step at the end of a chunk: over the bank as allocated, 64 rows at the least, and the chunk itself. */
const boundary = (n: number) => offered + retrieved((n > C ? 64 : 0) + 1);
/** The ends of a prefill's chunks, `asking` of which retrieve, over all of them (masked, not causal). */
const closing = (n: number, asking: number) => Math.floor(n / C) * offered + asking * retrieved(Math.floor(n / C));

describe.each(MODEL_NAMES)('FLOPs of the matrix products of %s', (name) => {
  let model: SequenceModel;
  let params: Tree;
  beforeAll(async () => {
    model = await modelOf(name, config);
    params = model.init(randomWeights(1));
  });
  afterAll(() => disposeTree(params));
  const costs = COSTS[name] as Costs;
  const prefillOf = (B: number, n: number) => {
    const tokens = tf.zeros([B, n], 'int32') as tf.Tensor2D;
    const out = model.prefill(params, tokens);
    tokens.dispose();
    return out;
  };
  const cases = [1, 2].flatMap((B) => [1, 5, C, 2 * C, 3 * C - 1, 4 * C, 6 * C].map((n) => ({ B, n })));

  test.each(cases)('prefill of $n tokens, $B rows', ({ B, n }) => {
    const { matMulFlops } = countCalls(() => disposeTree([...Object.values(prefillOf(B, n))]));
    const layers = (L - 1) * (dense * n + costs.prefill(n));
    const last = lastDense(n) + costs.lastPrefill(n) + (costs.lastExtra?.(n) ?? 0);
    expect(matMulFlops).toBe(B * (layers + last + head));
  });

  test.each([...cases, { B: 1, n: 130 }].filter(({ n }) => n > 1))('a step at depth $n, $B rows', ({ B, n }) => {
    const { logits, state } = prefillOf(B, n);
    const token = tf.zeros([B], 'int32') as tf.Tensor1D;
    const { matMulFlops } = countCalls(() => disposeTree([...Object.values(model.step(params, state, token))]));
    disposeTree([logits, state, token]);
    expect(matMulFlops).toBe(B * (L * (dense + costs.step(n)) + head));
  });
});
