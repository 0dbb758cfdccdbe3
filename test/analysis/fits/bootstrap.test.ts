import { describe, expect, test } from 'vitest';
import {
  estimate,
  estimateRatio,
  powerLawExponent,
  type Replicates,
  replicate,
} from '../../../src/analysis/fits/bootstrap.js';
import { measure, N0, replicated } from './measure.js';

describe('resampling', () => {
  test('fewer than 5 processes in a cell give no interval', () => {
    const data = measure((n) => n);
    const short = data.map((point, i) => (i === 2 ? { ...point, processes: [1, 2, 3, 4, null] } : point));
    expect(powerLawExponent(replicated(data)[0] as Replicates).ci).not.toBeNull();
    expect(powerLawExponent(replicated(short)[0] as Replicates).ci).toBeNull();
  });

  test('what a process does to all its cells alike cancels in exponents and in ratios', () => {
    const noise = { shared: 0.2, own: 0, seed: 'shared' };
    const [a, b] = replicated(
      measure((n) => n, noise),
      measure((n) => 2 * n, noise),
    ) as [Replicates, Replicates];
    const exponent = powerLawExponent(a).ci ?? [0, 0];
    expect(exponent[1] - exponent[0]).toBeLessThan(1e-9);
    const ratio = estimateRatio(b, a, (tb, ta) => (tb[0] ?? 0) / (ta[0] ?? 0));
    expect(ratio).toEqual({ value: expect.closeTo(2, 9), ci: [expect.closeTo(2, 9), expect.closeTo(2, 9)] });
  });

  test('takes 2,000 resamples, of many points fewer, and never below 200', () => {
    const resamplesOf = (points: number): number => {
      const curve = Array.from({ length: points }, (_, i) => ({ n: i + 1, processes: [1, 2, 3, 4, 5] }));
      return (replicate([curve], 0)[0] as Replicates).medians.length;
    };
    expect([100, 250, 1000, 10_000].map(resamplesOf)).toEqual([2000, 2000, 500, 200]);
  });

  test('the same seed gives the same interval', () => {
    const data = measure((n) => n);
    const [first, second] = [replicated(data), replicated(data)];
    expect(first).toEqual(second);
  });
});

describe('resampling where some lengths have more processes than others', () => {
  test('a length with fewer processes than others has the interval of its own processes', () => {
    const five = [10, 11, 12, 13, 14];
    const widthAt = (others: number): number => {
      const more = { n: 2, processes: Array.from({ length: others }, (_, i) => 20 + i) };
      const data = [{ n: 1, processes: [...five, ...new Array<null>(others - 5).fill(null)] }, more, { ...more, n: 4 }];
      const [own] = replicate([data], 1) as [Replicates];
      const ratio = estimate(own, ([first = 0]) => first);
      return (ratio.ci?.[1] ?? 0) - (ratio.ci?.[0] ?? 0);
    };
    expect(widthAt(5)).toBeCloseTo(4 * Math.sqrt(5 / 4), 9);
    expect(widthAt(15)).toBeCloseTo(4 * Math.sqrt(5 / 4), 9);
  });

  test('what a process does to its cells cancels where they are its own alone', () => {
    const [five, fifteen] = replicated(
      measure((n) => n, { shared: 0.2, own: 0, seed: 'few' }).map((point) => ({
        ...point,
        processes: [...point.processes, ...new Array<null>(10).fill(null)],
      })),
      measure((n) => n, { shared: 0.2, own: 0, seed: 'many', processes: 15 }),
    ) as [Replicates, Replicates];
    for (const curve of [five, fifteen]) {
      const [low, high] = powerLawExponent(curve).ci ?? [0, 1];
      expect(high - low).toBeLessThan(1e-9);
    }
  });

  test('where noisy lengths have three times the processes, the interval holds the true exponent in 93 to 99 % of runs', () => {
    const hits = Array.from({ length: 400 }, (_, repeat) => {
      const noise = { own: 0.03, shared: 0.05, processes: 15, seed: `uneven ${repeat}` };
      const data = measure((n) => n / N0, noise).map(({ n, processes }, i) => ({
        n,
        processes: processes.map((ms, run) => (i % 2 === 0 || run < 5 ? ms : null)),
      }));
      const [low, high] = powerLawExponent(replicate([data], repeat, 200)[0] as Replicates).ci ?? [0, 0];
      return low <= 1 && 1 <= high;
    });
    const covered = hits.filter(Boolean).length / hits.length;
    expect(covered).toBeGreaterThanOrEqual(0.93);
    expect(covered).toBeLessThanOrEqual(0.99);
  });
});

test.each([5, 7, 10, 15])(
  'of %i processes intervals of slopes and ratios hold the truth in 93 % of runs or more',
  (processes) => {
    const REPEATS = 200;
    const hits = Array.from({ length: REPEATS }, (_, repeat) => {
      const noise = { processes, own: 0.03, shared: 0.05 };
      const [a, b] = replicated(
        measure((n) => n, { ...noise, seed: `slope ${repeat}` }),
        measure((n) => 2 * n, { ...noise, seed: `ratio ${repeat}` }),
      ) as [Replicates, Replicates];
      const slope = estimate(a, ([low = 0, high = 0]) => Math.log2(high / low)).ci ?? [0, 0];
      const ratio = estimateRatio(b, a, ([tb = 0], [ta = 0]) => tb / ta).ci ?? [0, 0];
      return [slope[0] <= 1 && 1 <= slope[1], ratio[0] <= 2 && 2 <= ratio[1]];
    }).flat();
    expect(hits.filter(Boolean).length / hits.length).toBeGreaterThanOrEqual(0.93);
  },
);
