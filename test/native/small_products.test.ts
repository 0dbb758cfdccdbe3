/** What XLA computes by native/small_products.cc where the addon carries it, and by its own code elsewhere. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { hasCompiler, runProgram } from '../support/native_program.js';
import { temporaryFolder } from '../support/temporary.js';

const { backend, nativeCode } = await tf.initBackend('auto');

/** Columns of a product, in which the code differs most: below, at and between multiples of 4 and 8, and too many. */
const COLUMNS = [1, 4, 7, 8, 16, 24, 32, 40, 56, 64, 104, 128, 136];
const DEPTHS = [1, 8, 13, 32, 128, 129];
const ROWS = [1, 5, 8, 9, 32];

interface Shape {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}
const shapes: Shape[] = COLUMNS.flatMap((columns, i) =>
  DEPTHS.map((depth, j) => ({ rows: ROWS[(i + j) % ROWS.length]!, depth, columns })),
);
shapes.push({ rows: 200, depth: 600, columns: 144 }, { rows: 70, depth: 40, columns: 512 });

/** The largest error of `got` [batch, rows, columns], over the most that `depth` roundings of float32 can make it. */
function errorOverBound(a: tf.Tensor, b: tf.Tensor, got: tf.Tensor): number {
  const [[n, rows, depth], columns] = [flat(a).shape, b.shape.at(-1)!];
  const [left, right, out] = [a.dataSync(), b.dataSync(), got.dataSync()];
  let worst = 0;
  for (let i = 0; i < n * rows * columns; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let [sum, magnitude] = [0, 0];
    for (let k = 0; k < depth; k++) {
      const term = left[row * depth + k]! * right[(Math.floor(row / rows) * depth + k) * columns + column]!;
      sum += term;
      magnitude += Math.abs(term);
    }
    worst = Math.max(worst, Math.abs(out[i]! - sum) / (depth * 2 ** -24 * magnitude));
  }
  return worst;
}

const flat = (x: tf.Tensor): tf.Tensor3D => tf.reshape(x, [-1, ...x.shape.slice(-2)] as [number, number, number]);
const turned = (x: tf.Tensor): tf.Tensor =>
  tf.transpose(x, [...x.shape.keys()].slice(0, -2).concat(x.rank - 1, x.rank - 2));

const forms = [[], [3], [2, 3]].flatMap((batch) =>
  [false, true].flatMap((ofA) => [false, true].map((ofB) => [batch, ofA, ofB] as const)),
);
test.skipIf(backend !== 'tensorflow').each(forms)(
  'products of a batch [%s], transposed %s and %s, are exact but for a rounding a term, by XLA',
  (batch, ofA, ofB) => {
    const pairs = shapes.map(({ rows, depth, columns }, i) => ({
      a: tf.randomUniform([...batch, rows, depth], -1, 1, 'float32', i + 1),
      b: tf.randomUniform([...batch, depth, columns], -1, 1, 'float32', i + 1001),
    }));
    const given = pairs.map(({ a, b }) => [ofA ? turned(a) : a, ofB ? turned(b) : b] as const);
    const multiply = compile((all: typeof given) => all.map(([a, b]) => tf.matMul(a, b, ofA, ofB)), {
      optimize: 'whole',
    });
    const products = multiply(given);
    const worst = products.map((product, i) => errorOverBound(pairs[i]!.a, pairs[i]!.b, product));
    expect(worst.filter((error) => !(error <= 1))).toEqual([]);
    multiply.dispose();
    disposeTree([products, given.map((pair) => [...pair]), pairs]);
  },
);

test.skipIf(!hasCompiler)('all code that this processor can run multiplies every shape it takes', () => {
  const { status, stdout } = runProgram('small_products_check.cc', '-ldl');
  expect(status).toBe(0);
  expect(stdout.replaceAll(/^avx\w+ 1232 of 2352\n/gm, '')).toBe('');
});

/** Reads the linker's report of where it found every name, some 100 MB. */
test.skipIf(!nativeCode.includes('small_products'))('libtensorflow calls the addon for its products', () => {
  const folder = temporaryFolder();
  const env = { ...process.env, LD_DEBUG: 'bindings', LD_DEBUG_OUTPUT: join(folder, 'ld') };
  const load = `Object.assign(require('util'), { isNullOrUndefined: (v) => v == null }); require('@tensorflow/tfjs-node');`;
  expect(spawnSync(process.execPath, ['-e', load], { env, cwd: join(import.meta.dirname, '../..') }).status).toBe(0);
  const report = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('');
  const bound = /to (\S+) \[0\]: normal symbol `(__xla_cpu_runtime_Eigen(?:Batch)?MatMulF32)' \[/g;
  const products = [...report.matchAll(bound)];
  expect(products.map(([, , name]) => name).sort()).toEqual([
    '__xla_cpu_runtime_EigenBatchMatMulF32',
    '__xla_cpu_runtime_EigenMatMulF32',
  ]);
  for (const [, file] of products) expect(file).toMatch(/tfjs_binding\.node$/);
});
