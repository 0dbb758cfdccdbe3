/** What compiled code makes of NaN, infinities and zeros of either sign, and where XLA differs from eager code. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile, fuse, loop } from '../../src/compiled/compile.js';
import { table } from '../../src/compiled/ops/table.js';
import { keepNaN } from '../../src/compiled/tensorflow/xla_flags.js';
import * as tf from '../../src/tf.js';
import { leaves, type Tree } from '../../src/tree.js';
import { expectSame } from './compiled_support.js';
import { samples } from './samples.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const SPECIAL = [nan, infinity, -0, 1, -infinity, 0, -2.5, 9, -104, 0.5, 3];

/** The same tensor with special values in place of its floats, from one of them on. */
const spoiled = (tensor: tf.Tensor, from: number): tf.Tensor =>
  tensor.dtype === 'float32'
    ? tf.tensor(
        Float32Array.from({ length: tensor.size }, (_, i) => SPECIAL[(from + i) % SPECIAL.length] as number),
        tensor.shape,
      )
    : tensor;

/** Ops that XLA computes in another way, as docs/compiled.md says; each is a test below. */
const DIFFERENT = ['ArgMax', 'ArgMin', 'Cast', 'EluGrad', 'TopKV2'];
const alike = Object.entries(samples).filter(([op]) => !DIFFERENT.includes(op));

for (const optimize of ['graph', 'none', 'whole'] as const) {
  compiledTest.each(optimize === 'whole' ? alike : Object.entries(samples))(
    `%s gives eager results for special values, ${optimize}`,
    (_, calls) => {
      for (const [make, run] of calls) {
        const given = make();
        const compiled = compile((...args: tf.Tensor[]) => tf.tidy(() => leaves(run(...args))), { optimize });
        for (let from = 0; from < SPECIAL.length; from += 2) {
          const inputs = given.map((tensor, i) => spoiled(tensor, from + 4 * i));
          const eager = tf.tidy(() => leaves(run(...inputs)));
          expectSame(compiled(...inputs), eager);
        }
        compiled.dispose();
      }
    },
  );
}

test('the differences are of ops of the table', () => {
  expect(Object.keys(table)).toEqual(expect.arrayContaining(DIFFERENT));
});

type Fn = (...inputs: tf.Tensor[]) => Tree;
const valuesOf = (tree: Tree) => leaves(tree).flatMap((tensor) => [...tensor.dataSync()]);
/** As eager code, and as XLA has it. */
function both(fn: Fn, ...inputs: tf.Tensor[]): [eager: number[] | 'error', byXla: number[]] {
  const compiled = compile(fn, { optimize: 'whole' });
  let eager: number[] | 'error' = 'error';
  try {
    eager = valuesOf(fn(...inputs));
  } catch {
    // what is to be told
  }
  const byXla = valuesOf(compiled(...inputs));
  compiled.dispose();
  return [eager, byXla];
}

const floats = (...values: number[]) => tf.tensor1d(values);
const ints = (...values: number[]) => tf.tensor1d(values, 'int32');
const LEAST = -(2 ** 31);
const MOST = 2 ** 31 - 1;

