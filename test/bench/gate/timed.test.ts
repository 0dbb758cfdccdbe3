/** The verdict on one cell: the interval of a ratio of medians, and what follows from it. */
import { describe, expect, test } from 'vitest';
import { clockStep, ratioInterval, valuesNeeded, valuesOutside } from '../../../src/bench/gate/median_ratio.js';
import { pairRatios } from '../../../src/bench/gate/paired_cells.js';
import { judge, type ProcessSet, tailFor } from '../../../src/bench/gate/timed.js';
import type { Cell } from '../../../src/results/schema.js';
import { apart, bareRun, suiteCells } from './suites.js';

const [CELL] = suiteCells(1) as [ReturnType<typeof suiteCells>[number]];
const QUIET = [10, 10.05, 10.1, 10.02, 10.07, 10.01, 10.08, 10.04, 10.06, 10.03];
/** Another measurement of the same: no value of the one is a value of the other. */
const AGAIN = [10.003, 10.053, 10.103, 10.023, 10.073, 10.013, 10.083, 10.043, 10.063, 10.033];
/** The values times a factor, in another order. */
const times = (factor: number, values: readonly number[] = QUIET): number[] =>
  values.map((ms) => factor * ms).reverse();

describe('the ratio interval', () => {
  test('leaves out as many values as the tables of the sign test', () => {
    expect(valuesOutside(10, 0.025)).toBe(1);
    expect(valuesOutside(20, 0.025)).toBe(5);
    expect(valuesOutside(25, 0.005)).toBe(5);
    expect(valuesOutside(100, 0.005)).toBe(36);
    expect(valuesOutside(5, 0.005)).toBe(-1);
    expect(valuesOutside(3000, 0.025)).toBe(1445); // 2^-3000 is no number
  });
  test('needs so many values a side that all above their median are rare enough', () => {
    for (const tail of [0.025, 0.005, 4e-4, 2.5e-5]) {
      const needed = valuesNeeded(tail);
      const values = Array.from({ length: needed }, (_, i) => 10 + 0.01 * i);
      expect(2 ** -needed).toBeLessThanOrEqual(tail);
      expect(2 ** -(needed - 1)).toBeGreaterThan(tail);
      expect(ratioInterval(values, values, tail)).not.toBeNull();
      expect(ratioInterval(values.slice(1), values, tail)).toBeNull();
      expect(ratioInterval(values, values.slice(1), tail)).toBeNull();
    }
  });
  test('of ten and ten values combines the limits of both medians, in logarithms', () => {
    const base = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    const next = base.map((ms) => 2 * ms + 0.1);
    const [low, high] = ratioInterval(base, next, 0.001)!;
    const reach = (a: number, b: number): number => Math.exp(Math.hypot(Math.log(a), Math.log(b)));
    expect(low).toBeCloseTo(29.1 / 14.5 / reach(29.1 / 20.1, 19 / 14.5), 12);
    expect(high).toBeCloseTo((29.1 / 14.5) * reach(38.1 / 29.1, 14.5 / 10), 12);
  });
  test('is that of the other side where one has no spread', () => {
    const still = QUIET.map((_, i) => 9.9955 + 1e-7 * i);
    const [low, high] = ratioInterval(still, QUIET, 0.001)!;
    expect(low).toBeCloseTo(10 / 9.9955, 3);
    expect(high).toBeCloseTo(10.1 / 9.9955, 3);
  });
  test('turns over with the sides', () => {
    const next = times(1.3);
    const [low, high] = ratioInterval(QUIET, next, 0.001)!;
    const turned = ratioInterval(next, QUIET, 0.001)!;
    expect(turned[0]).toBeCloseTo(1 / high, 12);
    expect(turned[1]).toBeCloseTo(1 / low, 12);
  });
});

describe('the step of a clock', () => {
  test('is seen where values are equal, and is 0 where none are', () => {
    expect(clockStep([10, 11, 12, 11])).toBe(1);
    expect(clockStep([1.25, 1.375, 1.25])).toBeCloseTo(0.125, 12); // batches of eight calls
    expect(clockStep([10, 10.3, 11])).toBe(0);
  });
  test('is 1 ms at most: values without any spread are no clock of 20 ms', () => {
    expect(clockStep([100, 100, 120, 120])).toBe(1);
    expect(clockStep([100, 100])).toBe(1);
  });
  test('is not what is left of a difference of two readings', () => {
    const reading = (ms: number): number => 123456.7 + ms - 123456.7;
    expect(clockStep([reading(10.1), 10.1, reading(10.2)])).toBeCloseTo(0.1, 6);
  });
  test('two medians one step apart may be the same time; two steps apart are not', () => {
    const all = (ms: number): number[] => new Array<number>(10).fill(ms);
    expect(ratioInterval(all(10), all(11), 0.001)![0]).toBeLessThanOrEqual(1);
    expect(ratioInterval(all(10), all(12), 0.001)).toEqual([11.5 / 10.5, 12.5 / 9.5]);
  });
});

