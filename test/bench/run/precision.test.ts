import { randomNormal } from 'd3-random';
import { describe, expect, test } from 'vitest';
import { createPace } from '../../../src/bench/run/pace.js';
import {
  type Evidence,
  halfWidthPct,
  mostProcesses,
  needsMore,
  type StoppingRule,
  stopReason,
} from '../../../src/bench/run/precision.js';
import { random } from '../../../src/random.js';
import { type Interval, median, medianInterval } from '../../../src/statistics.js';
import { cellsOf } from '../../support/fake_worker.js';

const RULE: StoppingRule = { runs: 5, precisionPct: 2.5, maxTimeS: 175 };
const seen = (processes: number, halfWidth: number | null): Evidence => ({ processes, halfWidthPct: halfWidth });

test('the half-width is that of the 95 % interval, in percent of the value', () => {
  expect(halfWidthPct({ value_ms: 200, ci95_ms: [190, 206] })).toBe(4);
  expect(halfWidthPct({ value_ms: 200, ci95_ms: null })).toBeNull();
});

test('a cell may have three times as many processes as were asked for, where they have intervals and there is time', () => {
  expect(mostProcesses(RULE)).toBe(15);
  expect(mostProcesses({ ...RULE, runs: 7 })).toBe(21);
  expect(mostProcesses({ ...RULE, runs: 4 })).toBe(4);
  expect(mostProcesses({ ...RULE, maxTimeS: 0 })).toBe(5);
});

describe('a cell needs more', () => {
  test.each<[string, Evidence, Partial<StoppingRule>, boolean]>([
    ['until the first processes ran, however alike they are', seen(4, null), {}, true],
    ['when its interval is wider than was asked for', seen(5, 2.6), {}, true],
    ['not when it is as wide', seen(5, 2.5), {}, false],
    ['in the midst of a set, however narrow its interval is', seen(7, 0.1), {}, true],
    ['not when a further set made it narrow', seen(10, 1), {}, false],
    ['not when it has three times as many', seen(15, 9), {}, false],
    ['not when fewer than 5 give no interval', seen(3, null), { runs: 3 }, false],
    ['not when no time is given', seen(5, 9), { maxTimeS: 0 }, false],
  ])('%s', (_, evidence, change, needs) => {
    expect(needsMore(evidence, { ...RULE, ...change })).toBe(needs);
  });
});

test.each<[string, Evidence, Partial<StoppingRule>]>([
  ['precise to 1.8 %', seen(5, 1.83), {}],
  ['precise to 2.5 %', seen(15, 2.5), {}],
  ['all 15 processes ran, precise to 4.2 %', seen(15, 4.21), {}],
  ['all 5 processes ran, precise to 120 %', seen(5, 123.4), { maxTimeS: 0 }],
  ['time was up (175 s), precise to 4.2 %', seen(5, 4.2), {}],
  ['time was up (175 s), precise to 1.2 %', seen(7, 1.2), {}],
  ['1 process: too few for an interval (5)', seen(1, null), { runs: 1 }],
  ['4 processes: too few for an interval (5)', seen(4, null), { runs: 4 }],
])('the reason to stop is in plain words: %s', (reason, evidence, change) => {
  expect(stopReason(evidence, { ...RULE, ...change }, true)).toBe(reason);
});

test('while a run goes on, only a cell that needs no more has a reason', () => {
  expect(stopReason(seen(1, null), RULE, false)).toBe('1 process so far');
  expect(stopReason(seen(7, 4), RULE, false)).toBe('7 processes so far');
  expect(stopReason(seen(10, 1), RULE, false)).toBe('precise to 1 %');
});

test('a process is expected to start and to take its cells as slowly as any before it', () => {
  let ms = 0;
  const pace = createPace(() => ms);
  const [a, b, unknown] = cellsOf(['A'], [8, 16]) as [never, never, never];
  const after = (elapsed: number, heard: Parameters<typeof pace.hear>[0]) => {
    ms += elapsed;
    pace.hear(heard);
  };
  for (const slowness of [1, 3, 2]) {
    after(200 * slowness, { type: 'ready', engine: 'wasm' } as never);
    after(1, { type: 'start', cell: a, isLast: true });
    after(10 * slowness, { type: 'measured', cell: a } as never);
    after(1, { type: 'start', cell: b, isLast: true });
    after(50, { type: 'measured', cell: b } as never);
  }
  expect(pace.expectedMs([])).toBe(0);
  expect(pace.expectedMs([unknown])).toBe(600);
  expect(pace.expectedMs([a, b, unknown])).toBe(600 + 30 + 50);
});

describe('intervals of cells that stop by their own precision, processes within 4 %', () => {
  const REPEATS = 1500;
  const normal = randomNormal.source(random(1, 'coverage').float)();
  const sizes: number[] = [];
  let covered = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const values: number[] = [];
    let interval: Interval | null = null;
    let evidence = seen(0, null);
    while (needsMore(evidence, RULE)) {
      values.push(Math.exp(0.04 * normal()));
      if (values.length % RULE.runs !== 0) {
        evidence = seen(values.length, null);
        continue;
      }
      interval = medianInterval(values) as Interval;
      evidence = seen(values.length, halfWidthPct({ value_ms: median(values), ci95_ms: [...interval] }));
    }
    sizes.push(values.length);
    if (interval !== null && interval[0] <= 1 && 1 <= interval[1]) covered++;
  }

  test('still hold the truth in 91 % of runs', () => {
    expect(covered / REPEATS).toBeGreaterThanOrEqual(0.91);
  });
  test('come from 5, 10 and 15 processes', () => {
    expect([...new Set(sizes)].sort((a, b) => a - b)).toEqual([5, 10, 15]);
  });
});
