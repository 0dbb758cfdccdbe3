import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { greedyTokens } from '../../src/models/parts/greedy.js';
import * as tf from '../../src/tf.js';

await tf.initBackend('auto');

test('greedy tokens are the arg max of each row, the first of equal ones', () => {
  const logits = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 })).chain(([B, V]) =>
    fc.array(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: V, maxLength: V }), {
      minLength: B,
      maxLength: B,
    }),
  );
  fc.assert(
    fc.property(logits, (rows) => {
      const [values, before] = [tf.tensor2d(rows), tf.memory().numTensors];
      const tokens = greedyTokens(values);
      expect([tokens.dtype, tokens.shape, tf.memory().numTensors - before]).toEqual(['int32', [rows.length], 1]);
      expect([...tokens.dataSync()]).toEqual(rows.map((row) => row.indexOf(Math.max(...row))));
      tf.dispose([values, tokens]);
    }),
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('logits of %f are refused', (value) => {
  for (const row of [
    [value, value],
    [value, 1],
  ]) {
    const logits = tf.tensor2d([[1, 2], row]);
    expect(() => greedyTokens(logits)).toThrow(
      new UserError(`prefill: the largest logit must be finite, got ${value}`),
    );
    logits.dispose();
  }
});
