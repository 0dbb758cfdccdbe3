import { expect, test } from 'vitest';
import { type CurveAt, curveAt, type KnownAt, ratioAt } from '../../../src/analysis/fits/curve_at.js';
import { floorOf } from '../../../src/analysis/fits/scaling.js';
import { measure, replicated } from './measure.js';

const known = (at: CurveAt): KnownAt => {
  if (at.source === 'unknown') throw new Error(at.reason);
  return at;
};

/** The second curve's last shape is no power beside a floor, but short lengths and noise may not show it. */
const CASES: readonly [name: string, own: number, f: (n: number) => number, g: (n: number) => number][] = [
  ['of two powers beside floors', 0.02, (n) => 5 + 0.05 * n, (n) => 2 + 2e-5 * n * n],
  ['of two powers', 0.03, (n) => 0.05 * n, (n) => 2e-5 * n * n],
  ['to linear and quadratic parts', 0.06, (n) => 5 + 0.05 * n, (n) => 2 + 0.05 * n + 1e-5 * n * n],
];

test.each(CASES)('the interval of a ratio beyond what was measured holds the truth: %s', (_name, own, f, g) => {
  const truth = f(16_384) / g(16_384);
  const runs = Array.from({ length: 30 }, (_, seed) => {
    const noise = { own, shared: 0.05, processes: 5 };
    const curves = replicated(measure(f, { ...noise, seed: `a${seed}` }), measure(g, { ...noise, seed: `b${seed}` }));
    const ats = curves.map((curve) => curveAt(curve, floorOf(curve), 16_384));
    return ats.some(({ source }) => source === 'unknown') ? [] : [ratioAt(known(ats[0]!), known(ats[1]!))];
  }).flat();
  expect(runs.length).toBeGreaterThan(10);
  expect(new Set(runs.map(({ source }) => source))).toEqual(new Set(['beyond']));
  const intervals = runs.map(({ ratio: { ci } }) => ci!);
  const holds = intervals.filter(([low, high]) => low <= truth && truth <= high).length;
  expect(holds / intervals.length).toBeGreaterThan(0.9);
  expect(intervals.filter(([low, high]) => high / low < 6).length / intervals.length).toBeGreaterThan(0.8);
});

test('between two lengths a curve is a line of logarithms; at one it is what was measured; before the first nothing', () => {
  const [own] = replicated(measure((n) => n ** 2, { own: 0 }, [4, 16, 64, 256, 1024]));
  const at = (n: number): CurveAt => curveAt(own!, floorOf(own!), n);
  expect(at(16)).toMatchObject({ source: 'measured', fits: [{ times: [256] }] });
  expect(known(at(32)).source).toBe('between');
  expect(known(at(32)).fits[0]!.times[0]).toBeCloseTo(1024, 8);
  expect(at(2)).toEqual({ source: 'unknown', reason: 'only longer ones were measured' });
});
