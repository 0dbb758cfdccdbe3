import { readFileSync } from 'node:fs';
import { randomNormal } from 'd3-random';
import { describe, expect, test } from 'vitest';
import {
  powerLawExponent,
  type ReplicatedPoint,
  type Replicates,
  replicate,
} from '../../../src/analysis/fits/bootstrap.js';
import { type FloorExponent, floorExponent, isLogLogBiased } from '../../../src/analysis/fits/floor_exponent.js';
import { floorEnd } from '../../../src/analysis/fits/floor_fit.js';
import { scalingOf } from '../../../src/analysis/fits/scaling.js';
import { random } from '../../../src/random.js';
import { median } from '../../../src/statistics.js';
import { measure, N0, replicated } from './measure.js';

describe('coverage: 5 processes, 3 % noise, floors up to 3 times the growing half', () => {
  const REPEATS = 32;
  const cases = [0.5, 1, 1.5, 2].flatMap((c) => [0, 0.3, 1, 3].map((a) => ({ a, c })));
  const outcomes = cases.map(({ a, c }) => ({
    a,
    c,
    runs: Array.from({ length: REPEATS }, (_, repeat) => {
      const data = measure((n) => a + (n / N0) ** c, { seed: `${a} ${c} ${repeat}` });
      const [own] = replicate([data], repeat, 200) as [Replicates];
      return { floor: floorExponent(own), logLog: powerLawExponent(own).value };
    }),
  }));

  test('the 95 % interval holds the true exponent in 93 to 99 % of runs', () => {
    const hits = outcomes.flatMap(({ c, runs }) =>
      runs.map(({ floor }) => floor.ci !== null && floor.ci[0] <= c && c <= floor.ci[1]),
    );
    const covered = hits.filter(Boolean).length / hits.length;
    expect(covered).toBeGreaterThanOrEqual(0.93);
    expect(covered).toBeLessThanOrEqual(0.99);
  });

  test.each(outcomes)('the floor fit finds exponent $c beside a floor of $a within 0.05', ({ c, runs }) => {
    expect(Math.abs(median(runs.map(({ floor }) => floor.value)) - c)).toBeLessThanOrEqual(0.05);
  });

  test('a log-log exponent that is off by more than 0.1 goes without a flag in fewer than 1 % of runs', () => {
    const off = outcomes.flatMap(({ c, runs }) => runs.filter(({ logLog }) => Math.abs(logLog - c) > 0.1));
    expect(off.length).toBeGreaterThan(300);
    const silent = off.filter(({ floor, logLog }) => !isLogLogBiased(logLog, floor) && floor.unidentified === null);
    expect(silent.length / off.length).toBeLessThan(0.01); // with other seeds 1 to 3 of 1,536
    const named = off.filter(({ floor, logLog }) => isLogLogBiased(logLog, floor));
    expect(named.length / off.length).toBeGreaterThan(0.95);
  });

  test('most of these runs identify their exponent, and pure powers raise few false flags', () => {
    const all = outcomes.flatMap(({ runs }) => runs);
    const unidentified = all.filter(({ floor }) => floor.unidentified !== null).length / all.length;
    expect(unidentified).toBeLessThan(0.15);
    const pure = outcomes.filter(({ a }) => a === 0).flatMap(({ runs }) => runs);
    const flagged = pure.filter(({ floor, logLog }) => isLogLogBiased(logLog, floor)).length / pure.length;
    expect(flagged).toBeLessThan(0.1);
  });
});

