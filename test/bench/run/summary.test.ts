import { expect, test } from 'vitest';
import { summarize, tokensOf } from '../../../src/bench/run/summary.js';
import type { ProcessRun } from '../../../src/results/schema.js';

const processOf = (samples: number[], steps: number[] | null = null): ProcessRun => ({
  run: 0,
  order: 0,
  warmup_ms: [100],
  compile_ms: 0,
  samples_ms: samples,
  steps: steps && 32,
  steps_ms: steps,
  batch: 1,
  peak_rss_bytes: 1,
  leaked_tensors: 0,
});
const summaryOf = (...processes: ProcessRun[]) => summarize(processes, 1);

test('the value of a cell is the median over processes of the least sample', () => {
  const { value_ms, range_ms } = summaryOf(processOf([9, 4, 9]), processOf([1, 50]), processOf([30, 20]));
  expect(value_ms).toBe(4);
  expect(range_ms).toEqual([1, 20]);
});

test('fewer than 5 processes give a range and no interval', () => {
  const four = [1, 2, 3, 4].map((value) => processOf([value]));
  expect(summaryOf(...four).ci95_ms).toBeNull();
  expect(summaryOf(...four, processOf([5])).ci95_ms).not.toBeNull();
});

test('the interval holds the value, and of five processes reaches a little beyond their range', () => {
  const processes = [10, 11, 12, 13, 30].map((value) => processOf([value]));
  const { ci95_ms, range_ms, value_ms } = summaryOf(...processes);
  const [low, high] = ci95_ms as [number, number];
  expect(low).toBeLessThanOrEqual(value_ms);
  expect(high).toBeGreaterThanOrEqual(value_ms);
  expect(low).toBeLessThan(range_ms[0]);
  expect(low).toBeGreaterThan(range_ms[0] ** 2 / range_ms[1]);
  expect(high).toBeGreaterThan(range_ms[1]);
  expect(summaryOf(...processes).ci95_ms).toEqual(ci95_ms);
});

test('outliers are counted by how far they are, and none is dropped', () => {
  const { outliers, max_ms, p50_ms } = summaryOf(processOf([10, 11, 12, 13, 14, 18, 1000]));
  expect(outliers).toEqual({ mild: 0, severe: 1 });
  expect(max_ms).toBe(1000);
  expect(p50_ms).toBe(13);
  expect(summaryOf(processOf([10, 11, 12, 13, 14, 25])).outliers).toEqual({ mild: 1, severe: 0 });
});

test('the slowest single step of a chunk is kept beside the median step', () => {
  const chunk = [1, 1, 1, 5];
  const { step_p50_ms, step_max_ms } = summaryOf(processOf([2], chunk), processOf([2], chunk), processOf([2], [1, 9]));
  expect(step_p50_ms).toBe(1);
  expect(step_max_ms).toBe(5);
  expect(summaryOf(processOf([2])).step_max_ms).toBeNull();
});

test('the first sample is shown apart', () => {
  expect(summaryOf(processOf([7, 1]), processOf([9, 1]), processOf([8, 1])).first_ms).toBe(8);
});

test('variation within a process and between processes are apart', () => {
  const steady = summaryOf(processOf([10, 10]), processOf([20, 20]));
  expect(steady.cv_within).toBe(0);
  expect(steady.cv_between).toBeCloseTo((Math.SQRT1_2 * 10) / 15, 9);
});

test('tokens per second are those a call stands for: the prompt in prefill, the emitted ones elsewhere', () => {
  const cell = { model: 'A', n: 512, engine: 'wasm' };
  expect(tokensOf({ ...cell, phase: 'prefill' }, 32)).toBe(512);
  expect(tokensOf({ ...cell, phase: 'decode' }, 32)).toBe(1);
  expect(tokensOf({ ...cell, phase: 'generate' }, 32)).toBe(32);
  expect(tokensOf({ ...cell, phase: 'recompute' }, 32)).toBe(32);
  expect(summarize([processOf([20])], 512).tokens_per_s).toBeCloseTo(25600, 6);
});
