import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile, loop } from '../../src/compiled/compile.js';
import { formOfTensor } from '../../src/compiled/record/form.js';
import * as tf from '../../src/tf.js';
import { leaves, tidyTree } from '../../src/tree.js';
import { errorOf, maxDifference } from './compiled_support.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

for (const options of [{}, { optimize: 'whole' }, { optimize: 'none' }] as const) {
  compiledTest(`a compiled loop gives what the eager one gives, ${JSON.stringify(options)}`, () => {
    const weight = tf.randomNormal([128, 128], 0, 0.1, 'float32', 1);
    const scale = tf.scalar(0.5);
    const fn = (x: tf.Tensor, count: number, factor: tf.Tensor) => {
      const doubled = tf.mul(factor, 2);
      const body = ({ y, seen, flag }: { y: tf.Tensor; seen: tf.Tensor; flag: tf.Tensor }, i: tf.Scalar) => ({
        y: tf.add(tf.tanh(tf.matMul(y, weight)), tf.mul(doubled, scale)),
        seen: tf.tensorScatterUpdate(seen, tf.reshape(i, [1, 1]), tf.reshape(tf.sum(y), [1])),
        flag: tf.logicalNot(flag),
      });
      return loop(count, body, { y: x, seen: tf.zeros([5]), flag: tf.scalar(true) });
    };
    const compiled = compile(fn, options);
    const [x, factor] = [tf.randomNormal([1, 128], 0, 1, 'float32', 2), tf.scalar(0.3)];
    for (const count of [0, 1, 5]) {
      const tensors = tf.memory().numTensors;
      const want = tidyTree(() => fn(x, count, factor));
      expect(tf.memory().numTensors).toBe(tensors + 3);
      const got = compiled(x, count, factor);
      expect(leaves(got).map(formOfTensor)).toEqual(leaves(want).map(formOfTensor));
      leaves(got).forEach((leaf, i) => {
        expect(maxDifference(leaf, leaves(want)[i] as tf.Tensor)).toBeLessThanOrEqual(1e-6);
      });
    }
    expect(compiled.prepare(x, 5, factor).ops.filter((op) => op === 'MatMul')).toHaveLength(1);
    compiled.dispose();
  });

  compiledTest(`loops nest, and bodies may use what surrounds them, ${JSON.stringify(options)}`, () => {
    const fn = (x: tf.Tensor) =>
      loop(
        3,
        (state: readonly [tf.Tensor], i): readonly [tf.Tensor] => {
          const outer = tf.add(tf.cast(i, 'float32'), x);
          return [
            loop(
              2,
              ([y]: readonly [tf.Tensor], j) => [tf.add(tf.mul(y, outer), tf.cast(j, 'float32'))] as const,
              state,
            )[0],
          ];
        },
        [x],
      )[0];
    const compiled = compile(fn, options);
    const x = tf.tensor1d([1, -0.5]);
    expect([...compiled(x).dataSync()]).toEqual([...fn(x).dataSync()]);
    compiled.dispose();
  });
}

compiledTest('one graph serves every count that is given as a tensor', () => {
  const fn = (x: tf.Tensor, count: tf.Scalar) => loop(count, (y: tf.Tensor) => tf.add(y, 1), x);
  for (const options of [{}, { optimize: 'whole' }, { optimize: 'none' }] as const) {
    const compiled = compile(fn, options);
    const counts = [0, 1, 7];
    const got = counts.map((count) => compiled(tf.scalar(0.5), tf.scalar(count, 'int32')).dataSync()[0]);
    expect(got).toEqual(counts.map((count) => count + 0.5));
    expect(fn(tf.scalar(0.5), tf.scalar(7, 'int32')).dataSync()[0]).toBe(7.5);
    compiled.dispose();
  }
});

compiledTest('a loop that changes the form of its state is an error, in eager and in compiled code', () => {
  const fn = (x: tf.Tensor) => loop(2, (y: tf.Tensor) => tf.concat([y, y]), x);
  const message = 'loop: the body must return the form of its state, float32[2], got float32[4]';
  expect(errorOf(() => fn(tf.ones([2])))).toBe(message);
  expect(errorOf(() => compile(fn)(tf.ones([2])))).toBe(message);
  expect(errorOf(() => loop(-1, (y: tf.Tensor) => y, tf.ones([2])))).toBe(
    'loop: count must be an integer >= 0, got -1',
  );
});

compiledTest('an eager loop gives its state away: results share nothing with what it began with', () => {
  const x = tf.ones([2]);
  const tensors = tf.memory().numTensors;
  const [same, passed] = loop(3, ([a, b]: readonly [tf.Tensor, tf.Tensor]) => [a, tf.neg(b)] as const, [x, x]);
  expect(tf.memory().numTensors).toBe(tensors + 2);
  tf.dispose([same, passed]);
  expect([...x.dataSync()]).toEqual([1, 1]);
});
