import { describe, expect, test } from 'vitest';
import { type CurveAt, curveAt, type KnownAt, ratioAt } from '../../../src/analysis/fits/curve_at.js';
import { floorOf } from '../../../src/analysis/fits/scaling.js';
import { measure, replicated } from './measure.js';

const known = (at: CurveAt): KnownAt => {
  if (at.source === 'unknown') throw new Error(at.reason);
  return at;
};

describe('a ratio beyond what was measured', () => {
  const linear = (n: number): number => 5 + 0.05 * n;
  const square = (n: number): number => 2 + 2e-5 * n * n;
  const truth = linear(16_384) / square(16_384);

  test('has an interval that holds the truth in about 95 of 100 runs, and is not as wide as to say nothing', () => {
    const runs = Array.from({ length: 40 }, (_, seed) => {
      const noise = { own: 0.02, shared: 0.05, processes: 9 };
      const [a, b] = replicated(
        measure(linear, { ...noise, seed: `a${seed}` }),
        measure(square, { ...noise, seed: `b${seed}` }),
      );
      const ats = [a!, b!].map((own) => curveAt(own, floorOf(own), 16_384));
      return ats.some(({ source }) => source === 'unknown') ? [] : [ratioAt(known(ats[0]!), known(ats[1]!))];
    }).flat();
    expect(runs.length).toBeGreaterThan(30);
    expect(new Set(runs.map(({ source }) => source))).toEqual(new Set(['beyond']));
    const intervals = runs.map(({ ratio: { ci } }) => ci!);
    const holds = intervals.filter(([low, high]) => low <= truth && truth <= high).length;
    expect(holds / intervals.length).toBeGreaterThan(0.87);
    expect(intervals.filter(([low, high]) => high / low < 2).length / intervals.length).toBeGreaterThan(0.8);
  });
});

test('between two lengths a curve is a line of logarithms; at one it is what was measured; before the first nothing', () => {
  const [own] = replicated(measure((n) => n ** 2, { own: 0 }, [4, 16, 64, 256, 1024]));
  const at = (n: number): CurveAt => curveAt(own!, floorOf(own!), n);
  expect(at(16)).toMatchObject({ source: 'measured', fits: [{ times: [256] }] });
  expect(known(at(32)).source).toBe('between');
  expect(known(at(32)).fits[0]!.times[0]).toBeCloseTo(1024, 8);
  expect(at(2)).toEqual({ source: 'unknown', reason: 'only longer ones were measured' });
});
