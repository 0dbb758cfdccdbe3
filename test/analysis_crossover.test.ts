import { describe, expect, test } from 'vitest';
import type { Replicates } from '../src/analysis/bootstrap.js';
import { crossover } from '../src/analysis/crossover.js';
import { median } from '../src/statistics.js';
import { measure, replicated } from './measure.js';

const between = (f: (n: number) => number, g: (n: number) => number, seed = '') => {
  const noise = { own: 0.02, shared: 0.05 };
  const [a, b] = replicated(measure(f, { ...noise, seed: `a${seed}` }), measure(g, { ...noise, seed: `b${seed}` })) as [
    Replicates,
    Replicates,
  ];
  return crossover(a, b);
};

describe('cross-over', () => {
  test('of a line with a floor and a steeper line lies where they are equal: 1000, in the interval of most runs', () => {
    const runs = Array.from({ length: 100 }, (_, seed) =>
      between(
        (n) => 10 + 0.01 * n,
        (n) => 0.02 * n,
        String(seed),
      ),
    );
    const confident = runs.flatMap((run) => (run.kind === 'one' && run.ci !== null ? [{ ...run, ci: run.ci }] : []));
    expect(confident.length).toBeGreaterThan(95);
    expect(confident.every(({ fasterAfter }) => fasterAfter === 'a')).toBe(true);
    expect(median(confident.map(({ n }) => n))).toBeCloseTo(1000, -2);
    const covered = confident.filter(({ ci }) => ci[0] <= 1000 && 1000 <= ci[1]).length / confident.length;
    expect(covered).toBeGreaterThan(0.9);
  });

  test('is none in range when one model is faster everywhere', () => {
    const [slow, fast] = [(n: number) => 2 * n, (n: number) => n];
    expect(between(fast, slow)).toEqual({ kind: 'none', faster: 'a' });
    expect(between(slow, fast)).toEqual({ kind: 'none', faster: 'b' });
  });

  test('of equal models is not a confident number', () => {
    const runs = Array.from({ length: 20 }, (_, seed) =>
      between(
        (n) => n,
        (n) => n,
        String(seed),
      ),
    );
    expect(runs.filter(({ kind }) => kind === 'unclear').length).toBeGreaterThan(17);
  });

  test.each([
    ['upper', 39, 1, Infinity],
    ['lower', 1.31, 0, 0],
  ])('near the %s end of the range may have an interval that leaves it', (_, floor, side, beyond) => {
    const runs = Array.from({ length: 20 }, (_, seed) =>
      between(
        (n) => floor + 0.01 * n,
        (n) => 0.02 * n,
        String(seed),
      ),
    );
    const ends = runs.flatMap((run) => (run.kind === 'one' && run.ci !== null ? [run.ci[side] as number] : []));
    expect(ends).toContain(beyond);
    expect(ends.every((end) => end === beyond || (end >= 128 && end <= 4096))).toBe(true);
  });
});
