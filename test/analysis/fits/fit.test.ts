import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitPowerLaw, type Point, powerLawSlope, upperHalf } from '../../../src/analysis/fits/fit.js';
import { FLOOR_KINDS, fitFloor, floorEnd, floorFitAt, floorFitter } from '../../../src/analysis/fits/floor_fit.js';
import { fitProportional, proportionalAt } from '../../../src/analysis/fits/proportional.js';
import { fitQuadratic } from '../../../src/analysis/fits/quadratic.js';
import type { Interval } from '../../../src/statistics.js';

const LENGTHS = [128, 256, 512, 1024, 2048, 4096];
const N0 = Math.sqrt(128 * 4096);
const points = (f: (n: number) => number, lengths = LENGTHS): Point[] => lengths.map((n) => ({ n, t: f(n) }));
const positive = (min: number, max: number) => fc.double({ min, max, noNaN: true });

describe('power law', () => {
  test('recovers any factor and exponent of exact data, with R² of 1', () => {
    fc.assert(
      fc.property(positive(1e-3, 1e3), positive(0.05, 3), (factor, exponent) => {
        const fit = fitPowerLaw(points((n) => factor * n ** exponent));
        expect(fit.exponent).toBeCloseTo(exponent, 8);
        expect(fit.factor / factor).toBeCloseTo(1, 8);
        expect(fit.r2Log).toBeCloseTo(1, 8);
      }),
    );
  });

  test('of a constant has exponent 0 and no R²', () => {
    expect(fitPowerLaw(points(() => 7))).toEqual({ exponent: 0, factor: expect.closeTo(7, 8), r2Log: null });
  });

  test('reads n² with a floor as large as the growing half as n^1: the bias that the floor fit is for', () => {
    const bent = points((n) => 1 + (n / N0) ** 2);
    expect(fitPowerLaw(bent).exponent).toBeCloseTo(1, 1);
    expect(fitPowerLaw(bent).r2Log).toBeGreaterThan(0.85);
    expect(fitFloor(bent).exponent).toBeCloseTo(2, 4);
  });

  test('of two lengths, of a repeated length or of a time that is not positive is refused by name', () => {
    expect(() =>
      fitPowerLaw(
        points((n) => n, [1, 2]),
        'BSBR',
      ),
    ).toThrow('BSBR: needs at least 3 lengths, got 2');
    expect(() =>
      fitPowerLaw(
        points((n) => n, [1, 2, 2]),
        'BSBR',
      ),
    ).toThrow('every length once, got 2 twice');
    for (const bad of [0, -1, Number.NaN, Infinity]) {
      const data = [...points((n) => n), { n: 8192, t: bad }];
      expect(() => fitPowerLaw(data, 'BSBR')).toThrow(`BSBR at n = 8192: time must be positive, got ${bad}`);
    }
  });
});

/** The two kinds of floor beside a power of n that is 1 at N0. */
const beside = {
  added: (a: number, c: number) => (n: number) => a + (n / N0) ** c,
  overlapped: (a: number, c: number) => (n: number) => (a ** 8 + (n / N0) ** (8 * c)) ** (1 / 8),
};

describe.each(FLOOR_KINDS)('the fit of a floor that is %s', (kind) => {
  test('recovers any floor, growth and exponent of exact data, up to n^4', () => {
    fc.assert(
      fc.property(positive(0, 0.8), positive(0.1, 10), positive(0.4, 4), (share, scale, c) => {
        const a = share * (2048 / N0) ** c; // below the growth at two lengths: else nothing shows the growth
        const fit = fitFloor(points((n) => scale * beside[kind](a, c)(n)), [kind]); // biome-ignore format: one thought
        expect(fit.exponent).toBeCloseTo(c, 3);
        expect(floorFitAt(fit, N0) / scale).toBeCloseTo(beside[kind](a, c)(N0), 3);
        expect(floorFitAt(fit, 128) / scale / beside[kind](a, c)(128)).toBeCloseTo(1, 3);
      }),
      { numRuns: 50 },
    );
  });

  test('is better than that of the other kind, and ends where floor and growth are equal', () => {
    const fit = fitFloor(points(beside[kind](1, 1.3)));
    expect(fit).toMatchObject({ kind, floor: expect.closeTo(1, 4), growth: expect.closeTo(1, 4) });
    expect(floorEnd(fit)).toBeCloseTo(N0, 0);
  });
});

