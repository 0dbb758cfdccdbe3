import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyze } from '../src/analysis/analysis.js';
import { readMeasurements } from '../src/analysis/read_measurements.js';
import { findCrossover, fitScaling, type Observation } from '../src/analysis/scaling.js';
import { random } from '../src/random.js';
import { makeResults } from './make_results.js';

const LENGTHS = [128, 256, 512, 1024, 2048, 4096];

const curve = (f: (n: number) => number): Observation[] => LENGTHS.map((n) => ({ n, t: f(n) }));

/** Five processes within 1 %. */
function measured(f: (n: number) => number, seed = ''): Observation[] {
  const rng = random(1, seed);
  return LENGTHS.map((n) => ({ n, t: Array.from({ length: 5 }, () => f(n) * Math.exp(0.01 * rng.normal())) }));
}

describe('fits of any {n, t}', () => {
  test('recover factor and exponent of a power, and floor and exponent beside one', () => {
    const half = { noNaN: true, noDefaultInfinity: true };
    const parts = fc.record({
      factor: fc.double({ min: 1e-6, max: 1e6, ...half }),
      exponent: fc.double({ min: 0.5, max: 2.5, ...half }),
      share: fc.double({ min: 0.1, max: 3, ...half }),
    });
    fc.assert(
      fc.property(parts, ({ factor, exponent, share }) => {
        const bare = fitScaling(curve((n) => factor * n ** exponent));
        expect(bare.powerLaw.value).toBeCloseTo(exponent, 8);
        expect(bare.powerLaw.fit.factor / factor).toBeCloseTo(1, 6);
        const floor = share * factor * 512 ** exponent;
        const { floor: found } = fitScaling(curve((n) => floor + factor * n ** exponent));
        expect(found?.value).toBeCloseTo(exponent, 2);
        expect((found?.fit.floor ?? 0) / floor).toBeCloseTo(1, 1);
      }),
      { numRuns: 30 },
    );
  });

  test('have intervals with five processes, and none with one value or with four', () => {
    const five = measured((n) => n);
    expect(fitScaling(five).powerLaw.ci).not.toBeNull();
    expect(fitScaling(five.map(({ n, t }) => ({ n, t: (t as number[]).slice(1) }))).powerLaw.ci).toBeNull();
    expect(fitScaling(curve((n) => n)).floor).toMatchObject({ ci: null, unidentified: null });
  });

  test('do not depend on the order of the lengths', () => {
    const data = measured((n) => 50 + n);
    expect(fitScaling([...data].reverse())).toEqual(fitScaling(data));
  });

  test('are what analyze says of a results file with the same times', () => {
    const data = measured((n) => 50 + n);
    const times = Object.fromEntries(data.map(({ n, t }) => [n, t as number[]]));
    const measurements = readMeasurements(makeResults({ A: times }), 'file', null);
    const [model] = analyze(measurements, null, 'file').models;
    expect(model).toMatchObject(fitScaling(data, { seed: measurements.seed }));
  });

  test('see the slope, the class and the bias that a floor hides from the power law', () => {
    const { biased, classes, slopes, upperHalf, powerLaw } = fitScaling(measured((n) => 100 + 1e-4 * n * n));
    expect(biased).toBe(true);
    expect(classes[0]?.name).toBe('n²');
    expect(powerLaw.value).toBeLessThan(upperHalf?.value ?? 0);
    expect(slopes.at(-1)).toMatchObject({ from: 2048, to: 4096, value: expect.closeTo(Math.log2(1777.7 / 519.4), 1) });
  });

  test('of three lengths have an exponent alone', () => {
    const { floor, classes, quadratic } = fitScaling(curve((n) => n).slice(3));
    expect({ floor, classes, quadratic }).toEqual({ floor: null, classes: [], quadratic: null });
  });

  test('of a process without a value at a length use the others', () => {
    const gap = measured((n) => n).map(({ n, t }, i) => ({ n, t: i === 2 ? [null, ...(t as number[])] : t }));
    expect(fitScaling(gap).powerLaw.value).toBeCloseTo(1, 1);
  });
});

describe('bad data are refused by the name of the data and the length', () => {
  test.each<[string, Observation[], string]>([
    ['two lengths', curve((n) => n).slice(4), 'mine: needs at least 3 lengths, got 2'],
    ['no length', [], 'mine: needs at least 3 lengths, got 0'],
    ['a length twice', [...curve((n) => n), { n: 512, t: 1 }], 'mine: every length once, got 512 twice'],
    ['a length of 0', [...curve((n) => n), { n: 0, t: 1 }], 'mine: length must be positive, got 0'],
    ['a time of 0', [...curve((n) => n), { n: 64, t: 0 }], 'mine at n = 64: time must be positive, got 0'],
    ['one NaN of five', [{ n: 64, t: [1, 1, Number.NaN, 1, 1] }], 'mine at n = 64: time must be positive, got NaN'],
    ['an infinite time', [{ n: 64, t: [1, Infinity] }], 'mine at n = 64: time must be positive, got Infinity'],
    ['no value', [{ n: 64, t: [null] }], 'mine at n = 64: needs a value, got none'],
  ])('%s', (_, data, message) => {
    expect(() => fitScaling(data, { where: 'mine' })).toThrow(message);
  });
});

describe('the cross-over of two curves', () => {
  test('is where they are equal, with an interval that holds it', () => {
    const found = findCrossover(
      measured((n) => 3 + 2e-3 * n, 'a'),
      measured((n) => 5e-3 * n, 'b'),
    );
    expect(found).toMatchObject({ kind: 'one', fasterAfter: 'a', n: expect.closeTo(1000, -2) });
    const [low, high] = (found.kind === 'one' ? found.ci : null) ?? [0, 0];
    expect(low).toBeLessThan(1000);
    expect(high).toBeGreaterThan(1000);
  });

  test('needs no more than two lengths, and names the curve that has fewer', () => {
    const two = curve((n) => n).slice(0, 2);
    expect(
      findCrossover(
        two,
        curve(() => 200),
      ),
    ).toMatchObject({ kind: 'one', fasterAfter: 'b' });
    expect(() => findCrossover(two, two.slice(1))).toThrow('findCrossover: b: needs at least 2 lengths, got 1');
  });
});
