import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import type { NativeBackend } from '../../src/compiled/tensorflow/session.js';
import * as tf from '../../src/tf.js';
import { disposeTree, leaves, type Tree, tidyTree } from '../../src/tree.js';
import { errorOf, maxDifference } from './compiled_support.js';

const { backend } = await tf.initBackend('auto');
const openSessions = () => (tf.backend() as NativeBackend & { getNumOfSavedModels(): number }).getNumOfSavedModels();
const values = (tree: Tree) => leaves(tree).map((leaf) => [leaf.dtype, leaf.shape, [...leaf.dataSync()]]);
const compiledTest = test.skipIf(backend !== 'tensorflow');

let before = { tensors: 0, sessions: 0 };
beforeEach(() => {
  if (backend !== 'tensorflow') return;
  tf.engine().startScope();
  before = { tensors: tf.memory().numTensors, sessions: openSessions() };
});
afterEach(() => {
  if (backend !== 'tensorflow') return;
  expect(tf.getBackend()).toBe('tensorflow');
  tf.engine().endScope();
});
const expectNothingNew = () => expect({ tensors: tf.memory().numTensors, sessions: openSessions() }).toEqual(before);

compiledTest('a compiled function returns the tree its function returns', () => {
  const fn = (state: { s: tf.Tensor; n: number }, xs: readonly tf.Tensor[]) => ({
    state: { s: tf.add(state.s, tf.addN([...xs])), n: state.n + 1 },
    parts: xs.map((x) => tf.neg(x)),
  });
  const args = [{ s: tf.tensor1d([1, 2]), n: 3 }, [tf.tensor1d([4, 5]), tf.tensor1d([6, 7])]] as const;
  const compiled = compile(fn);
  const [got, want] = [compiled(...args), fn(...args)];
  expect(values(got)).toEqual(values(want));
  expect(got.state.n).toBe(4);
  expect(Object.keys(got)).toEqual(['state', 'parts']);
  compiled.dispose();
});

compiledTest('scalars, bools, integers and tensors without elements pass in and out', () => {
  const compiled = compile((...xs: tf.Tensor[]) =>
    xs.map((x) => tf.concat([tf.reshape(x, [-1]), tf.reshape(x, [-1])])),
  );
  const args = [tf.scalar(2.5), tf.scalar(true), tf.scalar(-7, 'int32'), tf.zeros([0, 3]), tf.tensor1d([true, false])];
  expect(values(compiled(...args))).toEqual([
    ['float32', [2], [2.5, 2.5]],
    ['bool', [2], [1, 1]],
    ['int32', [2], [-7, -7]],
    ['float32', [0], []],
    ['bool', [4], [1, 0, 1, 0]],
  ]);
  compiled.dispose();
});

compiledTest.each(['none', 'graph', 'parts', 'whole'] as const)(
  'a function without arguments compiles, %s',
  (optimize) => {
    const compiled = compile(() => tf.range(0, 3), { optimize });
    expect(values(compiled())).toEqual([['float32', [3], [0, 1, 2]]]);
    compiled.dispose();
  },
);

compiledTest.each([{}, { optimize: 'whole' }, { optimize: 'none' }] as const)(
  'an argument, a constant and one tensor twice can be returned, and share nothing with what was given, %o',
  (options) => {
    const weight = tf.tensor1d([1, 2, 3]);
    const compiled = compile((x: tf.Tensor) => {
      const y = tf.square(x);
      return [x, weight, y, y, tf.zeros([2, 2], 'int32'), tf.clone(weight)];
    }, options);
    const x = tf.tensor1d([3]);
    const result = compiled(x);
    tf.dispose([x, weight]);
    compiled.dispose();
    expect(values(result)).toEqual([
      ['float32', [1], [3]],
      ['float32', [3], [1, 2, 3]],
      ['float32', [1], [9]],
      ['float32', [1], [9]],
      ['int32', [2, 2], [0, 0, 0, 0]],
      ['float32', [3], [1, 2, 3]],
    ]);
    result.pop()?.dispose();
    expect(leaves(result).every((leaf) => leaf.dataSync().length > 0)).toBe(true);
  },
);

