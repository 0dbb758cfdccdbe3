import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile, exportOnnx, fuse, loop } from '../../src/compiled/compile.js';
import { openModel } from '../../src/compiled/onnx/runtime.js';
import { selfContained } from '../../src/compiled/onnx/self_contained.js';
import { scan } from '../../src/compiled/scan.js';
import * as tf from '../../src/tf.js';
import { leaves, type Tree } from '../../src/tree.js';
import { errorOf, maxDifference } from './compiled_support.js';

// Not tensorflow: what is compiled here needs nothing of the native addon.
await tf.initBackend('wasm');
const ONNX = { engine: 'onnx' } as const;
const values = (tree: Tree) => leaves(tree).map((leaf) => [leaf.dtype, leaf.shape, [...leaf.dataSync()]]);

let before = 0;
beforeEach(() => {
  tf.engine().startScope();
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.getBackend()).toBe('wasm');
  tf.engine().endScope();
});

test('trees go in and come out, with what passes through, constants and one tensor twice', () => {
  const weight = tf.tensor1d([1, 2, 3]);
  const compiled = compile((state: { s: tf.Tensor; n: number }, xs: readonly tf.Tensor[]) => {
    const y = tf.square(state.s);
    return {
      y,
      again: y,
      n: state.n + 1,
      same: state.s,
      weight,
      xs: xs.map((x) => tf.concat([x, x])),
      none: tf.zeros([0, 2]),
    };
  }, ONNX);
  const args = [{ s: tf.tensor1d([3]), n: 4 }, [tf.tensor1d([true, false]), tf.tensor1d([-7], 'int32')]] as const;
  const result = compiled(...args);
  compiled.dispose();
  tf.dispose([...leaves(args), weight]);
  result.again.dispose();
  expect([result.n, values({ ...result, again: 0 })]).toEqual([
    5,
    [
      ['float32', [1], [9]],
      ['float32', [1], [3]],
      ['float32', [3], [1, 2, 3]],
      ['bool', [4], [1, 0, 1, 0]],
      ['int32', [2], [-7, -7]],
      ['float32', [0, 2], []],
    ],
  ]);
});

test('a state goes from call to call, through eager operations and back', () => {
  const compiled = compile((x: tf.Tensor) => tf.mul(x, 2), ONNX);
  const first = compiled(tf.tensor1d([1, 2]));
  const copy = tf.clone(first);
  first.dispose();
  const second = compiled(tf.reshape(copy, [2, 1]));
  const third = compiled(tf.add(second, 1));
  expect([values(copy), values(third)]).toEqual([[['float32', [2], [2, 4]]], [['float32', [2, 1], [10, 18]]]]);
  compiled.dispose();
});

test('a tensor may be split into hundreds of parts', () => {
  const compiled = compile((x: tf.Tensor1D) => tf.split(x, 300).reverse(), ONNX);
  const parts = compiled(tf.range(0, 300));
  compiled.dispose();
  expect(parts.map((part) => [...part.dataSync()])).toEqual(Array.from({ length: 300 }, (_, i) => [299 - i]));
});

test('loops nest and read what surrounds them; counts may be tensors, and none is no iteration', () => {
  const large = tf.randomNormal([100, 100], 0, 0.01, 'float32', 1);
  const fn = (x: tf.Tensor2D, count: tf.Scalar) => {
    const before = tf.add(x, 1);
    return loop(
      count,
      (y: tf.Tensor2D, i: tf.Scalar) => {
        const inner = loop(2, (z: tf.Tensor2D) => tf.add<tf.Tensor2D>(tf.matMul(z, large), before), y);
        return tf.add<tf.Tensor2D>(inner, tf.cast(i, 'float32'));
      },
      x,
    );
  };
  const compiled = compile(fn, ONNX);
  const x = tf.ones<tf.Rank.R2>([1, 100]);
  for (const count of [0, 1, 3]) {
    const times = tf.scalar(count, 'int32');
    expect(maxDifference(compiled(x, times), fn(x, times))).toBeLessThanOrEqual(1e-6);
  }
  expect(values(compiled(x, tf.scalar(-2, 'int32')))).toEqual(values(x));
  expect(compiled.prepare(x, tf.scalar(1, 'int32')).ops.filter((op) => op === 'Loop')).toHaveLength(2);
  compiled.dispose();
});