describe('an exponent is not identified', () => {
  const why = (data: ReplicatedPoint[]): string | null => floorExponent(replicated(data)[0] as Replicates).unidentified;
  const line = (n: number): number => 1 + n / N0;

  test('from fewer than 5 lengths', () => {
    expect(why(measure(line, {}, [128, 512, 2048, 8192]))).toBe('4 lengths, needs 5');
  });
  test('from a range below 16 times', () => {
    expect(why(measure(line, {}, [100, 200, 400, 800, 1500]))).toBe('lengths span 15×, needs 16×');
  });
  test('from constant times', () => {
    expect(why(measure(() => 1))).toBe('no growth beyond the noise');
  });
  test('when the curve does not fit although the processes agree', () => {
    const steps = (n: number): number => (n < 1000 ? 1 : 12) * (1 + (n / N0) * 0.3);
    expect(why(measure(steps, { own: 0.002, processes: 9 }))).toMatch(/intervals disagree|fits|no growth/);
  });
  test('but is from clean data', () => {
    expect(why(measure(line, { own: 0.01 }))).toBeNull();
  });
});

describe('lack of fit', () => {
  const REPEATS = 20;
  const NINE = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
  const misfits = (f: (n: number) => number, name: string): (number | null)[] =>
    Array.from({ length: REPEATS }, (_, repeat) => {
      const data = measure(f, { own: 0.01, shared: 0.05, seed: `${name} ${repeat}` }, NINE);
      return floorExponent(replicate([data], repeat, 200)[0] as Replicates).misfit;
    });

  test.each<[string, (n: number) => number]>([
    ['a constant, a linear and a square part', (n) => 1 + 1e-3 * n + 4e-7 * n * n],
    ['a cache that ends at 16,384', (n) => (1 + 1e-3 * n) * (n > 16384 ? 1.5 : 1)],
    ['n log n', (n) => 1e-4 * n * Math.log2(n)],
  ])('flags %s', (name, f) => {
    expect(misfits(f, name).filter((misfit) => misfit !== null).length).toBeGreaterThanOrEqual(0.93 * REPEATS);
  });

  test.each<[string, (n: number) => number]>([
    ['an added floor', (n) => 1 + 1e-3 * n],
    ['an overlapped one', (n) => (1 + (1e-3 * n) ** 8) ** (1 / 8)],
    ['a bare power', (n) => n ** 1.3],
  ])('flags nothing of %s', (name, f) => {
    expect(misfits(f, name)).toEqual(new Array(REPEATS).fill(null));
  });

  test('identifies nothing, however narrow the interval, and is said', () => {
    const softmax = measure((n) => 1 + 1e-3 * n + 4e-7 * n * n, { own: 0.005 }, NINE);
    const { ci, unidentified } = floorExponent(replicated(softmax)[0] as Replicates);
    expect((ci?.[1] ?? 9) - (ci?.[0] ?? 0)).toBeLessThan(0.05);
    expect(unidentified).toMatch(/^no power beside a floor fits: it misses by [\d.]+ times what processes differ by$/);
  });
});