compiledTest('a large tensor from outside is shared, and lives until the compiled function is disposed', () => {
  const weight = tf.randomNormal([100, 100]);
  const x = tf.ones([1, 100]);
  const want = [...tf.matMul(x, weight).dataSync()];
  const buffers = tf.memory().numDataBuffers;
  const compiled = compile((input: tf.Tensor) => [tf.matMul(input, weight), tf.matMul(input, weight)]);
  expect(compiled.prepare(x)).toEqual({ ops: ['MatMul', 'MatMul'], constantBytes: 0 });
  weight.dispose();
  expect(tf.memory().numDataBuffers).toBe(buffers);
  expect(compiled(x).map((result) => [...result.dataSync()])).toEqual([want, want]);
  compiled.dispose();
  expect(tf.memory().numDataBuffers).toBe(buffers - 1 + 2);
});

compiledTest.each(['none', 'graph', 'whole'] as const)(
  'a large tensor that a function makes is fed too, %s',
  (optimize) => {
    const table = Float32Array.from({ length: 10_000 }, (_, i) => i % 7);
    const marks = Uint8Array.from({ length: 40_000 }, (_, i) => i % 2);
    const fn = (x: tf.Tensor) => [
      tf.matMul(x, tf.tensor2d(table, [100, 100])),
      tf.logicalNot(tf.tensor1d(marks, 'bool')),
      tf.tensor2d(table, [100, 100]),
    ];
    const x = tf.ones([1, 100]);
    const want = values(fn(x));
    const buffers = tf.memory().numDataBuffers;
    const compiled = compile(fn, { optimize });
    expect(compiled.prepare(x).constantBytes).toBe(0);
    const got = compiled(x);
    compiled.dispose();
    expect(values(got)).toEqual(want);
    disposeTree(got);
    expect(tf.memory().numDataBuffers).toBe(buffers);
  },
);

compiledTest('a small tensor is stored once, and one of equal elements as one of them', () => {
  const weight = tf.randomNormal([10, 10]);
  const compiled = compile((x: tf.Tensor) => {
    const y = tf.matMul(x, weight);
    return [y, tf.add(tf.matMul(y, weight), tf.sum(tf.zeros([1000, 10])))];
  });
  // 400 bytes of weight, a zero and the two axes of the sum.
  expect(compiled.prepare(tf.ones([1, 10]))).toEqual({
    ops: ['MatMul', 'MatMul', 'Sum', 'Add'],
    constantBytes: 400 + 4 + 8,
  });
  expect(weight.dataSync()).toHaveLength(100);
  compiled.dispose();
});

compiledTest('numbers and names, shapes and dtypes of the arguments tell graphs apart', () => {
  const seen: unknown[] = [];
  const compiled = compile((x: Tree, n: number) => {
    seen.push(n);
    return tf.mul(leaves(x)[0] as tf.Tensor, n);
  });
  const forms: [Tree, number][] = [
    [tf.ones([2]), 1],
    [tf.ones([2]), 2],
    [tf.ones([3]), 2],
    [tf.ones([3], 'int32'), 2],
    [[tf.ones([3])], 2],
    [{ a: tf.ones([3]) }, 2],
    [{ b: tf.ones([3]) }, 2],
  ];
  for (const form of [...forms, ...forms]) compiled(...form);
  expect(seen).toEqual(forms.map(([, n]) => n));
  expect(openSessions()).toBe(before.sessions + forms.length);
  compiled.dispose();
  expect(openSessions()).toBe(before.sessions);
});

compiledTest('preparing records once and leaves no tensor', () => {
  let calls = 0;
  const compiled = compile((x: tf.Tensor) => {
    calls++;
    return tf.tidy(() => tf.exp(tf.mul(x, 2)));
  });
  const x = tf.ones([2]);
  const tensors = tf.memory().numTensors;
  compiled.prepare(x);
  compiled.prepare(x);
  compiled(x).dispose();
  expect([calls, tf.memory().numTensors]).toEqual([1, tensors]);
  compiled.dispose();
});

