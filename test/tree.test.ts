import { afterEach, beforeEach, expect, test } from 'vitest';
import * as tf from '../src/tf.js';
import { disposeTree, leaves, mapTree, sizeOfTree, tidyTree } from '../src/tree.js';

await tf.initBackend('wasm');

let before = 0;
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

const tree = () => ({ n: 3, a: tf.ones([2, 3]), list: [tf.zeros([4]), { deep: tf.scalar(7) }, 5] });

test('leaves are the tensors in the order of the keys', () => {
  const made = tree();
  expect(leaves(made).map(({ shape }) => shape)).toEqual([[2, 3], [4], []]);
  expect(sizeOfTree(made)).toBe(11);
  disposeTree(made);
});

test('disposing a tree disposes every tensor and nothing else', () => {
  const [made, other] = [tree(), tf.scalar(1)];
  disposeTree(made);
  expect(leaves(made).every(({ isDisposed }) => isDisposed)).toBe(true);
  expect(other.isDisposed).toBe(false);
  other.dispose();
});

test('a mapped tree keeps its form and numbers', () => {
  const made = tree();
  const doubled = mapTree(made, (tensor) => tf.mul(tensor, 2));
  expect([doubled.n, doubled.list[2]]).toEqual([3, 5]);
  expect(leaves(doubled).map((tensor) => tensor.dataSync()[0])).toEqual([2, 0, 14]);
  expect(leaves(made).map((tensor) => tensor.dataSync()[0])).toEqual([1, 0, 7]);
  disposeTree([made, doubled]);
});

test('a tidied function keeps the tensors of its result alone', () => {
  const result = tidyTree(() => {
    const made = tree();
    return { kept: tf.add(made.a, 1), list: [made.list[1] ?? 0], n: 2 };
  });
  expect(tf.memory().numTensors).toBe(before + 2);
  expect(result.n).toBe(2);
  expect(leaves(result).map((tensor) => tensor.dataSync()[0])).toEqual([2, 7]);
  disposeTree(result);
});

test('a tidied function that throws leaves nothing behind', () => {
  expect(() =>
    tidyTree(() => {
      tree();
      throw new Error('midway');
    }),
  ).toThrow('midway');
});

test('arguments of a tidied function outlive it', () => {
  const argument = tf.ones([2]);
  disposeTree(tidyTree(() => [tf.mul(argument, 3)]));
  expect(argument.isDisposed).toBe(false);
  argument.dispose();
});