describe.each(FLOOR_KINDS)('the fit of a floor that is %s, too,', (kind) => {
  test('does not depend on the unit of time, however small or large', () => {
    const inMs = fitFloor(points(beside[kind](3, 1)), [kind]);
    for (const unit of [1e-300, 1e-3, 1e290]) {
      const other = fitFloor(points((n) => unit * beside[kind](3, 1)(n)), [kind]); // biome-ignore format: one thought
      expect(other.exponent).toBeCloseTo(inMs.exponent, 6);
      expect(other.floor / unit).toBeCloseTo(inMs.floor, 4);
    }
  });

  test('of a constant is the constant', () => {
    const fit = fitFloor(points(() => 5), [kind]); // biome-ignore format: one thought
    for (const n of LENGTHS) expect(floorFitAt(fit, n)).toBeCloseTo(5, 6);
  });

  test('is a least: no nearby exponent, floor and growth fit better', () => {
    const fit = fitFloor(
      points((n) => beside[kind](0.3, 1)(n) * (n === 512 ? 1.1 : 1)),
      [kind],
    );
    const rss = (change: object): number => {
      const other = { ...fit, ...change };
      return points((n) => beside[kind](0.3, 1)(n) * (n === 512 ? 1.1 : 1)).reduce(
        (sum, { n, t }) => sum + Math.log(floorFitAt(other, n) / t) ** 2,
        0,
      );
    };
    expect(rss({})).toBeCloseTo(fit.rss, 9);
    for (const factor of [0.99, 1.01]) {
      expect(rss({ floor: fit.floor * factor })).toBeGreaterThan(fit.rss);
      expect(rss({ growth: fit.growth * factor })).toBeGreaterThan(fit.rss);
      expect(rss({ exponent: fit.exponent * factor })).toBeGreaterThan(fit.rss);
    }
  });

  test('has a profile interval that holds the best exponent and widens with the residuals', () => {
    const profile = (data: readonly Point[]): Interval =>
      floorFitter(data.map(({ n }) => n), kind).profile(data.map(({ t }) => t)); // biome-ignore format: one thought
    const wobbly = (size: number): Point[] => points((n) => beside[kind](0.2, 1)(n) * (1 + size * Math.sin(n)));
    const [small, large] = [profile(wobbly(0.005)), profile(wobbly(0.02))];
    expect(small[0]).toBeLessThanOrEqual(fitFloor(wobbly(0.005), [kind]).exponent);
    expect(small[1]).toBeGreaterThanOrEqual(fitFloor(wobbly(0.005), [kind]).exponent);
    expect(large[1] - large[0]).toBeGreaterThan(2 * (small[1] - small[0]));
  });
});

test('a floor is never negative: a line through a negative intercept has none', () => {
  const fit = fitFloor(points((n) => n - 64));
  expect(fit.floor).toBe(0);
  expect(fit.growth).toBeGreaterThan(0);
});

test('the slope of the power law is the exponent of its fit', () => {
  const data = points((n) => n ** 1.3 * (1 + 0.1 * Math.sin(n)));
  expect(powerLawSlope(LENGTHS)(data.map(({ t }) => t))).toBeCloseTo(fitPowerLaw(data).exponent, 10);
});

test('the upper half is the longer lengths, three at least', () => {
  expect(upperHalf(points((n) => n)).map(({ n }) => n)).toEqual([1024, 2048, 4096]);
  expect(upperHalf(points((n) => n, [1, 2, 3, 4])).map(({ n }) => n)).toEqual([2, 3, 4]);
});

test('the quadratic fit recovers all three parts, none negative', () => {
  fc.assert(
    fc.property(positive(0.1, 10), positive(1e-3, 0.1), positive(1e-7, 1e-4), (a, b, d) => {
      const fit = fitQuadratic(points((n) => a + b * n + d * n * n));
      expect(fit.constant / a).toBeCloseTo(1, 4);
      expect(fit.linear / b).toBeCloseTo(1, 4);
      expect(fit.quadratic / d).toBeCloseTo(1, 4);
    }),
  );
  const tiny = fitQuadratic(points((n) => 1e-300 * n * n));
  expect(tiny.quadratic / 1e-300).toBeCloseTo(1, 6);
  const concave = fitQuadratic(points((n) => Math.sqrt(n)));
  for (const part of [concave.constant, concave.linear, concave.quadratic]) expect(part).toBeGreaterThanOrEqual(0);
});

describe('time in proportion to a known growth', () => {
  const flops = LENGTHS.map((n) => 1e6 * n + 1e3 * n * n);

  test('beside an added floor recovers both parts of exact data', () => {
    const fit = fitProportional(flops, flops.map((f) => 3 + 2e-9 * f)); // biome-ignore format: one thought
    expect(fit).toMatchObject({ kind: 'added', floor: expect.closeTo(3, 5), rss: expect.closeTo(0, 10) });
    expect(fit.scale / 2e-9).toBeCloseTo(1, 5);
    expect(proportionalAt(fit, 1e10)).toBeCloseTo(23, 3);
  });

  test('that hides a floor is told from one added to it', () => {
    const fit = fitProportional(flops, flops.map((f) => Math.max(3, 2e-9 * f))); // biome-ignore format: one thought
    expect(fit.kind).toBe('overlapped');
    expect(proportionalAt(fit, 1e6)).toBeCloseTo(3, 1);
  });

  test('without a floor finds none, whatever the unit of time', () => {
    for (const unit of [1e-300, 1, 1e290]) {
      const fit = fitProportional(flops, flops.map((f) => unit * f)); // biome-ignore format: one thought
      expect(fit.scale / unit).toBeCloseTo(1, 6);
      expect(fit.largestError).toBeLessThan(1e-6);
    }
  });
});