/** Each row of the table of differences in docs/compiled.md. */
const DIFFERENCES: readonly (readonly [
  what: string,
  fn: Fn,
  make: () => tf.Tensor[],
  eager: number[] | 'error',
  byXla: number[],
])[] = [
  ['an arg max over NaN', (x) => tf.argMax(x), () => [floats(5, nan, 3, 2)], [0], [2]],
  ['an arg min over NaN', (x) => tf.argMin(x), () => [floats(1, nan, 3, 2)], [0], [3]],
  ['top k of NaN', (x) => tf.topk(x, 2).values, () => [floats(1, 2, nan, 3)], [3, 2], [nan, 3]],
  ['top k of zeros of both signs', (x) => tf.topk(x, 1).indices, () => [floats(-0, 0)], [0], [1]],
  [
    'float to int',
    (x) => tf.cast(x, 'int32'),
    () => [floats(nan, infinity, 1e10, -1e10, 2.9, -2.9)],
    [LEAST, LEAST, LEAST, LEAST, 2, -2],
    [0, MOST, MOST, LEAST, 2, -2],
  ],
  [
    'the gradient of elu at NaN',
    (x) => tf.grad((y) => tf.sum(tf.elu(y)))(x as tf.Tensor),
    () => [floats(nan, 1)],
    [1, 1],
    [nan, 1],
  ],
  [
    'integers by zero',
    (a, b) => tf.div(a as tf.Tensor, b as tf.Tensor),
    () => [ints(7, -7, 6), ints(0, 0, 3)],
    'error',
    [-1, -2, 2],
  ],
  [
    'the rest of integers by zero',
    (a, b) => tf.mod(a as tf.Tensor, b as tf.Tensor),
    () => [ints(7, -7, 8), ints(0, 0, 3)],
    'error',
    [7, -7, 2],
  ],
  [
    'an index out of range',
    (x, i) => tf.gather(x as tf.Tensor, i as tf.Tensor1D),
    () => [floats(1, 2, 3), ints(5, -1)],
    'error',
    [3, 1],
  ],
  [
    'a pair of indices out of range',
    (x, i) => tf.gatherND(x as tf.Tensor, i as tf.Tensor),
    () => [
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
      tf.tensor2d(
        [
          [5, 0],
          [0, -1],
        ],
        [2, 2],
        'int32',
      ),
    ],
    'error',
    [3, 1],
  ],
  [
    'scattered out of range',
    (i, x) => tf.scatterND(tf.reshape(i as tf.Tensor, [3, 1]), x as tf.Tensor, [3]),
    () => [ints(5, -1, 1), floats(1, 2, 3)],
    'error',
    [0, 3, 0],
  ],
  [
    'updated out of range',
    (i, x) => tf.tensorScatterUpdate(tf.ones([3]), tf.reshape(i as tf.Tensor, [3, 1]), x as tf.Tensor),
    () => [ints(5, -1, 1), floats(1, 2, 3)],
    'error',
    [1, 3, 1],
  ],
  [
    'a segment out of range',
    (x, i) => tf.unsortedSegmentSum(x as tf.Tensor, i as tf.Tensor1D, 2),
    () => [floats(1, 2, 3), ints(5, -1, 1)],
    'error',
    [0, 3],
  ],
];
compiledTest.each(DIFFERENCES)('XLA differs in %s, as documented', (_, fn, make, eager, byXla) => {
  expect(both(fn, ...make())).toEqual([eager, byXla]);
});

compiledTest('a compiled loop of a negative count in a tensor has no iteration', () => {
  const fn = (x: tf.Tensor, count: tf.Tensor) => loop(count as tf.Scalar, (y: tf.Tensor) => tf.add(y, 1), x);
  expect(both(fn as Fn, floats(1), tf.scalar(-2, 'int32'))).toEqual(['error', [1]]);
});

/** Models are made of these: a model that has diverged must not look healthy. */
const SEEN: Readonly<Record<string, Fn>> = {
  max: (x) => tf.max(x as tf.Tensor, 1),
  min: (x) => tf.min(x as tf.Tensor, 1),
  softmax: (x) => tf.softmax(x as tf.Tensor),
  'log softmax': (x) => tf.logSoftmax(x as tf.Tensor),
  maximum: (x) => tf.maximum(x as tf.Tensor, 0.5),
  'minimum, the other way round': (x) => tf.minimum(0.5, x as tf.Tensor),
  clip: (x) => tf.clipByValue(x as tf.Tensor, 0, 1),
  relu: (x) => tf.relu(x as tf.Tensor),
  relu6: (x) => tf.relu6(x as tf.Tensor),
  erf: (x) => tf.erf(x as tf.Tensor),
};
/** A row that fits into no vector, and rows that take several. */
const SIZES = [1, 3, 67, 256];
compiledTest.each(Object.entries(SEEN))('NaN anywhere comes through %s, as a whole and as a part', (_, fn) => {
  for (const size of SIZES) {
    const whole = compile(fn, { optimize: 'whole' });
    const part = compile((x: tf.Tensor) => fuse(() => fn(x)));
    for (const at of new Set([0, size >> 1, size - 1])) {
      const x = tf.tensor2d(
        Float32Array.from({ length: 2 * size }, (_, i) => (i === at ? nan : Math.sin(i))),
        [2, size],
      );
      const eager = leaves(fn(x));
      expect(valuesOf(eager).some(Number.isNaN)).toBe(true);
      expectSame(leaves(whole(x)), eager);
      expectSame(leaves(part(x)), eager);
    }
    whole.dispose();
    part.dispose();
  }
});

test("XLA's flag is added to the user's own, whose word on it stands", () => {
  const flagsFor = (given?: string) => {
    const env = given === undefined ? {} : { XLA_FLAGS: given };
    keepNaN(env);
    keepNaN(env);
    return (env as NodeJS.ProcessEnv)['XLA_FLAGS'];
  };
  const ours = '--xla_cpu_enable_fast_min_max=false';
  expect(flagsFor()).toBe(ours);
  expect(flagsFor('')).toBe(ours);
  expect(flagsFor('--xla_dump_to=x')).toBe(`${ours} --xla_dump_to=x`);
  expect(flagsFor('--xla_cpu_enable_fast_min_max=true')).toBe('--xla_cpu_enable_fast_min_max=true');
  expect(flagsFor('flags.txt')).toBe('flags.txt');
});