compiledTest('a result belongs to the scope of the call', () => {
  const compiled = compile((x: tf.Tensor) => ({ y: tf.neg(x), z: tf.abs(x) }));
  const x = tf.ones([2]);
  const tensors = tf.memory().numTensors;
  const kept = tidyTree(() => compiled(compiled(x).y));
  expect(tf.memory().numTensors).toBe(tensors + 2);
  tf.dispose(kept);
  compiled.dispose();
});

compiledTest('a compiled function called in another one is recorded as a part of it', () => {
  const inner = compile((x: tf.Tensor) => tf.add(x, 1));
  const outer = compile((x: tf.Tensor) => tf.mul(inner(x), 2));
  expect([...outer(tf.tensor1d([1, 2])).dataSync()]).toEqual([4, 6]);
  expect(openSessions()).toBe(before.sessions + 1);
  outer.dispose();
  inner.dispose();
});

compiledTest('reading a traced tensor is an error, reading a captured one is not', () => {
  const weight = tf.scalar(3);
  const reads = compile((x: tf.Tensor) => tf.mul(x, x.dataSync()[0] ?? 0));
  expect(errorOf(() => reads(tf.scalar(2)))).toMatch(/traced tensor has no data/);
  const captures = compile((x: tf.Tensor) => tf.mul(x, weight.dataSync()[0] ?? 0));
  expect([...captures(tf.scalar(2)).dataSync()]).toEqual([6]);
  captures.dispose();
});

compiledTest('a kernel without a row is an error that names kernel, op, file and row', () => {
  const compiled = compile((x: tf.Tensor) => tf.unique(x).values);
  expect(errorOf(() => compiled(tf.tensor1d([1, 1])))).toBe(
    'compile: kernel Unique cannot be recorded, UniqueV2 has no row: ' +
      'add one to the table in src/compiled/ops/table.ts',
  );
  const complex = compile((x: tf.Tensor) => tf.complex(x, x));
  expect(errorOf(() => complex(tf.ones([2])))).toBe(
    'compile: kernel Complex cannot be recorded, dtype must be float32, int32 or bool, got TensorFlow type 8',
  );
});

compiledTest('a kernel registered by the user is recorded when it is made of known ones', () => {
  tf.registerKernel({
    kernelName: 'Twice',
    backendName: 'tensorflow',
    kernelFunc: ({ inputs }) => tf.mul(inputs['x'] as tf.Tensor, 2),
  });
  const compiled = compile((x: tf.Tensor) => tf.engine().runKernel('Twice', { x }) as tf.Tensor);
  expect([...compiled(tf.tensor1d([1, 2])).dataSync()]).toEqual([2, 4]);
  compiled.dispose();
  tf.unregisterKernel('Twice', 'tensorflow');
});

compiledTest('after an error in the function everything is as it was', () => {
  const fails = compile((x: tf.Tensor) => {
    tf.exp(tf.tidy(() => tf.neg(x)));
    throw new TypeError('in fn');
  });
  const x = tf.ones([2]);
  const tensors = tf.memory().numTensors;
  expect(() => fails(x)).toThrow('in fn');
  expect(() => tf.tidy(() => fails(x))).toThrow('in fn');
  expect([tf.memory().numTensors, tf.getBackend()]).toEqual([tensors, 'tensorflow']);
  expect([...tf.add(x, 1).dataSync()]).toEqual([2, 2]);
});

compiledTest('a tensor that outlives the function is an error, and reading it is one too', () => {
  let escaped = tf.scalar(0) as tf.Tensor;
  const keeps = compile((x: tf.Tensor) => {
    escaped = tf.keep(tf.neg(x));
    return tf.abs(escaped);
  });
  expect(errorOf(() => keeps(tf.scalar(1)))).toMatch(/must not outlive it, got 1 kept/);
  expect(errorOf(() => escaped.dataSync())).toMatch(/traced tensor/);
  const uses = compile((x: tf.Tensor) => tf.add(x, escaped));
  expect(errorOf(() => uses(tf.scalar(1)))).toMatch(/traced tensor/);
  escaped.dispose();
});

compiledTest('what TensorFlow refuses when it runs is an error and does not spoil the next call', () => {
  const compiled = compile((i: tf.Tensor) => tf.gather(tf.tensor1d([1, 2]), i as tf.Tensor1D));
  expect(() => compiled(tf.tensor1d([5], 'int32'))).toThrow(/not in \[0, 2\)/);
  expect([...compiled(tf.tensor1d([1], 'int32')).dataSync()]).toEqual([2]);
  compiled.dispose();
});

