/** What makes a step in a loop cheap on ONNX Runtime. */
import { expect, test } from 'vitest';
import { compile, loop } from '../../src/compiled/compile.js';
import { TAKES_STEPS } from '../../src/compiled/linear_attention.js';
import { onnxModel } from '../../src/compiled/onnx/convert.js';
import { record } from '../../src/compiled/record/recording.js';
import { writeSlot } from '../../src/models/parts/attention.js';
import { createModel } from '../../src/models/registry.js';
import { randomWeights } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { leaves, type Tree } from '../../src/tree.js';
import { expectSame } from './compiled_support.js';

await tf.initBackend('wasm');
const ONNX = { engine: 'onnx' } as const;
type Fn = (...args: tf.Tensor[]) => Tree;

/** The ops of a function's model, and those of the bodies of its loops. */
function opsOf(fn: Fn, ...examples: tf.Tensor[]): { readonly outside: string[]; readonly inside: string[] } {
  const { graph, captured, result } = record(fn, examples, 'graph');
  const named = examples.map((_, i) => `x${i}`);
  const { nodes } = onnxModel(graph, [], named, graph.main.results.map((_, i) => `y${i}`)).graph; // biome-ignore format: one line
  tf.dispose([captured, result] as tf.TensorContainer);
  return {
    outside: nodes.map(({ op }) => op),
    inside: nodes.flatMap(({ body }) => (body ? body.nodes.map(({ op }) => op) : [])),
  };
}

/** On ONNX Runtime as eagerly. */
function expectAlike(fn: Fn, ...calls: tf.Tensor[][]): void {
  const compiled = compile(fn, ONNX);
  for (const args of calls) expectSame(leaves(compiled(...args)), leaves(fn(...args)));
  compiled.dispose();
}

test('what a loop computes the same each time is computed once, before it', () => {
  const fn = (x: tf.Tensor, y: tf.Tensor, count: tf.Tensor) =>
    loop(count as tf.Scalar, (z: tf.Tensor) => tf.add<tf.Tensor>(z, tf.sin(tf.transpose(y))), x);
  const args = [tf.ones([2, 3]), tf.ones([3, 2]), tf.scalar(4, 'int32')];
  const { outside, inside } = opsOf(fn, ...args);
  expect([outside.includes('Sin'), outside.includes('Transpose')]).toEqual([true, true]);
  expect(inside.filter((op) => op !== 'Cast')).toEqual(['Add', 'Identity']); // the second says to go on
  expectAlike(fn as Fn, args);
});

test('a state that a loop passes on, exchanges or gives twice is right', () => {
  const fn = (a: tf.Tensor, b: tf.Tensor) =>
    loop(3, (s: { a: tf.Tensor; b: tf.Tensor; c: tf.Tensor; d: tf.Tensor }) => {
      const sum = tf.add(s.a, s.d);
      return { a: s.b, b: s.a, c: sum, d: sum };
    }, { a, b, c: a, d: b }); // biome-ignore format: one line
  expectAlike(fn as Fn, [tf.tensor1d([1, 2]), tf.tensor1d([10, 20])]);
});

test('a row is written into a buffer by one operator, at any place, and nowhere where there is none; twice the same once', () => {
  const buffer = tf.randomNormal<tf.Rank.R4>([2, 3, 5, 4], 0, 1, 'float32', 1);
  const row = tf.randomNormal<tf.Rank.R4>([2, 3, 1, 4], 0, 1, 'float32', 2);
  const fn = (x: tf.Tensor, y: tf.Tensor, slot: tf.Tensor) =>
    [y, tf.neg(y)].map((v) =>
      writeSlot({ k: x as tf.Tensor4D, v: x as tf.Tensor4D }, slot as tf.Scalar, y as tf.Tensor4D, v as tf.Tensor4D),
    );
  const { outside } = opsOf(fn as Fn, buffer, row, tf.scalar(0));
  expect(outside.filter((op) => op === 'ScatterND')).toHaveLength(2); // of y and -y, not three times y
  expectAlike(fn as Fn, ...[0, 2, 4, 5, -1, 1.5].map((place) => [buffer, row, tf.scalar(place)]));
});

test('what is chosen for some places of a row is not repeated first', () => {
  const fn = (at: tf.Tensor, x: tf.Tensor, y: tf.Tensor) => tf.where(tf.equal(tf.range(0, 4), at), x, y);
  const argsOf = (x: number[], rows: number) => [
    tf.scalar(2),
    ...[x, [rows, 4]].map((shape, i) => tf.randomNormal(shape, 0, 1, 'float32', i + 1)),
  ];
  for (const x of [[1, 1], [1], []]) {
    expect(opsOf(fn as Fn, ...argsOf(x, 1)).outside).not.toContain('Tile');
    expectAlike(fn as Fn, argsOf(x, 1));
  }
  for (const x of [[3, 1], [4], [1, 4], [3, 4]]) expectAlike(fn as Fn, argsOf(x, 3));
});

test.each([
  ['RetNet', 8], // q, k, v by heads, and all heads side by side
  ['DeltaNet', 16],
  ['KDA', 18],
])('a step of two layers of %s takes %i Reshapes', async (name, count) => {
  const model = await createModel(name, { vocabSize: 50, hiddenDim: 32, numLayers: 2, numHeads: 2, ffDim: 64 });
  const params = model.init(randomWeights(1));
  const { state } = model.prefill(params, tf.zeros([1, 3], 'int32'));
  const step = compile((carried: Tree, ids: tf.Tensor1D) => model.step(params, carried as typeof state, ids), {
    ...ONNX,
    operators: [TAKES_STEPS],
  });
  const { ops } = step.prepare(state as Tree, tf.zeros([1], 'int32'));
  step.dispose();
  expect(ops.filter((op) => op === 'Reshape')).toHaveLength(count);
});

test('of rows of another width, or columns, the sum is written out', () => {
  const fn = (x: tf.Tensor, y: tf.Tensor, slot: tf.Tensor) => {
    const here = tf.reshape(tf.cast(tf.equal(tf.range(0, 5), slot), 'float32'), [5, 1]);
    return tf.add(x, tf.mul(here, y));
  };
  for (const shape of [
    [3, 1, 1],
    [3, 5, 4],
    [1, 4],
  ]) {
    expect(opsOf(fn as Fn, tf.ones([3, 5, 4]), tf.ones(shape), tf.scalar(0)).outside).not.toContain('ScatterND');
  }
});
