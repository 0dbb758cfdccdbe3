/** The feed-forward block in tensors, and by native/feed_forward.cc where XLA calls it. */
import { expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { type FeedForward, feedForward } from '../../src/models/parts/feed_forward.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { hasCompiler, runProgram } from '../support/native_program.js';

const { backend, nativeCode } = await tf.initBackend('auto');

const random = <S extends number[]>(shape: S, range: number, seed: number): tf.Tensor =>
  tf.randomUniform(shape, -range, range, 'float32', seed);

function layerOf(d: number, f: number): FeedForward {
  const vector = (size: number, seed: number) => random([size], 1, seed) as tf.Tensor1D;
  const map = (from: number, to: number, seed: number) => random([from, to], 2 / Math.sqrt(from), seed) as tf.Tensor2D;
  return {
    norm2: { gain: vector(d, 1), bias: vector(d, 2) },
    ffIn: { weight: map(d, f, 3), bias: vector(f, 4) },
    ffOut: { weight: map(f, d, 5), bias: vector(d, 6) },
  };
}

/** The same as eager kernels compute it, each in its own pass. */
const expected = (layer: FeedForward, x: tf.Tensor3D): tf.Tensor3D => tf.tidy(() => feedForward(layer, x));

const shapes = [
  ...[[1, 32, 32, 32], [1, 33, 32, 96], [2, 48, 64, 160], [1, 97, 32, 128], [3, 65, 96, 288], [1, 300, 128, 512]],
  ...[[1, 31, 32, 32], [1, 40, 24, 32], [1, 40, 32, 40]], // which it leaves to XLA
] as [number, number, number, number][]; // biome-ignore format: a table

test.skipIf(backend !== 'tensorflow').each(shapes)(
  'a feed-forward of [%i, %i, %i] with %i hidden entries is the same by XLA',
  (B, T, d, f) => {
    const [layer, x] = [layerOf(d, f), random([B, T, d], 3, 7) as tf.Tensor3D];
    const compiled = compile((y: tf.Tensor3D) => feedForward(layer, y), { optimize: 'whole' });
    const info = compiled.prepare(x);
    const [got, want] = [compiled(x), expected(layer, x)];
    const [values, exact] = [got.dataSync(), want.dataSync()];
    expect(Math.max(...Array.from(values, (value, i) => Math.abs(value - exact[i]!)))).toBeLessThan(1e-5);
    const takes = B * T >= 32 && d % 32 === 0 && f % 32 === 0;
    expect(info.ops.includes('XlaCustomCallV2')).toBe(takes && nativeCode.includes('feed_forward'));
    compiled.dispose();
    disposeTree([layer, x, got, want]);
  },
);

test.skipIf(backend !== 'tensorflow')('a position that is NaN or infinite by XLA spoils itself alone', () => {
  const layer = layerOf(32, 64);
  const values = Float32Array.from({ length: 40 * 32 }, (_, i) => Math.sin(i));
  [values[3 * 32], values[17 * 32 + 5], values[39 * 32 + 31]] = [Number.NaN, Number.POSITIVE_INFINITY, -Infinity];
  const x = tf.tensor3d(values, [1, 40, 32]);
  const compiled = compile((y: tf.Tensor3D) => feedForward(layer, y), { optimize: 'whole' });
  const y = compiled(x);
  const rows = (y.arraySync()[0] as number[][]).flatMap((row, t) => (row.every(Number.isFinite) ? [] : [t]));
  expect(rows).toEqual([3, 17, 39]);
  expect((y.arraySync()[0] as number[][])[3]?.every(Number.isNaN)).toBe(true);
  compiled.dispose();
  disposeTree([layer, x, y]);
});

test.skipIf(!hasCompiler)('all code that this processor can run feeds forward exactly, but for roundings', () => {
  expect(runProgram('feed_forward_check.cc', '-w', '-pthread')).toEqual({ status: 0, stdout: 'checked\n' });
});
