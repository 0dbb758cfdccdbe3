import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { scan } from '../../src/compiled/scan.js';
import * as tf from '../../src/tf.js';
import { maxDifference } from './compiled_support.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

/** state' = decay · state + gain over N rows of [2, 3, 3]: all states, the last one last. */
function states(start: tf.Tensor4D, decays: tf.Tensor4D, gains: tf.Tensor4D): tf.Tensor4D {
  const next = (state: tf.Tensor4D, decay: tf.Tensor4D, gain: tf.Tensor4D): tf.Tensor4D =>
    tf.add(tf.matMul(decay, state), gain);
  const { before, last } = scan(next, start, decays, gains);
  return tf.concat([before(), last], 0);
}

const shifted = (state: tf.Tensor4D, row: tf.Tensor4D): tf.Tensor4D => tf.add(tf.mul(state, 10), row);
const lastOnly = (start: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor4D => scan(shifted, start, x).last;

const random = (seed: number, N: number): tf.Tensor4D => tf.randomNormal([N, 2, 3, 3], 0, 0.5, 'float32', seed);

test('a scan goes through every row in order', () => {
  const values = (x: number[]): tf.Tensor4D => tf.tensor4d(x, [x.length, 1, 1, 1]);
  const { before, last } = scan(shifted, values([1]), values([2, 3, 4]));
  expect(Array.from(before().dataSync())).toEqual([1, 12, 123]);
  expect(Array.from(last.dataSync())).toEqual([1234]);
});

for (const optimize of ['none', 'graph', 'parts', 'whole'] as const) {
  compiledTest(`a compiled scan gives what the eager one gives, ${optimize}`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer(), (N, seed) => {
        const args = [random(seed, 1), random(seed + 1, N), random(seed + 2, N)] as const;
        const compiled = compile(states, { optimize });
        expect(maxDifference(compiled(...args), states(...args))).toBeLessThanOrEqual(1e-5);
        compiled.dispose();
      }),
      { numRuns: 5 },
    );
  });
}

compiledTest('a scan that XLA compiles is one loop, however many rows there are', () => {
  const opsOf = (N: number): readonly string[] => {
    const compiled = compile(states, { optimize: 'whole' });
    const { ops } = compiled.prepare(random(1, 1), random(2, N), random(3, N));
    compiled.dispose();
    return ops;
  };
  expect(opsOf(32)).toEqual(opsOf(2));
  expect(opsOf(32).filter((op) => op === 'StatelessWhile')).toHaveLength(1);
});

compiledTest('states that nobody reads need not be made', () => {
  const compiled = compile(lastOnly, { optimize: 'whole' });
  const args = [random(1, 1), random(2, 5)] as const;
  const want = lastOnly(...args);
  expect(maxDifference(compiled(...args), want)).toBeLessThanOrEqual(1e-6 * tf.max(tf.abs(want)).dataSync()[0]!);
  compiled.dispose();
});
