import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ReplicatedPoint, type Replicates, replicate } from '../../../src/analysis/fits/bootstrap.js';
import { type ClassFit, fitClasses } from '../../../src/analysis/fits/classes.js';
import { fitScaling } from '../../../src/analysis/fits/scaling.js';
import { LENGTHS, measure } from './measure.js';

const FIVE = [128, 256, 512, 1024, 2048];

/** The named growths of exact times, one sample a length. */
const namesOf = (f: (n: number) => number, lengths: readonly number[] = LENGTHS): string[] =>
  fitScaling(lengths.map((n) => ({ n, t: f(n) }))).classes.map(({ name }) => name);

/** The same of seven processes within 1 %. */
const noisyNames = (f: (n: number) => number, seed = ''): string[] =>
  classesOf(measure(f, { processes: 7, own: 0.01, shared: 0.05, seed })).map(({ name }) => name);

const classesOf = (data: ReplicatedPoint[]): ClassFit[] => fitClasses(replicate([data], 0, 200)[0] as Replicates);

const truths: Record<string, (n: number) => number> = {
  '1': () => 4,
  'log n': (n) => 1 + Math.log(n),
  n: (n) => 5 + 0.01 * n,
  'n log n': (n) => 0.01 * n * Math.log(n),
  'n^1.5': (n) => 5 + 0.01 * n ** 1.5,
  'n²': (n) => 5 + 1e-4 * n * n,
  'n³': (n) => 5 + 1e-7 * n ** 3,
};

describe.each(Object.keys(truths))('times of class %s', (name) => {
  const f = truths[name]!;

  test('are found to be of it, and of no other, exact ones even of five lengths', () => {
    expect(namesOf(f)).toEqual([name]);
    expect(namesOf(f, FIVE)).toEqual([name]);
  });

  test('with noise have it among the few that the data cannot tell apart', () => {
    const found = Array.from({ length: 20 }, (_, seed) => noisyNames(f, `${name} ${seed}`));
    expect(found.filter((names) => names.includes(name)).length).toBeGreaterThanOrEqual(18);
    // Where a growth is no more than noise, any growth is.
    expect(found.every((names) => names.length <= 3 || name === '1')).toBe(true);
  });

  test('have the same classes whatever the units of n and of time', () => {
    const data = measure(f, { processes: 7, own: 0.01, seed: name });
    const scaled = (unitN: number, unitT: number) =>
      classesOf(data.map(({ n, processes }) => ({ n: unitN * n, processes: processes.map((t) => unitT * (t ?? 0)) })));
    const plain = scaled(1, 1);
    for (const [unitN, unitT] of [
      [1e-3, 1],
      [1e6, 1],
      [1, 1e290],
      [1, 1e-290],
    ] as const) {
      expect(scaled(unitN, unitT)).toEqual(plain.map((one) => ({ ...one, delta: expect.closeTo(one.delta, 3) })));
    }
  });
});

test('a floor that overlaps leaves the class what it is', () => {
  for (const name of ['n', 'n²', 'n³'] as const) {
    const power = { n: 1, 'n²': 2, 'n³': 3 }[name];
    expect(noisyNames((n) => (1 + (n / 500) ** (8 * power)) ** (1 / 8))).toContain(name);
  }
});

test('powers of n between and beyond the classes are none of them, in few and in many lengths', () => {
  const powers = fc.constantFrom(0.5, 0.7, 1.7, 2.25, 2.5, 2.75, 3.4, 3.6, 4, 5);
  fc.assert(
    fc.property(powers, fc.constantFrom(LENGTHS, FIVE), fc.constantFrom(1e-300, 1e-6, 1), (power, lengths, unit) => {
      expect(namesOf((n) => unit * n ** power, lengths)).toEqual([]);
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

test('falling times and exponential ones are none of them', () => {
  expect(namesOf((n) => n ** -0.5)).toEqual([]);
  expect(namesOf((n) => 2 ** n, [2, 4, 8, 16, 32, 64])).toEqual([]);
  expect(noisyNames((n) => n ** -0.5)).toEqual([]);
});

test('with one sample a length no class misses a point by more than a quarter', () => {
  const outlier = (n: number): number => (n === 512 ? 1.7 : 1) * n * n;
  expect(namesOf(outlier)).toEqual([]);
  expect(namesOf((n) => (n === 512 ? 1.05 : 1) * n * n)).toContain('n²');
});
