import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile, fuse, loop, type Optimization } from '../../src/compiled/compile.js';
import * as tf from '../../src/tf.js';
import { tidyTree } from '../../src/tree.js';
import { errorOf, maxDifference } from './compiled_support.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const XLA_CALL = 'StatefulPartitionedCall';
const calls = (ops: readonly string[]): number => ops.filter((op) => op === XLA_CALL).length;

/** Reads an argument, a small and a large tensor from outside, and a value computed before; returns a tree. */
function makeExample() {
  const [large, small] = [tf.randomNormal([128, 128], 0, 0.1, 'float32', 1), tf.scalar(0.5)];
  return (x: tf.Tensor) => {
    const before = tf.square(x);
    const { y, parts, count } = fuse(() => ({
      y: tf.tanh(tf.matMul(tf.mul(before, small), large)),
      parts: [tf.sum(before), x] as const,
      count: 3,
    }));
    return { y: tf.mul(y, count), parts: [...parts] };
  };
}

test('eager code runs what is fused as it stands', () => {
  const got = fuse(() => ({ a: tf.add(tf.scalar(1), 2), n: 5 }));
  expect([got.a.dataSync()[0], got.n]).toEqual([3, 5]);
});

compiledTest.each<[Optimization, number]>([
  ['none', 0],
  ['graph', 0],
  ['parts', 1],
  ['whole', 0],
])('optimized %s, a fused part gives eager results and is %i call of its own', (optimize, expected) => {
  const fn = makeExample();
  const compiled = compile(fn, { optimize });
  for (const seed of [1, 2]) {
    const x = tf.randomNormal([3, 128], 0, 1, 'float32', seed);
    const [got, want] = [compiled(x), tidyTree(() => fn(x))];
    expect(maxDifference(got.y, want.y)).toBeLessThanOrEqual(1e-6);
    got.parts.forEach((part, i) => {
      expect(maxDifference(part, want.parts[i] as tf.Tensor)).toBeLessThanOrEqual(1e-6);
    });
    expect(calls(compiled.prepare(x).ops)).toBe(expected);
  }
  compiled.dispose();
});

compiledTest('parts are what XLA compiles when nothing else is said', () => {
  const compiled = compile(makeExample());
  expect(calls(compiled.prepare(tf.ones([2, 128])).ops)).toBe(1);
  compiled.dispose();
});

compiledTest('a fused part inside a fused part or a loop is a part of that', () => {
  const fn = (x: tf.Tensor) =>
    fuse(() => loop(3, ([y]: readonly [tf.Tensor]) => [fuse(() => tf.sin(tf.add(y, x)))] as const, [x])[0]);
  const inLoop = (x: tf.Tensor) =>
    loop(3, ([y]: readonly [tf.Tensor]) => [fuse(() => tf.sin(tf.add(y, x)))] as const, [x])[0];
  const x = tf.tensor1d([0.1, 0.2]);
  for (const [each, expected] of [
    [fn, 1],
    [inLoop, 0],
  ] as const) {
    const compiled = compile(each);
    expect(calls(compiled.prepare(x).ops)).toBe(expected);
    expect(maxDifference(compiled(x), each(x))).toBeLessThanOrEqual(1e-6);
    compiled.dispose();
  }
});

compiledTest('an error inside a fused part leaves the backend and the tensors as they were', () => {
  const before = tf.memory().numTensors;
  const compiled = compile((x: tf.Tensor) => fuse(() => tf.add(x, x.dataSync()[0] ?? 0)));
  const x = tf.scalar(1);
  expect(errorOf(() => compiled(x))).toContain('a traced tensor has no data yet');
  x.dispose();
  expect([tf.getBackend(), tf.memory().numTensors]).toEqual(['tensorflow', before]);
});