compiledTest('a disposed function cannot be called', () => {
  const compiled = compile((x: tf.Tensor) => tf.neg(x));
  compiled(tf.scalar(1)).dispose();
  compiled.dispose();
  compiled.dispose();
  expect(errorOf(() => compiled(tf.scalar(1)))).toMatch(/after dispose/);
  expect(openSessions()).toBe(before.sessions);
});

compiledTest('random programs give eager results, and only their results are left', () => {
  type Step = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor;
  const weight = tf.randomNormal([4, 4], 0, 1, 'float32', 1);
  const steps: Step[] = [
    (x, y) => tf.add(x, y),
    (x, y) => tf.mul(x, tf.sigmoid(y)),
    (x, y) => tf.where(tf.less(x, y), x, tf.neg(y)),
    (x) => tf.matMul(x, weight),
    (x, y) => tf.matMul(x, tf.tanh(y), true, false),
    (x) => tf.softmax(x),
    (x) => tf.transpose(x),
    (x) => tf.cumsum(x, 1, true),
    (x) => tf.sub(x, tf.mean(x, -1, true)),
    (x, y) => tf.concat([tf.slice(x, [1, 0], [3, 4]), tf.slice(y, [0, 0], [1, 4])]),
    (x, y) => tf.stack(tf.unstack(tf.maximum(x, y)).reverse()),
    (x) => tf.gather(x, tf.argMax(x, 1) as tf.Tensor1D),
  ];
  const program = fc.array(fc.tuple(fc.nat(steps.length - 1), fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 12 });
  const property = fc.property(program, fc.integer(), (lines, seed) => {
    const fn = (a: tf.Tensor, b: tf.Tensor): tf.Tensor[] => {
      const values = [a, b];
      const pick = (i: number) => values[i % values.length] as tf.Tensor;
      for (const [step, x, y] of lines) values.push((steps[step] as Step)(pick(x), pick(y)));
      return values.slice(2);
    };
    const compiled = compile((a: tf.Tensor, b: tf.Tensor) => tf.tidy(() => fn(a, b)), {
      optimize: seed % 2 === 0 ? 'graph' : 'none',
    });
    tf.tidy(() => {
      const inputs = [0, 1].map((i) => tf.randomNormal([4, 4], 0, 1, 'float32', seed + i)) as [tf.Tensor, tf.Tensor];
      const tensors = tf.memory().numTensors;
      const got = compiled(...inputs);
      expect(tf.memory().numTensors).toBe(tensors + lines.length);
      const want = fn(...inputs);
      got.forEach((tensor, i) => {
        expect(maxDifference(tensor, want[i] as tf.Tensor)).toBeLessThanOrEqual(1e-6);
      });
    });
    compiled.dispose();
  });
  fc.assert(property, { numRuns: 60, seed: 4 });
  weight.dispose();
  expectNothingNew();
});

compiledTest('a thousand compilations that are disposed leave nothing', () => {
  const weight = tf.randomNormal([256, 256]);
  const x = tf.ones([1, 256]);
  const cycle = () => {
    const compiled = compile((input: tf.Tensor) => tf.tidy(() => tf.relu(tf.matMul(input, weight))));
    compiled(x).dispose();
    compiled.dispose();
  };
  for (let i = 0; i < 200; i++) cycle();
  const start = process.memoryUsage.rss();
  for (let i = 0; i < 800; i++) cycle();
  const grownBytes = process.memoryUsage.rss() - start;
  tf.dispose([weight, x]);
  expectNothingNew();
  // One retained weight a cycle would be 200 MB.
  expect(grownBytes).toBeLessThan(20e6);
});
compiledTest('another backend than tensorflow is an error that names it', async () => {
  await tf.initBackend('wasm');
  const compiled = compile((x: tf.Tensor) => tf.neg(x));
  expect(errorOf(() => compiled(tf.scalar(1)))).toBe(
    "compile: needs the tensorflow backend, or { engine: 'onnx' }, got wasm",
  );
  await tf.setBackend('tensorflow');
});
