import { describe, expect, test } from 'vitest';
import { powerLawExponent, type ReplicatedPoint, type Replicates, replicate } from '../src/analysis/bootstrap.js';
import { floorExponent, isLogLogBiased } from '../src/analysis/floor_exponent.js';
import { median } from '../src/statistics.js';
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

  test('a log-log exponent that is off by more than 0.1 is always flagged', () => {
    const off = outcomes.flatMap(({ c, runs }) => runs.filter(({ logLog }) => Math.abs(logLog - c) > 0.1));
    expect(off.length).toBeGreaterThan(300);
    const silent = off.filter(({ floor, logLog }) => !isLogLogBiased(logLog, floor) && floor.unidentified === null);
    expect(silent).toEqual([]);
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
