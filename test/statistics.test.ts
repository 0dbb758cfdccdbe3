import fc from 'fast-check';
import { expect, test } from 'vitest';
import { percentileInterval } from '../src/statistics.js';

const repeated = (value: number, times: number): number[] => new Array<number>(times).fill(value);

test('a percentile interval leaves one estimate in forty out on each side', () => {
  const estimates = Array.from({ length: 2000 }, (_, i) => (i * 7) % 2000);
  expect(percentileInterval(estimates)).toEqual([50, 1949]);
});

test('each end of a percentile interval is one of the estimates, infinite ones too', () => {
  const estimate = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, Infinity, -Infinity));
  fc.assert(
    fc.property(fc.array(estimate, { minLength: 1 }), (estimates) => {
      const [low, high] = percentileInterval(estimates);
      expect(estimates.map((value) => value + 0)).toContain(low + 0);
      expect(estimates.map((value) => value + 0)).toContain(high + 0);
      expect(low).toBeLessThanOrEqual(high);
    }),
  );
});

test('estimates beyond what was measured are never averaged with those within', () => {
  const within = repeated(130, 1900);
  expect(percentileInterval([...repeated(0, 50), ...within, ...repeated(Infinity, 50)])).toEqual([130, 130]);
  expect(percentileInterval([...repeated(0, 51), ...within, ...repeated(Infinity, 51)])).toEqual([0, Infinity]);
});
