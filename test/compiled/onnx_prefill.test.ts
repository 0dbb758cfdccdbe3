/** What makes prompts cheap on ONNX Runtime: forms that large tensors have, and small ones have not. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import * as tf from '../../src/tf.js';
import { leaves, type Tree } from '../../src/tree.js';
import { expectSame } from './compiled_support.js';

await tf.initBackend('wasm');
type Fn = (...args: tf.Tensor[]) => Tree;

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

/** What ONNX Runtime makes of a function, and its operators. */
function onOnnx(fn: Fn, ...args: tf.Tensor[]): { readonly ops: readonly string[]; readonly results: tf.Tensor[] } {
  const compiled = compile((...given: tf.Tensor[]) => tf.tidy(() => leaves(fn(...given))), { engine: 'onnx' });
  const { ops } = compiled.prepare(...args);
  const results = compiled(...args);
  compiled.dispose();
  return { ops, results };
}

let seed = 1;
/** Whole numbers, whose sums are exact in any order. */
const floats = (...shape: number[]) => tf.round(tf.randomUniform(shape, -4, 4, 'float32', seed++));

test('a large softplus has all digits, far below 0 too, and knows NaN and infinities', () => {
  const x = Float32Array.from({ length: 4096 }, (_, i) => (i - 2048) / 25); // to where floats end;
  const { ops, results } = onOnnx((y) => tf.softplus(y), tf.tensor1d(x));
  expect(ops).not.toContain('Softplus');
  const exact = [...x].map((each) => Math.max(each, 0) + Math.log1p(Math.exp(-Math.abs(each))));
  const errors = [...(results[0] as tf.Tensor).dataSync()].map((got, i) => Math.abs(got / (exact[i] as number) - 1));
  expect(errors.reduce((most, error) => Math.max(most, error))).toBeLessThan(4e-7);
  const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
  const filled = onOnnx((y) => tf.softplus(y), tf.tensor1d([...special, ...x.subarray(4)]));
  const expected = [Number.NaN, Number.POSITIVE_INFINITY, 0, Math.fround(Math.LN2)];
  expect([...(filled.results[0] as tf.Tensor).dataSync()].slice(0, 4)).toEqual(expected);
});

test('elu(x) + 1 is one operator and a sum of a small tensor alone', () => {
  const phi: Fn = (x) => tf.add(tf.relu(x), tf.exp(tf.minimum(x, 0)));
  for (const [rows, isOne] of [
    [8, true],
    [64, false],
  ] as const) {
    // biome-ignore format: one line
    const x = floats(rows, 64);
    const { ops, results } = onOnnx(phi, x);
    expect(ops.includes('Elu')).toBe(isOne);
    expectSame(results, leaves(phi(x)));
  }
});

test('many products of one row and one column are a product and a sum of all', () => {
  const dots: Fn = (a, b) => tf.matMul(a, b, false, true);
  for (const [count, areMany] of [
    [4, false],
    [300, true],
  ] as const) {
    // biome-ignore format: one line
    const [a, b] = [floats(count, 1, 8), floats(count, 1, 8)];
    const { ops, results } = onOnnx(dots, a, b);
    expect(ops.includes('ReduceSum')).toBe(areMany);
    expectSame(results, leaves(dots(a, b)));
  }
  const shared: Fn = (a, b) => tf.matMul(a, b, false, true);
  const [a, b] = [floats(3, 100, 1, 8), floats(1, 100, 1, 8)];
  expectSame(onOnnx(shared, a, b).results, leaves(shared(a, b)));
});

test.each([true, false])('a sum of the rows of one matrix, or of many rows, is a product, axes kept: %s', (kept) => {
  const sum: Fn = (x) => tf.sum(x, -2, kept);
  for (const [shape, isProduct] of [
    [[2, 300, 5], true],
    [[300, 5], true],
    [[1, 4, 5], true],
    [[2, 20, 5], false],
  ] as const) {
    // biome-ignore format: one line
    const x = floats(...shape);
    const { ops, results } = onOnnx(sum, x);
    expect(ops.includes('MatMul')).toBe(isProduct);
    expectSame(results, leaves(sum(x)));
  }
  const whole = tf.cast(tf.mul(floats(300, 5), 10), 'int32');
  expectSame(onOnnx(sum, whole).results, leaves(sum(whole)));
});

test('of maps that are taken apart each wide one is a product, and narrow neighbours are, where there are more rows than weights', () => {
  const parts = (x: tf.Tensor, sizes: number[]) => tf.split(x, sizes, x.rank - 1);
  const weight = floats(32, 160) as tf.Tensor2D;
  const plain: Fn = (x, w) => parts(tf.reshape(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), [2, -1, 160]), [96, 64]);
  const biased: Fn = (x, w, bias) =>
    parts(tf.fused.matMul({ a: x as tf.Tensor2D, b: w as tf.Tensor2D, bias: bias as tf.Tensor }), [64, 96]);
  const mixed: Fn = (x, w, bias) =>
    parts(tf.fused.matMul({ a: x as tf.Tensor2D, b: w as tf.Tensor2D, bias: bias as tf.Tensor }), [60, 70, 10, 5, 15]);
  const narrow: Fn = (x, w) => parts(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), [40, 60, 60]);
  const byRows: Fn = (x, w) => tf.split(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), 2, 0);
  for (const [fn, rows, products] of [
    [plain, 64, 2],
    [biased, 64, 2],
    [mixed, 64, 3],
    [plain, 32, 1],
    [narrow, 64, 1],
    [byRows, 64, 1],
  ] as const) {
    // biome-ignore format: one line
    const args = [floats(rows, 32), weight, floats(160)].slice(0, fn.length);
    const { ops, results } = onOnnx(fn, ...args);
    expect(ops.filter((op) => op === 'MatMul' || op === 'Gemm')).toHaveLength(products);
    expectSame(results, leaves(fn(...args)));
  }
});