test('what is fused, scanned or compiled inside is a part of the graph', () => {
  const inner = compile((x: tf.Tensor) => tf.tanh(x), ONNX);
  const fn = (x: tf.Tensor4D) => {
    const { before, last } = scan(
      (state: tf.Tensor4D, row: tf.Tensor4D) => tf.add<tf.Tensor4D>(tf.mul(state, 0.5), row),
      tf.zerosLike(tf.slice(x, 0, 1)) as tf.Tensor4D,
      x,
    );
    return fuse(() => tf.add(inner(last), tf.sum(before())));
  };
  const x = tf.randomNormal<tf.Rank.R4>([5, 2, 1, 3], 0, 1, 'float32', 2);
  const compiled = compile(fn, ONNX);
  expect(maxDifference(compiled(x), fn(x))).toBeLessThanOrEqual(1e-6);
  compiled.dispose();
  inner.dispose();
});

test("what the function reads is the graph's own, and dispose leaves nothing behind", () => {
  const weight = tf.randomNormal([100, 100], 0, 1, 'float32', 3);
  const x = tf.ones([1, 100]);
  const want = [...tf.matMul(x, weight).dataSync()];
  const tensors = tf.memory().numTensors;
  const compiled = compile((input: tf.Tensor) => tf.matMul(input, weight), ONNX);
  compiled.prepare(x);
  expect(tf.memory().numTensors).toBe(tensors);
  weight.dispose();
  const got = compiled(x);
  expect([...got.dataSync()].every((value, i) => Math.abs(value - (want[i] as number)) < 1e-4)).toBe(true);
  compiled.dispose();
  expect(errorOf(() => compiled(x))).toContain('must not be used after dispose');
});

test('tensors of 1 MB and more are shared with every graph, also by eager code between calls, and live until dispose', () => {
  const weight = tf.ones<tf.Rank.R2>([600, 500]);
  const compiled = compile((x: tf.Tensor2D) => tf.matMul(x, weight), ONNX);
  const [one, two] = [tf.ones<tf.Rank.R2>([1, 600]), tf.ones<tf.Rank.R2>([2, 600])];
  expect([compiled.prepare(one).constantBytes, compiled.prepare(two).constantBytes]).toEqual([0, 0]);
  expect(tf.sum(weight).dataSync()[0]).toBe(300_000);
  const tensors = tf.memory().numTensors;
  weight.dispose();
  expect([compiled(one), compiled(two)].map((y) => y.dataSync().every((value) => value === 600))).toEqual([true, true]);
  compiled.dispose();
  expect(tf.memory().numTensors).toBe(tensors - 3 + 2);
});

test('errors are those of every engine, and leave the backend and the tensors as they were', () => {
  const x = tf.tensor1d([1]);
  const failing = (fn: (x: tf.Tensor) => Tree): string => errorOf(() => compile(fn, ONNX)(x));
  expect(failing((y) => tf.unique(y as tf.Tensor1D).values)).toContain(
    'compile: kernel Unique cannot be recorded, UniqueV2 has no row',
  );
  expect(failing((y) => tf.add(y, y.dataSync()[0] ?? 0))).toContain('a traced tensor has no data yet');
  expect(failing(() => 3)).toContain('must return a tensor');
  const compiled = compile((y: tf.Tensor) => tf.square(y), ONNX);
  expect(errorOf(() => tf.grad((y) => compiled(y))(x))).toContain('gradients do not pass');
  expect(errorOf(() => compile((y: tf.Tensor) => tf.neg(y), { engine: 'jax' as 'onnx' }))).toContain(
    'engine must be one of tensorflow, onnx',
  );
  compiled.dispose();
  expect(tf.memory().numTensors).toBe(before + 1);
});

