import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitClasses, fitCost, fitQuadratic } from '../src/analysis/classes.js';
import {
  fitFloor,
  fitPowerLaw,
  floorFitAt,
  localSlopes,
  type Point,
  profileInterval,
  studentT95,
  upperHalf,
} from '../src/analysis/fit.js';

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
    ).toThrow('every length once, got 1 2 2');
    for (const bad of [0, -1, Number.NaN, Infinity]) {
      const data = [...points((n) => n), { n: 8192, t: bad }];
      expect(() => fitPowerLaw(data, 'BSBR')).toThrow(`BSBR at n = 8192: time must be positive, got ${bad}`);
    }
  });
});

describe('floor fit', () => {
  test('recovers any floor, growth and exponent of exact data', () => {
    fc.assert(
      fc.property(positive(0, 3), positive(0.1, 10), positive(0.4, 3), (a, scale, c) => {
        const fit = fitFloor(points((n) => scale * (a + (n / N0) ** c)));
        expect(fit.exponent).toBeCloseTo(c, 3);
        expect(fit.floor / scale).toBeCloseTo(a, 2);
        expect(fit.growth / scale).toBeCloseTo(1, 2);
      }),
      { numRuns: 50 },
    );
  });

  test('does not depend on the unit of time', () => {
    const inMs = fitFloor(points((n) => 3 + 0.01 * n));
    const inSeconds = fitFloor(points((n) => (3 + 0.01 * n) / 1000));
    expect(inSeconds.exponent).toBeCloseTo(inMs.exponent, 6);
    expect(inSeconds.floor * 1000).toBeCloseTo(inMs.floor, 6);
  });

  test('has no negative part: a line through a negative intercept keeps a floor of 0', () => {
    const fit = fitFloor(points((n) => n - 64));
    expect(fit.floor).toBe(0);
    expect(fit.growth).toBeGreaterThan(0);
  });

  test('of a constant is the constant', () => {
    const fit = fitFloor(points(() => 5));
    for (const n of LENGTHS) expect(floorFitAt(fit, n)).toBeCloseTo(5, 6);
  });

  test('is a least: no nearby exponent, floor and growth fit better', () => {
    const data = points((n) => 2 + 0.01 * n * (n === 512 ? 1.1 : 1));
    const fit = fitFloor(data);
    const rss = (a: number, b: number, c: number): number =>
      data.reduce((sum, { n, t }) => sum + ((a + b * (n / fit.n0) ** c) / t - 1) ** 2, 0);
    expect(rss(fit.floor, fit.growth, fit.exponent)).toBeCloseTo(fit.rss, 10);
    for (const [da, db, dc] of [
      [1.01, 1, 1],
      [0.99, 1, 1],
      [1, 1.01, 1],
      [1, 0.99, 1],
      [1, 1, 1.01],
      [1, 1, 0.99],
    ] as const) {
      expect(rss(fit.floor * da, fit.growth * db, fit.exponent * dc)).toBeGreaterThan(fit.rss);
    }
  });

  test('its profile interval holds the best exponent and widens with the residuals', () => {
    const wobbly = (size: number): Point[] => points((n) => (1 + 0.01 * n) * (1 + size * Math.sin(n)));
    const [small, large] = [profileInterval(wobbly(0.005)), profileInterval(wobbly(0.02))];
    expect(small[0]).toBeLessThanOrEqual(fitFloor(wobbly(0.005)).exponent);
    expect(small[1]).toBeGreaterThanOrEqual(fitFloor(wobbly(0.005)).exponent);
    expect(large[1] - large[0]).toBeGreaterThan(2 * (small[1] - small[0]));
  });
});

test("Student's quantiles agree with the tables", () => {
  const table = { 1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469, 10: 2.2281, 30: 2.0423 };
  for (const [freedom, t] of Object.entries(table)) expect(studentT95(Number(freedom))).toBeCloseTo(t, 2);
});

test('local slopes of a power law are its exponent, at the geometric means', () => {
  const slopes = localSlopes(points((n) => 3 * n ** 1.5, [4, 16, 64]));
  expect(slopes).toEqual([8, 32].map((n) => ({ n: expect.closeTo(n), exponent: expect.closeTo(1.5) })));
});

test('the upper half is the longer lengths, three at least', () => {
  expect(upperHalf(points((n) => n)).map(({ n }) => n)).toEqual([1024, 2048, 4096]);
  expect(upperHalf(points((n) => n, [1, 2, 3, 4])).map(({ n }) => n)).toEqual([2, 3, 4]);
});

describe('named classes', () => {
  const truths: Record<string, (n: number) => number> = {
    '1': () => 4,
    'log n': (n) => 1 + Math.log(n),
    n: (n) => 5 + 0.01 * n,
    'n log n': (n) => 5 + 0.01 * n * Math.log(n),
    'n^1.5': (n) => 5 + 0.01 * n ** 1.5,
    'n²': (n) => 5 + 1e-4 * n * n,
  };
  test.each(Object.keys(truths))('data of class %s is found to be of it', (name) => {
    const [best, second] = fitClasses(points((n) => truths[name]?.(n) ?? Number.NaN));
    expect(best).toMatchObject({ name, delta: 0 });
    expect(second?.delta ?? Infinity).toBeGreaterThan(4);
  });

  test('fewer than 5 lengths are refused', () => {
    expect(() =>
      fitClasses(
        points((n) => n, [1, 2, 3, 4]),
        'x',
      ),
    ).toThrow('x: needs at least 5 lengths, got 4');
  });
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
  const concave = fitQuadratic(points((n) => Math.sqrt(n)));
  for (const part of [concave.constant, concave.linear, concave.quadratic]) expect(part).toBeGreaterThanOrEqual(0);
});

test('a known cost is scaled to the times', () => {
  const data = points((n) => 3 + 2e-9 * (1e6 * n));
  const fit = fitCost(
    data,
    data.map(({ n }) => 1e6 * n),
  );
  expect(fit.constant).toBeCloseTo(3, 6);
  expect(fit.scale).toBeCloseTo(2e-9, 14);
});
