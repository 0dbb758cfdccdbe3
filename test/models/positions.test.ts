import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPositions } from '../../src/models/parts/positions.js';
import { position } from '../naive/transformer.js';

/** Half a unit in the last place of a float32 near 1, and what float64 loses of the angle at a million. */
const TOLERANCE = 1e-7;

/** Largest difference from the definition, over rows start … start + count − 1. */
function largestError(d: number, start: number, count: number, positions = createPositions(d)): number {
  const got = positions(start, count);
  expect(got.length).toBe(count * d);
  const errors = Array.from(got, (value, at) =>
    Math.abs(value - (position(start + Math.floor(at / d), d)[at % d] ?? NaN)),
  );
  return Math.max(...errors);
}

test.each([1, 2, 3, 7, 16, 33])('width %i: encodings equal the definition from 0 to a million', (d) => {
  for (const start of [0, 1, 100, 4096, 65_535, 999_990, 1_048_575]) {
    expect(largestError(d, start, 20), `from ${start}`).toBeLessThan(TOLERANCE);
  }
});

test('encodings do not depend on what was asked before', () => {
  const calls = fc.array(fc.tuple(fc.nat(1_000_000), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), calls, (d, asked) => {
      const positions = createPositions(d);
      for (const [start, count] of asked) expect(largestError(d, start, count, positions)).toBeLessThan(TOLERANCE);
    }),
    { seed: 1, numRuns: 40 },
  );
});

test('an odd width ends in a sine alone', () => {
  const last = createPositions(5)(3, 1)[4];
  expect(last).toBeCloseTo(Math.sin(3 / 10000 ** (4 / 5)), 7);
});