test('NaN anywhere comes through what models are made of', () => {
  for (const fn of [
    (x: tf.Tensor) => tf.max(x, 1),
    (x: tf.Tensor) => tf.softmax(x),
    (x: tf.Tensor) => tf.relu(x),
    (x: tf.Tensor) => tf.minimum(x, 0.5),
    (x: tf.Tensor) => tf.erf(x),
  ]) {
    const compiled = compile(fn, ONNX);
    for (const size of [1, 3, 67]) {
      const x = tf.tensor2d(
        Float32Array.from({ length: size }, (_, i) => (i === size - 1 ? Number.NaN : 0.1)),
        [1, size],
      );
      expect([...compiled(x).dataSync()].some(Number.isNaN), `${fn} of ${size}`).toBe(true);
    }
    compiled.dispose();
  }
});

const layer =
  (weight: tf.Tensor2D, gain: tf.Tensor1D) =>
  (x: tf.Tensor2D, { bias }: { bias: tf.Tensor1D }) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const norm = tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5)));
    const hidden = tf.fused.matMul({ a: tf.add(tf.mul(norm, gain), bias), b: weight, bias });
    const halves = tf.mul<tf.Tensor2D>(tf.mul(tf.add(tf.erf(tf.mul(hidden, Math.SQRT1_2)), 1), 0.5), hidden);
    return { y: loop(3, (y: tf.Tensor2D) => tf.tanh(tf.matMul(y, weight)), halves), first: tf.argMax(halves, 1) };
  };

test('a layer norm, gelu and a map with its bias are one operator each', () => {
  const [weight, gain] = [
    tf.randomNormal<tf.Rank.R2>([64, 64], 0, 0.1, 'float32', 4),
    tf.randomNormal<tf.Rank.R1>([64], 1, 0.1, 'float32', 5),
  ];
  const args = [
    tf.randomNormal<tf.Rank.R2>([3, 64], 0, 1, 'float32', 6),
    { bias: tf.randomNormal<tf.Rank.R1>([64], 0, 1, 'float32', 7) },
  ] as const;
  const compiled = compile(layer(weight, gain), ONNX);
  const { ops } = compiled.prepare(...args);
  expect(['LayerNormalization', 'Gelu', 'Gemm'].map((op) => ops.filter((each) => each === op).length)).toEqual([
    1, 1, 1,
  ]);
  expect(ops).not.toContain('Erf');
  expect(maxDifference(compiled(...args).y, layer(weight, gain)(...args).y)).toBeLessThanOrEqual(1e-6);
  compiled.dispose();
});

test('norms without a mean are one operator each, and quotients are not by reciprocals', () => {
  const gain = tf.randomNormal<tf.Rank.R1>([64], 1, 0.1, 'float32', 4);
  const norm = ({ x, size }: { x: tf.Tensor; size: (squares: tf.Tensor) => tf.Tensor }) =>
    tf.mul(x, tf.rsqrt(tf.add(size(tf.square(x)), 1e-6)));
  const fn = (x: tf.Tensor) => ({
    byMean: tf.mul(norm({ x, size: (squares) => tf.mean(squares, -1, true) }), gain),
    bySum: norm({ x, size: (squares) => tf.sum(squares, -1, true) }),
    byPlace: norm({ x, size: tf.abs }),
  });
  const x = tf.randomNormal([2, 3, 64], 0, 1, 'float32', 6);
  const compiled = compile(fn, ONNX);
  const { ops } = compiled.prepare(x);
  expect(ops.filter((op) => op === 'RMSNormalization')).toHaveLength(2);
  expect(ops).not.toContain('Reciprocal');
  const [got, wanted] = [compiled(x), fn(x)];
  for (const name of ['byMean', 'bySum', 'byPlace'] as const)
    expect(maxDifference(got[name], wanted[name]), name).toBeLessThanOrEqual(1e-6);
  compiled.dispose();
});