const verdict = (base: readonly number[], next: readonly number[], margin = 0.05) =>
  judge(CELL, [apart(base, next)], { margin, tail: 0.001, firingsToFail: 1 });

describe('one set of processes', () => {
  test('regressed when the ratio is above the margin and the interval above 1', () => {
    expect(verdict(QUIET, times(1.2))).toMatchObject({ verdict: 'regressed', firings: 1, processesNeeded: null });
  });
  test('cannot tell when the ratio is above the margin within the spread', () => {
    const wide = [10, 10, 10, 10, 10, 14, 14, 14, 14, 14.1];
    const found = verdict(wide, [13, 13, 13, 13, 13, 13, 13, 13, 13, 9]);
    expect(found).toMatchObject({ verdict: 'cannot tell', firings: 1, reason: 'the margin lies within the spread' });
  });
  test('not regressed when the interval excludes the margin, and says what it could have seen', () => {
    const found = verdict(QUIET, AGAIN);
    expect(found.verdict).toBe('not regressed');
    expect(found.detectable).toBeGreaterThan(0.05);
    expect(found.detectable).toBeLessThan(0.08);
  });
  test('a slow-down of what it could have seen would have put the whole interval above the margin', () => {
    const { detectable, comparison } = verdict(QUIET, AGAIN);
    const slowed = verdict(QUIET, times((1 + detectable!) / comparison!.ratio, AGAIN));
    expect(slowed.comparison!.interval![0]).toBeCloseTo(1.05, 12);
    expect(slowed.verdict).toBe('regressed');
  });
  test('cannot tell as long as the margin lies within the spread', () => {
    expect(verdict(QUIET, times(1.049)).verdict).toBe('cannot tell');
    expect(verdict(QUIET, times(1.03)).verdict).toBe('not regressed');
  });
  test.each([1, 2, 3, 4, 5, 9])(
    '%d processes a side cannot tell, however far apart, and say how many could',
    (size) => {
      const few = QUIET.slice(0, size);
      for (const factor of [0.1, 1.001, 1.2, 10]) {
        const found = verdict(few, times(factor, few));
        expect(found).toMatchObject({
          verdict: 'cannot tell',
          reason: 'too few processes: 10 a side could',
          processesNeeded: 10,
          detectable: null,
          comparison: { interval: null },
        });
      }
      expect(verdict(few, times(2)).verdict).toBe('cannot tell');
      expect(verdict(QUIET, times(2, few)).verdict).toBe('cannot tell');
    },
  );
  test('five processes of twelve cells, [10 … 10.4] against [11 … 11.4], are not enough', () => {
    const [base, next] = [10, 11].map((ms) => [0, 0.1, 0.2, 0.3, 0.4].map((more) => ms + more)) as [number[], number[]];
    const rules = { margin: 0.05, tail: tailFor(12, 1), firingsToFail: 1 };
    expect(judge(CELL, [apart(base, next)], rules)).toMatchObject({
      verdict: 'cannot tell',
      reason: 'too few processes: 12 a side could',
    });
    const more = (values: number[]): number[] => [
      ...values,
      ...values.map((ms) => ms + 0.01),
      0.02 + values[0]!,
      0.03 + values[1]!,
    ];
    expect(judge(CELL, [apart(more(base), more(next))], rules).verdict).toBe('regressed');
  });
  test('the same measurement twice is not a regression, with one process or many', () => {
    expect(verdict([10], [10]).verdict).toBe('not regressed');
    expect(verdict([10, 20, 30, 40, 50], [10, 20, 30, 40, 50]).verdict).toBe('not regressed');
  });
});

describe('faster', () => {
  test('when the interval lies below 1 by more than the margin: 0.187x', () => {
    const found = verdict(QUIET, times(0.187));
    expect(found).toMatchObject({ verdict: 'faster', reason: 'by more than the margin' });
    expect(verdict(QUIET, times(0.97)).verdict).toBe('not regressed');
  });
  test('and regressed turn over with the sides', () => {
    expect(verdict(QUIET, times(1 / 1.2)).verdict).toBe('faster');
    expect(verdict(times(1 / 1.2), QUIET).verdict).toBe('regressed');
  });
});

