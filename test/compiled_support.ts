import { expect } from 'vitest';
import { UserError } from '../src/errors.js';
import type * as tf from '../src/tf.js';

/** The largest difference, relative where the largest element is above 1. */
export const maxDifference = (got: tf.Tensor, want: tf.Tensor) => {
  const expected = [...want.dataSync()];
  const differences = [...got.dataSync()].map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)));
  return Math.max(0, ...differences) / Math.max(1, ...expected.map(Math.abs));
};
/** The message of the UserError that `run` throws. */
export const errorOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  return 'no error';
};
