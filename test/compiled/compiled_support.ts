import { expect } from 'vitest';
import { UserError } from '../../src/errors.js';
import type * as tf from '../../src/tf.js';

/** The largest difference, relative where the largest element is above 1; NaN where an element is not finite. */
export const maxDifference = (got: tf.Tensor, want: tf.Tensor) => {
  expect(got.shape).toEqual(want.shape);
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

const forms = (result: tf.Tensor[]) => result.map(({ dtype, shape }) => [dtype, shape]);
const values = (result: tf.Tensor[]) => result.flatMap((tensor) => [...tensor.dataSync()]);

/** Equal up to 1e-6, relative above 1: fused and unfused kernels round differently. What is not finite is the same. */
export function expectSame(got: tf.Tensor[], want: tf.Tensor[]): void {
  expect(forms(got)).toEqual(forms(want));
  const expected = values(want);
  values(got).forEach((value, i) => {
    const other = expected[i] as number;
    const isClose = Number.isFinite(other) && Math.abs(value - other) <= 1e-6 * Math.max(1, Math.abs(other));
    expect(isClose || Object.is(value, other), `element ${i}: ${value}, eager ${other}`).toBe(true);
  });
}
