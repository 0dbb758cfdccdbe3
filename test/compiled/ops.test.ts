import { expect, test } from 'vitest';
import { type CompileOptions, compile, fuse } from '../../src/compiled/compile.js';
import { table } from '../../src/compiled/ops/table.js';
import { ownKernels, xlaKernels } from '../../src/compiled/record/kernels.js';
import { messageOf } from '../../src/errors.js';
import * as tf from '../../src/tf.js';
import { leaves } from '../../src/tree.js';
import { expectSame } from './compiled_support.js';
import { floats, type Sample, samples } from './samples.js';

const { backend } = await tf.initBackend('auto');

test('every op of the table has a sample', () => {
  expect(Object.keys(samples).sort()).toEqual(Object.keys(table).sort());
  expect(Object.keys(ownKernels).sort()).toEqual(['BatchMatMul', 'ExpandDims', 'GatherV2', 'Mean']);
  expect(Object.keys(xlaKernels)).toEqual(['DepthwiseConv2dNative']);
});

const compiledTest = test.skipIf(backend !== 'tensorflow');

function expectCompiledLikeEager(op: string | null, [make, run]: Sample, options: CompileOptions): void {
  const inputs = tf.tidy(make);
  const compiled = compile((...args: tf.Tensor[]) => tf.tidy(() => leaves(run(...args))), options);
  const eager = tf.tidy(() => leaves(run(...inputs)));
  const { ops } = compiled.prepare(...inputs);
  if (op !== null) expect(ops).toContain(op);
  expectSame(compiled(...inputs), eager);
  compiled.dispose();
}

compiledTest.each(Object.entries(samples))('%s gives eager results when compiled', (op, calls) => {
  for (const sample of calls) expectCompiledLikeEager(op, sample, {});
});

compiledTest.each(Object.entries(samples))('%s gives eager results when compiled by XLA', (op, [sample]) => {
  expectCompiledLikeEager(op, sample as Sample, { optimize: 'whole' });
});

compiledTest.each(Object.entries(samples))('%s gives eager results when compiled as it stands', (op, [sample]) => {
  expectCompiledLikeEager(op, sample as Sample, { optimize: 'none' });
});

test.each(Object.entries(samples))('%s gives eager results in ONNX', (_, calls) => {
  for (const sample of calls) expectCompiledLikeEager(null, sample, { engine: 'onnx' });
});

/** Sizes of a filter, how it is applied, and whether XLA is given products instead. */
const DEPTHWISE = [
  ['one axis', [4, 1, 3, 1], 1, 'valid', 1, true],
  ['the other axis', [1, 3, 3, 1], 1, 'valid', 1, true],
  ['both axes', [4, 4, 3, 1], 1, 'valid', 1, true],
  ['one tap', [1, 1, 3, 1], 1, 'valid', 1, true],
  ['many taps', [6, 3, 3, 1], 1, 'valid', 1, false],
  ['more channels', [4, 1, 3, 2], 1, 'valid', 1, false],
  ['zeros around', [4, 1, 3, 1], 1, 'same', 1, false],
  ['strides', [4, 1, 3, 1], 2, 'valid', 1, false],
  ['dilations', [4, 1, 3, 1], 1, 'valid', 2, false],
] as const;

/** Null where TensorFlow has no code for it (status 12): oneDNN's, which it uses on some processors alone. */
function resultOf(run: () => tf.Tensor): tf.Tensor | null {
  try {
    return run();
  } catch (error) {
    if (messageOf(error).includes('TF_Status: 12')) return null;
    throw error;
  }
}

compiledTest.for(DEPTHWISE)('a depthwise convolution with %s gives eager results when XLA compiles it', (row, at) => {
  const [what, sizes, strides, pad, dilations, isSummed] = row;
  const [x, filter] = [floats(2, 9, 8, 3) as tf.Tensor4D, floats(...sizes) as tf.Tensor4D];
  const convolve = (input: tf.Tensor4D) => tf.depthwiseConv2d(input, filter, strides, pad, 'NHWC', dilations);
  const eager = resultOf(() => convolve(x));
  at.skip(eager === null, `TensorFlow has no depthwise convolution with ${what} on this processor`);
  for (const [optimize, forXla] of [
    ['whole', true],
    ['parts', true],
    ['graph', false],
  ] as const) {
    const compiled = compile((input: tf.Tensor4D) => tf.tidy(() => fuse(() => convolve(input))), { optimize });
    const isOp = compiled.prepare(x).ops.includes('DepthwiseConv2dNative');
    expect(isOp, optimize).toBe(!(isSummed && forXla));
    expectSame([compiled(x)], [eager as tf.Tensor]);
    compiled.dispose();
  }
});

// TensorFlow 2.15 fuses this form into one oneDNN op that uses another epsilon.
compiledTest('a layer norm written with squaredDifference gives eager results when compiled', () => {
  const [x, gain, bias] = [tf.randomNormal([64, 128]), tf.randomNormal([128]), tf.randomNormal([128])];
  const layerNorm = (input: tf.Tensor) => {
    const mean = tf.mean(input, -1, true);
    const variance = tf.mean(tf.squaredDifference(input, mean), -1, true);
    const scale = tf.mul(tf.rsqrt(tf.add(variance, 1e-5)), gain);
    return tf.add(tf.mul(input, scale), tf.sub(bias, tf.mul(mean, scale)));
  };
  const compiled = compile((input: tf.Tensor) => tf.tidy(() => layerNorm(input)));
  const difference = tf.max(tf.abs(tf.sub(compiled(x), layerNorm(x)))).dataSync()[0];
  expect(difference).toBeLessThanOrEqual(1e-5);
  compiled.dispose();
});