test('what only looks like a norm is computed as it stands: sums over other axes or without one, a fed epsilon', () => {
  const scaled = (x: tf.Tensor, size: tf.Tensor, epsilon: tf.Tensor | number) =>
    tf.mul(x, tf.rsqrt(tf.add(size, epsilon)));
  const [gain, bias] = [4, 5].map((seed) => tf.randomNormal<tf.Rank.R1>([8], 1, 0.1, 'float32', seed));
  const layerNorm = (x: tf.Tensor, axis: number, keeps: boolean, epsilon: tf.Tensor | number) => {
    const y = tf.sub(x, tf.mean(x, axis, keeps));
    const normed = scaled(y, tf.mean(tf.square(y), axis, keeps), epsilon);
    return tf.add(tf.mul(normed, gain as tf.Tensor), bias as tf.Tensor);
  };
  const fn = (x: tf.Tensor, epsilon: tf.Tensor) => ({
    otherAxis: scaled(x, tf.sum(tf.square(x), 0, true), 1e-6),
    axisLeft: scaled(x, tf.sum(tf.square(x), 1), 1e-6),
    meanAxisLeft: layerNorm(x, 1, false, 1e-5),
    fed: layerNorm(x, 1, true, epsilon),
    otherCount: scaled(x, tf.div(tf.sum(tf.square(x), 1, true), 7), 1e-6),
  });
  const args = [tf.randomNormal([8, 8], 0, 1, 'float32', 6), tf.scalar(0.1)] as const;
  const compiled = compile(fn, ONNX);
  const { ops } = compiled.prepare(...args);
  expect(ops.filter((op) => op.endsWith('Normalization'))).toEqual([]);
  const [got, wanted] = [compiled(...args), fn(...args)];
  for (const name of ['otherAxis', 'axisLeft', 'meanAxisLeft', 'fed', 'otherCount'] as const)
    expect(maxDifference(got[name], wanted[name]), name).toBeLessThanOrEqual(1e-6);
  compiled.dispose();
});

test('a product over one element is one by one, and a sum over axes of length 1 is none', () => {
  const fn = (column: tf.Tensor, row: tf.Tensor) => ({
    product: tf.matMul(column, row),
    both: tf.matMul(row, column, true, true),
    sum: tf.sum(row, [0, 2], true),
    without: tf.sum(row, 2),
  });
  const args = [
    tf.randomNormal([3, 5, 1], 0, 1, 'float32', 6),
    tf.randomNormal([3, 1, 7], 0, 1, 'float32', 7),
  ] as const;
  const compiled = compile(fn, ONNX);
  const { ops } = compiled.prepare(...args);
  expect(ops.filter((op) => op === 'MatMul')).toEqual([]);
  const [got, wanted] = [compiled(...args), fn(...args)];
  for (const name of ['product', 'both', 'sum', 'without'] as const) {
    expect(got[name].shape, name).toEqual(wanted[name].shape);
    expect(maxDifference(got[name], wanted[name]), name).toBeLessThanOrEqual(1e-6);
  }
  const ones = compile((x: tf.Tensor) => ({ kept: tf.sum(x, [0, 2], true), left: tf.sum(x, [-1]) }), ONNX);
  const x = tf.randomNormal([1, 4, 1], 0, 1, 'float32', 8);
  expect(ones.prepare(x).ops).not.toContain('ReduceSum');
  const { kept, left } = ones(x);
  expect([kept.shape, left.shape]).toEqual([
    [1, 4, 1],
    [1, 4],
  ]);
  expect(maxDifference(tf.reshape(left, x.shape), x)).toBe(0);
  compiled.dispose();
  ones.dispose();
});

