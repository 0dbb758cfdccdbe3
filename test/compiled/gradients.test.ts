import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import * as tf from '../../src/tf.js';
import { errorOf } from './compiled_support.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const MESSAGE =
  'compile: gradients do not pass through a compiled call, got one where they are taken; ' +
  'call the function that was compiled, or give its gradient with tf.customGrad';
const square = (x: tf.Tensor) => tf.square(x);

/** Takes a gradient through f. */
type Through = (f: (x: tf.Tensor) => tf.Tensor) => unknown;
const x = () => tf.tensor1d([3]);
const WAYS: Readonly<Record<string, Through>> = {
  'tf.grad': (f) => tf.grad((input) => tf.sum(tf.add(f(input), input)))(x()),
  'tf.grads': (f) => tf.grads((a, b) => tf.sum(tf.add(f(a), b)))([x(), x()]),
  'tf.valueAndGrad': (f) => tf.valueAndGrad((input) => tf.sum(f(input)))(x()),
  'a gradient of a gradient': (f) => tf.grad((input) => tf.sum(tf.grad((inner) => tf.sum(f(inner)))(input)))(x()),
  'tf.variableGrads': (f) => {
    const variable = tf.variable(x());
    try {
      return tf.variableGrads(() => tf.sum(f(variable)) as tf.Scalar);
    } finally {
      variable.dispose();
    }
  },
  'a variable that is read beside the arguments': (f) => {
    const variable = tf.variable(x());
    try {
      return tf.variableGrads(() => tf.sum(tf.add(f(tf.scalar(1)), variable)) as tf.Scalar, [variable]);
    } finally {
      variable.dispose();
    }
  },
  'tf.train': (f) => {
    const variable = tf.variable(x());
    try {
      return tf.train.sgd(0.1).minimize(() => tf.sum(f(variable)) as tf.Scalar);
    } finally {
      variable.dispose();
    }
  },
  'the gradient function of a tf.customGrad, within a gradient of a gradient': (f) => {
    const custom = tf.customGrad((input) => {
      const at = input as tf.Tensor;
      return { value: square(at), gradFunc: (dy) => tf.mul(dy as tf.Tensor, f(at)) };
    });
    return tf.grad((input) => tf.sum(tf.grad((inner) => tf.sum(custom(inner)))(input)))(x());
  },
};

compiledTest.each(Object.entries(WAYS))('gradients do not pass, at any call, in %s', (_, through) => {
  const compiled = compile(square);
  expect(errorOf(() => tf.tidy(() => void through(compiled)))).toBe(MESSAGE);
  compiled.prepare(x());
  for (let call = 0; call < 2; call++) expect(errorOf(() => tf.tidy(() => void through(compiled)))).toBe(MESSAGE);
  const prepares = (input: tf.Tensor) => {
    compiled.prepare(input);
    return input;
  };
  expect(errorOf(() => tf.tidy(() => void through(prepares)))).toBe(MESSAGE);
  expect([...compiled(x()).dataSync()]).toEqual([9]);
  compiled.dispose();
});

compiledTest('after a refused call gradients are taken as before', () => {
  const compiled = compile(square);
  errorOf(() => tf.grad((input) => tf.sum(compiled(input)))(x()));
  expect(
    tf
      .grad((input) => tf.sum(square(input)))(x())
      .dataSync()[0],
  ).toBe(6);
  compiled.dispose();
});

compiledTest('a gradient that is given passes: a compiled forward, and a compiled or eager gradient', () => {
  const [forward, doubled] = [compile(square), compile((a: tf.Tensor, dy: tf.Tensor) => tf.mul(tf.mul(a, 2), dy))];
  for (const gradient of [doubled, (a: tf.Tensor, dy: tf.Tensor) => tf.mul(tf.mul(a, 2), dy)]) {
    const custom = tf.customGrad((input, save) => {
      (save as tf.GradSaveFunc)([input as tf.Tensor]);
      return {
        value: forward(input as tf.Tensor),
        gradFunc: (dy, [saved]) => gradient(saved as tf.Tensor, dy as tf.Tensor),
      };
    });
    for (let call = 0; call < 2; call++) {
      expect(
        tf
          .grad((input) => tf.sum(tf.add(custom(input), input)))(x())
          .dataSync()[0],
      ).toBe(7);
    }
  }
  forward.dispose();
  doubled.dispose();
});

compiledTest('gradients within a compiled function are recorded', () => {
  const inner = compile(square);
  const compiled = compile((a: tf.Tensor) => tf.grad((input) => tf.sum(inner(input)))(a));
  for (let call = 0; call < 2; call++) expect(compiled(x()).dataSync()[0]).toBe(6);
  compiled.dispose();
});