describe('prefill on an H100, bound by launches up to thousands of tokens', () => {
  const file = JSON.parse(readFileSync(new URL('../../fixtures/fits/h100_prefill.json', import.meta.url), 'utf8'));
  const replicatedOf = (model: string): Replicates => {
    const data = Object.entries(file.models[model]).map(([n, t]) => ({ n: Number(n), processes: t as number[] }));
    return replicate([data], 0)[0] as Replicates;
  };
  const of = (model: string): FloorExponent => floorExponent(replicatedOf(model));

  test('linear attention has exponent 1 beyond a floor that overlaps, and the floor ends near 22,000', () => {
    const { value, fit, unidentified } = of('LinearTransformer');
    expect(unidentified).toBeNull();
    expect(Math.abs(value - 1)).toBeLessThan(0.1);
    expect(fit.kind).toBe('overlapped');
    expect(floorEnd(fit)).toBeGreaterThan(15_000);
    expect(floorEnd(fit)).toBeLessThan(30_000);
  });

  test('softmax attention, 1.95 at its end and climbing, is no single power at the noise of its longer lengths', () => {
    const { value, misfit, unidentified } = of('Softmax');
    expect(value).toBeCloseTo(1.9, 1);
    expect(misfit).toBeGreaterThan(4);
    expect(unidentified).toMatch(/^no power beside a floor fits/);
    const slopes = scalingOf(replicatedOf('Softmax')).slopes.map((slope) => slope.value);
    expect(slopes.slice(-3)).toEqual([1.74, 1.84, 1.95].map((slope) => expect.closeTo(slope, 2)));
  });

  test('a power beside a floor that is as noisy at its short lengths is still one', () => {
    const runs = Array.from({ length: 40 }, (_, repeat) => {
      const normal = randomNormal.source(random(repeat, 'noise of short lengths').float)();
      const data = Array.from({ length: 12 }, (_, i) => {
        const time = 1 + 2 ** (2 * (i - 6));
        const own = 0.2 / time + 0.002;
        return { n: 64 * 2 ** i, processes: Array.from({ length: 6 }, () => time * Math.exp(own * normal())) };
      });
      return floorExponent(replicate([data], repeat, 200)[0] as Replicates);
    });
    expect(runs.filter(({ misfit }) => misfit !== null).length).toBeLessThanOrEqual(1);
  });

  test('BSBR, of which two lengths leave the floor, is not identified', () => {
    expect(of('BSBR').unidentified).not.toBeNull();
  });
});

describe('processes that agree to the last digit', () => {
  const equal = (f: (n: number) => number) => measure(f, { own: 0 }).map(({ n, processes }) => ({ n, processes }));
  const of = (f: (n: number) => number) => floorExponent(replicated(equal(f))[0] as Replicates);

  test('leave the residuals to tell the interval, which is never empty where the points stray', () => {
    const { ci, profile, unidentified } = of((n) => n ** 1.31 * (1 + 0.02 * Math.sin(n)));
    expect(unidentified).toBeNull();
    expect(ci).toEqual(profile);
    expect((ci?.[1] ?? 0) - (ci?.[0] ?? 0)).toBeGreaterThan(0.01);
  });

  test('of an exact power identify it', () => {
    const { value, ci, unidentified } = of((n) => 3 * n ** 1.31);
    expect({ value, unidentified }).toEqual({ value: expect.closeTo(1.31, 4), unidentified: null });
    expect(ci).toEqual([expect.closeTo(1.31, 3), expect.closeTo(1.31, 3)]);
  });

  test('on a curve that no exponent fits are told so with the interval that is vague', () => {
    const { unidentified } = of((n) => n * (n === 512 ? 3 : 1));
    expect(unidentified).not.toMatch(/\[(\d\.\d\d), \1\]/);
    expect(unidentified).not.toBeNull();
  });
});

describe('a constant', () => {
  test.each([1, 3, 1e-300, 3e-300, 1e300])('of %d is no growth, and not falling by a rounding error', (t) => {
    for (const unit of [1, 1000, 1e-3]) {
      const lengths = [128, 256, 512, 1024, 2048, 4096, 8192].map((n) => n * unit);
      const times = [1, 1.02, 0.98, 1.01, 0.99].map((noise) => noise * t);
      const [own] = replicate([lengths.map((n) => ({ n, processes: times }))], 0) as [Replicates];
      expect(floorExponent(own).unidentified).toBe('no growth beyond the noise');
    }
  });
});

describe('growth beyond the search', () => {
  test.each<[string, (n: number) => number, string | null]>([
    ['n^4', (n) => 1e-9 * n ** 4, null],
    ['n^5', (n) => 1e-12 * n ** 5, 'time grows faster than n^4.5'],
    ['2^(n/8)', (n) => 2 ** (n / 8), 'time grows faster than n^4.5'],
    ['1/√n', (n) => n ** -0.5, 'time falls as n grows'],
  ])('of %s is named', (_, f, reason) => {
    expect(floorExponent(replicated(measure(f, { own: 0.01 }))[0] as Replicates).unidentified).toBe(reason);
  });
});
