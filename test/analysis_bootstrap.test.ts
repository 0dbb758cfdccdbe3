import { describe, expect, test } from 'vitest';
import {
  estimate,
  estimatePair,
  floorExponent,
  isLogLogBiased,
  powerLawExponent,
  type ReplicatedPoint,
  type Replicates,
  replicate,
} from '../src/analysis/bootstrap.js';
import { crossover } from '../src/analysis/crossover.js';
import { random } from '../src/random.js';
import { median } from '../src/statistics.js';

const LENGTHS = [128, 256, 512, 1024, 2048, 4096];
const N0 = Math.sqrt(128 * 4096);

interface Noise {
  readonly processes?: number;
  readonly own?: number;
  readonly shared?: number;
  readonly seed?: string;
}

/** Processes of f(n) with noise of each cell (own) and of each process on all its cells (shared). */
function measure(
  f: (n: number) => number,
  { processes = 5, own = 0.03, shared = 0, seed = '' }: Noise = {},
  lengths: readonly number[] = LENGTHS,
): ReplicatedPoint[] {
  const rng = random(1, seed);
  const factors = Array.from({ length: processes }, () => Math.exp(shared * rng.normal()));
  return lengths.map((n) => ({ n, processes: factors.map((factor) => f(n) * factor * Math.exp(own * rng.normal())) }));
}

function replicated(...curves: readonly ReplicatedPoint[][]): Replicates[] {
  return replicate(curves, 1, 300);
}

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
    const ratio = estimatePair(b, a, (tb, ta) => (tb[0] ?? 0) / (ta[0] ?? 0));
    expect(ratio).toEqual({ value: expect.closeTo(2, 9), ci: [expect.closeTo(2, 9), expect.closeTo(2, 9)] });
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
    expect(widthAt(5)).toBe(4);
    expect(widthAt(15)).toBe(4);
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