describe('pairs of processes', () => {
  /** Times that vary twofold from pair to pair, of sides whose ratio varies by 1 %. */
  const pairs = (factor: number): ProcessSet => {
    const base = QUIET.map((ms, i) => ms * (1 + (i % 4) / 3));
    const ratios = QUIET.map((_, i) => factor * (1 + (i - 4.5) / 450));
    return { base, new: base.map((ms, i) => ms * ratios[i]!), ratios };
  };
  const rules = { margin: 0.05, tail: 0.001, firingsToFail: 1 };
  test('are judged by their ratios, not by their times', () => {
    expect(judge(CELL, [pairs(1.1)], rules)).toMatchObject({ verdict: 'regressed', firings: 1 });
    expect(judge(CELL, [pairs(1)], rules).verdict).toBe('not regressed');
    expect(judge(CELL, [pairs(0.9)], rules).verdict).toBe('faster');
    expect(judge(CELL, [{ ...pairs(1.1), ratios: null }], rules).verdict).toBe('cannot tell');
  });
  test('have the interval of the median of their ratios, over all sets', () => {
    const { comparison } = judge(CELL, [pairs(1), pairs(1)], rules);
    expect(comparison!.ratio).toBeCloseTo(1, 12);
    const sorted = [...pairs(1).ratios!, ...pairs(1).ratios!].sort((a, b) => a - b);
    expect(comparison!.interval).toEqual([sorted[3], sorted[16]]); // P(Binomial(20, 1/2) <= 2) = 0.0002, <= 3: 0.0013
  });
  test('are as many as processes a side have to be', () => {
    const few = ({ base, new: next, ratios }: ProcessSet): ProcessSet => ({
      ...{ base: base.slice(1), new: next.slice(1), ratios: ratios!.slice(1) },
    });
    expect(judge(CELL, [few(pairs(2))], rules)).toMatchObject({ verdict: 'cannot tell', processesNeeded: 10 });
  });
});

describe('the ratio of a pair', () => {
  const [base] = bareRun([CELL], [[1]]).cells as [Cell];
  const cellOf = (...samples: readonly number[][]): Cell => ({
    ...base,
    processes: samples.map((samples_ms, run) => ({ ...base.processes[0]!, run, samples_ms })),
  });
  test('is that of samples of one moment, whatever the moment was like', () => {
    const slow = [1, 1, 3, 3, 2, 2, 9, 1];
    const found = pairRatios(cellOf(slow), cellOf(slow.map((ms) => 1.1 * ms)));
    expect(found).toEqual([expect.closeTo(1.1, 12)]);
  });
  test('leaves out the quarter at each end', () => {
    const next = [1, 1, 1, 1, 1, 1, 50, 0.5];
    expect(pairRatios(cellOf(next.map(() => 1)), cellOf(next))).toEqual([expect.closeTo(1, 12)]);
  });
  test('of a clock of few values lies between them', () => {
    const [base, next] = [
      [10, 10, 11, 10, 10, 11, 10, 10],
      [11, 10, 11, 10, 11, 11, 10, 11],
    ];
    const [ratio] = pairRatios(cellOf(base!), cellOf(next!)) as [number];
    expect(ratio).toBeGreaterThan(1.02);
    expect(ratio).toBeLessThan(1.05);
  });
  test('is of processes of one number', () => {
    const [first, second] = [[1], [2]];
    const turned = { ...cellOf(first, second), processes: [...cellOf(first, second).processes].reverse() };
    expect(pairRatios(cellOf(first, second), turned)).toEqual([1, 1]);
  });
});

describe('several sets of processes', () => {
  const judged = (...sets: readonly (readonly [number, number])[]) =>
    judge(
      CELL,
      sets.map(([base, next]) => apart(times(base), times(next))),
      { margin: 0.05, tail: 0.001, firingsToFail: 2 },
    );
  test('a ratio below the margin is never called above it, whatever a set of it was', () => {
    const found = judged([1, 1.06], [1.2, 1.1]);
    expect(found.comparison!.ratio).toBeLessThan(1);
    expect(found).toMatchObject({ verdict: 'cannot tell', firings: 1 });
    expect(found.reason).not.toContain('above the margin');
  });
  test('two sets above the margin are no regression where all processes together are not', () => {
    const found = judged([1, 1.06], [1.04, 1.1], [1.04, 1.04], [1.04, 1.04]);
    expect(found.firings).toBe(2);
    expect(found.comparison!.ratio).toBeLessThan(1.05);
    expect(found.verdict).not.toBe('regressed');
  });
  test('above the margin in one set alone is said so', () => {
    const found = judged([1, 1.2], [1, 1.04]);
    expect(found.reason).toBe('above the margin, but in 1 of 2 sets of processes');
  });
});
