/** Shapes that ONNX Runtime need not hear of. */
import { expect, test } from 'vitest';
import { compile, loop } from '../../src/compiled/compile.js';
import * as tf from '../../src/tf.js';
import { leaves, type Tree } from '../../src/tree.js';
import { expectSame } from './compiled_support.js';

await tf.initBackend('wasm');
const ONNX = { engine: 'onnx' } as const;
type Fn = (...args: tf.Tensor[]) => Tree;
const normal = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** The Reshapes that a function takes, which on ONNX Runtime gives what it gives eagerly. */
function reshapesOf(fn: Fn, ...args: tf.Tensor[]): number {
  const compiled = compile(fn, ONNX);
  const [got, wanted] = [leaves(compiled(...args)), leaves(fn(...args))];
  expect(got.map(({ shape }) => shape)).toEqual(wanted.map(({ shape }) => shape));
  expectSame(got, wanted);
  const { ops } = compiled.prepare(...args);
  compiled.dispose();
  return ops.filter((op) => op === 'Reshape').length;
}

test('element by element and along the last axis, shapes are said and not written', () => {
  const [weight, row] = [normal([4, 6], 2) as tf.Tensor2D, normal([6], 3)];
  const fn = (x: tf.Tensor) => {
    const mapped = tf.matMul(tf.reshape(x, [6, 4]) as tf.Tensor2D, weight);
    const y = tf.reshape(tf.sigmoid(tf.add(mapped, row)), [3, 2, 6]);
    const [a, b] = tf.split(tf.softmax(y), 2, 2) as [tf.Tensor, tf.Tensor];
    return tf.reshape(tf.mul(tf.add(tf.mul(a, 2), b), tf.reshape(a, [3, 2, 3])), [2, 3, 3]);
  };
  expect(reshapesOf(fn, normal([2, 3, 4], 1))).toBe(0);
});

test('what must see a shape is given it once', () => {
  const fn = (x: tf.Tensor) => {
    const y = tf.reshape(tf.reshape(x, [12]), [4, 3]);
    return {
      turned: tf.transpose(y),
      rows: tf.sum(y, 0, true),
      columns: tf.concat([y, y], 1),
      same: tf.reshape(y, [2, 6]),
    };
  };
  expect(reshapesOf(fn, normal([2, 6], 1))).toBe(1);
});

test('sides of different shapes agree on one of them', () => {
  const gated = (x: tf.Tensor, gate: tf.Tensor) =>
    tf.mul(tf.reshape(tf.neg(x), [1, 1, 8]), tf.reshape(gate, [1, 1, 8]));
  expect(reshapesOf(gated, normal([2, 4], 1), normal([1, 8], 2))).toBe(2); // x, and what comes out
  expect(reshapesOf(gated, normal([2, 4], 1), normal([2, 4], 2))).toBe(1);
});

test('whatever the sides have and are said to have, they are broadcast as said', () => {
  const sides: [real: number[], said: number[]][] = [
    [[6, 4], [2, 3, 4]],
    [[2, 12], [2, 3, 4]],
    [[4, 6], [1, 2, 3, 4]],
    [[2, 3, 4], [2, 3, 4]],
    [[4], [1, 4]],
    [[2, 2], [4]],
    [[3], [3, 1]],
    [[1, 3], [3, 1]],
    [[2], [2, 1, 1]],
    [[2, 3], [2, 3, 1]],
    [[3, 2, 1], [2, 3, 1]],
    [[1, 1, 1, 1], []],
    [[], [1]],
  ]; // biome-ignore format: one line
  const tensors = sides.map(([real], i) => normal(real, i + 1));
  const fn = (...xs: tf.Tensor[]) => {
    const views = xs.map((x, i) => tf.reshape(x, sides[i]?.[1] ?? []));
    return views.flatMap((a) => views.flatMap((b) => [tf.add(a, b), tf.where(tf.greater(a, b), a, b)]));
  };
  expect(reshapesOf(fn, ...tensors)).toBeGreaterThan(0);
});

test('nothing is as empty in every shape', () => {
  const fn = (x: tf.Tensor, y: tf.Tensor) => tf.add(tf.exp(tf.reshape(x, [0, 3, 1])), tf.reshape(y, [1, 1, 2]));
  expect(reshapesOf(fn, tf.zeros([2, 0]), normal([2], 1))).toBe(1);
});

test('products, parts and places of what has other axes are right', () => {
  const [matrix, matrices] = [normal([4, 5], 2) as tf.Tensor2D, normal([3, 4, 5], 3)];
  const fn = (x: tf.Tensor, at: tf.Tensor) => {
    const [rows, wide] = [tf.reshape(x, [2, 3, 4]), tf.reshape(x, [3, 2, 4])];
    const narrow = tf.reshape(x, [12, 2]);
    return {
      product: tf.matMul(tf.reshape(rows, [6, 4]) as tf.Tensor2D, matrix),
      other: tf.matMul(tf.reshape(narrow, [6, 4]) as tf.Tensor2D, matrix),
      batches: tf.matMul(wide, matrices),
      turned: tf.matMul(tf.reshape(narrow, [4, 6]) as tf.Tensor2D, matrix, true, false),
      lastParts: tf.split(tf.reshape(narrow, [6, 4]), 2, 1),
      firstParts: tf.split(tf.reshape(x, [6, 4]), 3, 0),
      softmax: tf.softmax(tf.reshape(narrow, [2, 12])),
      places: tf.gather(matrix, tf.reshape(at, [2, 1]) as tf.Tensor2D),
      columns: tf.gather(tf.reshape(x, [6, 4]), tf.reshape(at, [2, 1]) as tf.Tensor2D, 1),
    };
  };
  reshapesOf(fn as Fn, normal([24], 1), tf.tensor1d([3, 0], 'int32'));
});

test('a loop carries, reads and gives tensors in their own shapes', () => {
  const fn = (x: tf.Tensor, y: tf.Tensor) => {
    const outside = tf.reshape(tf.exp(y), [2, 2]);
    const after = loop(
      3,
      ({ a }: { a: tf.Tensor; b: tf.Tensor }) => {
        const next = tf.reshape(tf.add(tf.reshape(a, [2, 2]), outside), [4]);
        return { a: next, b: tf.reshape(tf.add(tf.transpose(outside), tf.reshape(next, [2, 2])), [1, 4]) };
      },
      { a: tf.reshape(x, [4]), b: tf.reshape(y, [1, 4]) },
    );
    return { after, said: tf.reshape(after.b, [2, 2]), outside };
  };
  expect(reshapesOf(fn as Fn, normal([2, 2], 1), normal([4], 2))).toBeGreaterThan(0);
});
