import { randomNormal } from 'd3-random';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { random } from '../src/random.js';
import { chiSquared99, medianInterval, percentileInterval, studentT95 } from '../src/statistics.js';

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

test("Student's quantiles agree with the tables", () => {
  const table = { 1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469, 10: 2.2281, 30: 2.0423 };
  for (const [freedom, t] of Object.entries(table)) expect(studentT95(Number(freedom))).toBeCloseTo(t, 2);
});

test('the quantiles of chi-square agree with the tables to 2 %', () => {
  const table = { 1: 6.635, 2: 9.21, 3: 11.345, 5: 15.086, 9: 21.666, 45: 69.957 };
  for (const [freedom, x] of Object.entries(table)) expect(chiSquared99(Number(freedom)) / x).toBeCloseTo(1, 1.5);
});

describe('the interval of a median', () => {
  const rng = random(1, 'median');
  const normal = randomNormal.source(rng.float)();
  const draws: Record<string, [draw: () => number, median: number]> = {
    'log-normal': [() => Math.exp(0.1 * normal()), 1],
    'with a long tail': [() => 1 - Math.log(1 - rng.float()), 1 + Math.log(2)],
    'in two groups, one in five processes slow': [() => (rng.float() < 0.8 ? 1 + rng.float() : 3), 1.625],
  };
  const REPEATS = 4000;
  const cases = Object.keys(draws).flatMap((name) => [5, 6, 7, 8, 9, 10, 15, 20].map((size) => [size, name] as const));

  test.each(cases)('of %i processes holds it in 93.3 to 96.5 % of runs, values %s', (size, name) => {
    const [draw, truth] = draws[name]!;
    const hits = Array.from({ length: REPEATS }, () => {
      const [low, high] = medianInterval(Array.from({ length: size }, draw))!;
      return low <= truth && truth <= high;
    }).filter(Boolean).length;
    expect(hits / REPEATS).toBeGreaterThan(0.933);
    expect(hits / REPEATS).toBeLessThan(0.965);
  });

  test('lies between ranks; of 5 its ends lie a little beyond them all, and it needs 5', () => {
    expect(medianInterval([1, 2, 4, 8])).toBeNull();
    const [low, high] = medianInterval([1, 2, 4, 8, 16])!;
    expect([low, high]).toEqual([expect.closeTo(2 ** -0.1818, 3), expect.closeTo(2 ** 4.1818, 3)]);
    const [low7, high7] = medianInterval([1, 2, 4, 8, 16, 32, 64])!;
    expect(low7).toBeGreaterThan(1);
    expect(high7).toBeLessThan(64);
    expect(medianInterval([3, 3, 3, 3, 3])).toEqual([3, 3]);
  });

  test('of thousands of values has the ranks of the normal limit, 0.98 √size from the middle', () => {
    for (const size of [1_074, 1_075, 5_000, 20_001]) {
      const interval = medianInterval(Array.from({ length: size }, (_, i) => i + 1))!;
      const half = 0.98 * Math.sqrt(size);
      expect(Math.abs(interval[0] - (size / 2 - half))).toBeLessThan(1.5);
      expect(Math.abs(interval[1] - (size / 2 + half))).toBeLessThan(1.5);
    }
  });
});
