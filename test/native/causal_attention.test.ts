/** Causal attention in tensors, and by native/causal_attention.cc where XLA calls it. */
import { expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { softmaxMixer } from '../../src/models/mixers/softmax.js';
import { attendCausally, attendWindow } from '../../src/models/parts/attention.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { hasCompiler, runProgram } from '../support/native_program.js';
import { SMALL } from '../support/session.js';

const { backend, nativeCode } = await tf.initBackend('auto');
const onTensorflow = test.skipIf(backend !== 'tensorflow');
const withNative = test.skipIf(!nativeCode.includes('causal_attention'));

interface Shape {
  readonly stack: readonly [number, number];
  /** Heads of keys, of a row; as many as of queries unless it says otherwise. */
  readonly heads?: number;
  /** Rows that a query sees, of those from `used` on. */
  readonly window?: number;
  readonly queries: number;
  readonly rows: number;
  readonly depth: number;
  readonly width: number;
  readonly room: number;
  readonly used: number;
}

const shapes: Shape[] = [
  { stack: [1, 1], queries: 1, rows: 1, depth: 8, width: 8, room: 0, used: 0 },
  { stack: [2, 3], queries: 2, rows: 9, depth: 3, width: 8, room: 0, used: 0 },
  { stack: [5, 4], queries: 32, rows: 32, depth: 32, width: 32, room: 0, used: 0 },
  { stack: [1, 4], queries: 45, rows: 45, depth: 16, width: 5, room: 20, used: 13 },
  { stack: [1, 4], queries: 45, rows: 45, depth: 16, width: 16, room: 20, used: 0 },
  { stack: [2, 2], queries: 300, rows: 300, depth: 8, width: 24, room: 96, used: 96 },
  { stack: [1, 2], queries: 1100, rows: 1140, depth: 32, width: 64, room: 130, used: 77 },
  { stack: [2, 6], heads: 2, queries: 45, rows: 47, depth: 8, width: 16, room: 20, used: 13 },
  { stack: [2, 4], heads: 1, queries: 1, rows: 9, depth: 8, width: 8, room: 0, used: 0 },
  { stack: [1, 4], heads: 2, queries: 1100, rows: 1164, depth: 8, width: 8, room: 0, used: 40, window: 64 },
  { stack: [2, 2], queries: 70, rows: 81, depth: 8, width: 8, room: 0, used: 0, window: 11 },
  { stack: [2, 2], queries: 5, rows: 205, depth: 8, width: 8, room: 0, used: 199, window: 200 },
  { stack: [1, 1], queries: 40, rows: 41, depth: 4, width: 12, room: 0, used: 1, window: 1 },
];

function inputsOf({ stack: [B, H], heads = H, queries, rows, depth, width, room, used }: Shape) {
  const random = (of: number, count: number, size: number, seed: number): tf.Tensor4D =>
    tf.randomUniform([B, of, count, size], -2, 2, 'float32', seed);
  return {
    q: random(H, queries, depth, 1),
    near: { k: random(heads, rows, depth, 2), v: random(heads, rows, width, 3) },
    far: { k: random(heads, room, depth, 4), v: random(heads, room, width, 5), used: tf.scalar(used) },
  };
}
type Inputs = ReturnType<typeof inputsOf>;

const attention =
  ({ window }: Shape) =>
  ({ q, near, far }: Inputs): tf.Tensor4D =>
    window === undefined ? attendCausally(q, near, far) : attendWindow(q, near, { size: window, from: far.used });

/** The largest difference of `got` from the definition, in double precision. */
function errorOf(shape: Shape, { q, near, far }: Inputs, got: tf.Tensor): number {
  const { stack, heads = stack[1], queries, rows, depth, width, room, used, window } = shape;
  const [qs, keys, values, farKeys, farValues, out] = [q, near.k, near.v, far.k, far.v, got].map((x) => x.dataSync());
  const pairsOf = (ofQueries: number, i: number) => {
    const [matrix, end] = [Math.floor((ofQueries * heads) / stack[1]), rows - queries + i + 1];
    const near = Array.from({ length: end }, (_, j) => [keys!, values!, matrix * rows + j] as const);
    if (window !== undefined) return near.slice(Math.max(0, used, end - window));
    return [...Array.from({ length: used }, (_, j) => [farKeys!, farValues!, matrix * room + j] as const), ...near];
  };
  let worst = 0;
  for (let query = 0; query < shape.stack[0] * shape.stack[1] * queries; query += queries > 100 ? 17 : 1) {
    const pairs = pairsOf(Math.floor(query / queries), query % queries);
    const scores = pairs.map(([ofKeys, , row]) => {
      let score = 0;
      for (let k = 0; k < depth; k++) score += qs![query * depth + k]! * ofKeys[row * depth + k]!;
      return score / Math.sqrt(depth);
    });
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (let e = 0; e < width; e++) {
      const value = pairs.reduce((total, [, of, row], j) => total + (weights[j]! / sum) * of[row * width + e]!, 0);
      worst = Math.max(worst, Math.abs(value - out![query * width + e]!));
    }
  }
  return worst;
}

const name = ({ stack, heads = stack[1], queries, rows, depth, width, used, room, window }: Shape): string => {
  const others =
    window === undefined ? `${used} of ${room} rows before them` : `windows of ${window}, from row ${used}`;
  return `[${stack}] of ${queries} queries of ${depth}, ${rows} rows of ${width} in ${heads} heads, ${others}`;
};

test.each(shapes.map((shape) => [name(shape), shape] as const))(
  'attention in tensors is softmax(q·k) v: %s',
  (_, shape) => {
    const inputs = inputsOf(shape);
    const got = attention(shape)(inputs);
    expect(errorOf(shape, inputs, got)).toBeLessThan(2e-6);
    disposeTree([got, inputs]);
  },
);

onTensorflow.each(shapes.map((shape) => [name(shape), shape] as const))('so it is by XLA: %s', (_, shape) => {
  const inputs = inputsOf(shape);
  const compiled = compile(attention(shape), { optimize: 'whole' });
  const got = compiled(inputs);
  expect(errorOf(shape, inputs, got)).toBeLessThan(2e-6);
  compiled.dispose();
  disposeTree([got, inputs]);
});

withNative('XLA alone calls the addon, for values of 8 columns or a multiple, and more queries than one', () => {
  const calls = (shape: Shape, optimize: 'graph' | 'parts' | 'whole'): number => {
    const inputs = inputsOf(shape);
    const compiled = compile(attention(shape), { optimize });
    const { ops } = compiled.prepare(inputs);
    compiled.dispose();
    disposeTree(inputs);
    return ops.filter((op) => op === 'XlaCustomCallV2').length;
  };
  const shape = { stack: [1, 2], queries: 6, rows: 6, depth: 3, width: 8, room: 0, used: 0 } as const;
  expect([calls(shape, 'whole'), calls(shape, 'parts'), calls(shape, 'graph')]).toEqual([1, 0, 0]);
  expect(calls({ ...shape, width: 12 }, 'whole')).toBe(0);
  expect(calls({ ...shape, queries: 1 }, 'whole')).toBe(0);
});

test('Softmax is left to XLA whole where scores are few, or where the addon makes them for its head dim', () => {
  const choice = (hiddenDim: number, tokens: number) =>
    softmaxMixer({ ...SMALL, hiddenDim, numHeads: 2 }, { kv_heads: 2 }).tuning.prefill(tokens);
  const long = nativeCode.includes('causal_attention') ? 'whole' : 'parts';
  expect([choice(16, 256), choice(16, 512), choice(24, 256), choice(24, 512)]).toEqual([
    'whole',
    long,
    'whole',
    'parts',
  ]);
});

test.skipIf(!hasCompiler)('all code that this processor can run attends exactly, but for roundings', () => {
  expect(runProgram('causal_attention_check.cc', '-w', '-pthread')).toEqual({ status: 0, stdout: 'checked\n' });
});