/** Checks a file as ONNX has it, infers all shapes, runs it, and prints its results and what is between them. */
const PYTHON = `
import json, sys, numpy, onnx, onnxruntime
path, inputs = sys.argv[1], json.load(open(sys.argv[2]))
onnx.checker.check_model(path, full_check=True)
onnx.shape_inference.infer_shapes_path(path, path + '.inferred', check_type=True, strict_mode=True, data_prop=True)
session = onnxruntime.InferenceSession(path)
feeds = {name: numpy.array(values, dtype).reshape(shape) for name, dtype, shape, values in inputs}
print(json.dumps({o.name: r.ravel().tolist() for o, r in zip(session.get_outputs(), session.run(None, feeds))}))
`;
const python = process.env['ATTNSCALE_PYTHON'] ?? 'python3';
function missingInPython(): string | null {
  try {
    execFileSync(python, ['-c', 'import onnx, onnxruntime'], { stdio: 'pipe' });
    return null;
  } catch {
    return `${python} has no onnx and onnxruntime; ATTNSCALE_PYTHON names one that has`;
  }
}
const missing = missingInPython();

test('exported, a function is files, with constants of 1 MB and more in one of their own', () => {
  const weight = tf.ones<tf.Rank.R2>([600, 500]);
  const files = exportOnnx(
    (x: tf.Tensor2D, n: number) => tf.mul(tf.matMul(x, weight), n),
    [tf.zeros<tf.Rank.R2>([1, 600]), 2],
  );
  expect(files.inputs).toEqual([{ name: 'argument_0', dtype: 'float32', shape: [1, 600] }]);
  expect(files.outputs).toEqual([{ name: 'result', dtype: 'float32', shape: [1, 500] }]);
  expect([files.weights?.name, files.weights?.bytes.length]).toEqual(['weights.bin', 1_200_000]);
  expect(files.model.length).toBeLessThan(2000);
  expect(errorOf(() => exportOnnx((y: tf.Tensor) => tf.neg(y), tf.scalar(1) as never))).toContain(
    'exportOnnx: examples must be an array',
  );
});

test('bytes that are no ONNX are refused in one line', () => {
  expect(() => openModel(Uint8Array.of(1, 2, 3), { device: 'cpu', threads: 1 }, {})).toThrow(/^[^\n]*protobuf[^\n]*$/);
});

test('what a function reads is gone also where it cannot be written', () => {
  const read = tf.tensor1d([1, 2]);
  const unknown = { name: 'x', op: 'Unheard', inputs: ['in0'], attrs: {}, outputs: [] };
  const args = [{ name: 'in0', shape: [2], dtype: 'float32' as const }];
  const main = { name: 'main', args, nodes: [unknown], results: [] };
  expect(errorOf(() => selfContained({ main, functions: [] }, [read], [], []))).toContain('Unheard has no ONNX form');
  expect(read.isDisposed).toBe(true);
});

test(`ONNX's checker, shape inference and Python's runtime take what is exported`, (at) => {
  at.skip(missing !== null, missing ?? '');
  const [weight, gain] = [tf.randomNormal<tf.Rank.R2>([512, 512], 0, 0.1, 'float32', 4), tf.ones<tf.Rank.R1>([512])];
  const args = [
    tf.randomNormal<tf.Rank.R2>([3, 512], 0, 1, 'float32', 6),
    { bias: tf.randomNormal<tf.Rank.R1>([512], 0, 1, 'float32', 7) },
  ] as const;
  const { model, weights, inputs } = exportOnnx(layer(weight, gain), [...args]);
  const folder = mkdtempSync(join(tmpdir(), 'attnscale-onnx-'));
  writeFileSync(join(folder, 'model.onnx'), model);
  if (weights) writeFileSync(join(folder, weights.name), weights.bytes);
  const feeds = leaves(args).map((leaf, i) => [inputs[i]?.name, leaf.dtype, leaf.shape, [...leaf.dataSync()]]);
  writeFileSync(join(folder, 'inputs.json'), JSON.stringify(feeds));
  const got = JSON.parse(
    execFileSync(python, ['-c', PYTHON, join(folder, 'model.onnx'), join(folder, 'inputs.json')], { encoding: 'utf8' }),
  );
  const want = layer(weight, gain)(...args);
  expect(weights?.bytes.length).toBe(512 * 512 * 4);
  expect(got['result.first']).toEqual([...want.first.dataSync()]);
  expect(maxDifference(tf.tensor2d(got['result.y'], [3, 512]), want.y)).toBeLessThanOrEqual(1e-5);
});
