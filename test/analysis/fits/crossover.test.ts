import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Replicates } from '../../../src/analysis/fits/bootstrap.js';
import { type Crossover, crossover } from '../../../src/analysis/fits/crossover.js';
import { findCrossover, type Observation } from '../../../src/analysis/fits/scaling.js';
import { median } from '../../../src/statistics.js';
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

describe('order and ties', () => {
  const curve = (times: readonly number[]): Observation[] => times.map((t, i) => ({ n: 2 ** i, t }));
  const flat = curve([4, 4, 4, 4, 4]);
  const swap = (found: Crossover): Crossover => {
    const other = { a: 'b', b: 'a' } as const;
    if (found.kind === 'none') return { ...found, faster: other[found.faster] };
    const isSided = found.kind === 'one' || found.kind === 'settled';
    return isSided ? { ...found, fasterAfter: other[found.fasterAfter] } : found;
  };

  test('swapping the two curves swaps their names and nothing else, ties among them', () => {
    const time = fc.constantFrom(1, 2, 2, 2, 3, 3.1);
    const times = fc.array(fc.array(time, { minLength: 5, maxLength: 5 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(times, times, (a, b) => {
        const [one, other] = [a, b].map((all) => all.map((t, i) => ({ n: 2 ** i, t })));
        expect(findCrossover(other!, one!)).toEqual(swap(findCrossover(one!, other!)));
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });

  test.each([
    ['the last', [1, 2, 3, 3.5, 4]],
    ['the first', [4, 3, 2, 2, 2]],
    ['a middle', [3, 3, 4, 3, 3]],
  ])('a tie at %s length alone is no crossing', (_, times) => {
    expect(findCrossover(curve(times), flat)).toEqual({ kind: 'none', faster: 'a' });
    expect(findCrossover(flat, curve(times))).toEqual({ kind: 'none', faster: 'b' });
  });

  test('a tie between the two orders is where they cross', () => {
    expect(findCrossover(curve([1, 2, 4, 5, 6]), flat)).toEqual({
      kind: 'one',
      fasterAfter: 'b',
      n: expect.closeTo(4, 9),
      ci: null,
    });
  });

  test('identical curves are the same at all n; equal medians of processes that differ are too close to tell', () => {
    expect(findCrossover(flat, flat)).toEqual({ kind: 'same' });
    const spread = flat.map(({ n }) => ({ n, t: [3, 3.5, 4, 4.5, 5] }));
    const other = flat.map(({ n }) => ({ n, t: [5, 3.5, 4, 4.5, 3] }));
    expect(findCrossover(spread, spread)).toEqual({ kind: 'same' });
    expect(findCrossover(spread, other)).toEqual({ kind: 'unclear', reason: 'too close to tell' });
  });

  test('an order that changes and changes back is not clear', () => {
    expect(findCrossover(curve([5, 3, 5, 5, 5]), flat)).toEqual({
      kind: 'unclear',
      reason: 'the order changes 2 times',
    });
  });
});

describe('of curves that are close at first', () => {
  const around = (times: readonly number[]) => times.map((t, i) => ({ n: 2 ** i, t: [-2, 1, 0, -1, 2].map((k) => t * (1 + 0.02 * k)) })); // biome-ignore format: one thought
  const rotated = (times: readonly number[]) => times.map((t, i) => ({ n: 2 ** i, t: [1, -2, 2, 0, -1].map((k) => t * (1 + 0.02 * k)) })); // biome-ignore format: one thought

  test('the order is settled at the shortest length from which on it is sure', () => {
    expect(findCrossover(around([10, 20, 40, 80, 160]), rotated([10, 20.1, 50, 120, 300]))).toEqual({
      ...{ kind: 'settled', fasterAfter: 'a', n: 4 },
      reason: 'too close to tell',
    });
    expect(findCrossover(around([10.1, 9.9, 10.1, 9.9, 30]), rotated([10, 10, 10, 10, 10]))).toMatchObject({
      ...{ kind: 'settled', fasterAfter: 'b', n: 16 },
    });
  });

  test('a sure order that is not the last one settles nothing', () => {
    expect(findCrossover(around([10, 30, 10, 10, 10]), rotated([10, 10, 10.1, 9.9, 10])).kind).toBe('unclear');
  });
});

test('two crossings between neighbouring lengths, which the times hide, are found by the fitted curves', () => {
  const lengths = [1, 4, 16, 64, 256, 1024, 4096];
  const line = lengths.map((n) => ({ n, t: 100 + n }));
  // 20.05 √n is above 100 + n between n = 86 and 116 alone.
  const hidden = findCrossover(
    line,
    lengths.map((n) => ({ n, t: 20.05 * n ** 0.5 })),
  );
  expect(hidden).toEqual({
    kind: 'unclear',
    reason: 'the fitted curves cross twice between n = 64 and 256: measure there',
  });
});
