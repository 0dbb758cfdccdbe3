import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkedLengths,
  decodeSteps,
  promptTokens,
  shuffledCells,
  singleSteps,
  wholePeriods,
} from '../../../src/bench/protocol/plan.js';
import { type CellId, cellKey, isLonger, seriesKey } from '../../../src/results/cell.js';

const LENGTHS = [8, 16, 32, 64];
const CELLS: CellId[] = ['A', 'B'].flatMap((model) =>
  (['prefill', 'decode', 'generate'] as const).flatMap((phase) =>
    LENGTHS.map((n) => ({ model, phase, n, engine: 'wasm' })),
  ),
);
const keys = (cells: readonly CellId[]) => cells.map(cellKey);
const seedAndRun = [fc.nat(), fc.nat({ max: 50 })] as const;

test('the order of a process is a permutation of the cells', () => {
  fc.assert(
    fc.property(...seedAndRun, (seed, run) => {
      expect(keys(shuffledCells(CELLS, seed, run)).sort()).toEqual(keys(CELLS).sort());
    }),
  );
});

const lengthsOf = (order: readonly CellId[], series: string) =>
  order.filter((cell) => seriesKey(cell) === series).map(({ n }) => n);
const ascends = (lengths: readonly number[]) => lengths.every((n, i) => i === 0 || n > lengths[i - 1]!);

test('n ascends within a series in the first process, in whatever order the cells are given', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(CELLS), fc.nat(), (cells, seed) => {
      const order = shuffledCells(cells, seed, 0);
      for (const series of new Set(order.map(seriesKey))) expect(ascends(lengthsOf(order, series))).toBe(true);
    }),
  );
});

test('in later processes any order of n within a series is as likely as another, and differs between processes', () => {
  const processes = Array.from({ length: 600 }, (_, i) => shuffledCells(CELLS, 1, i + 1));
  for (const series of new Set(CELLS.map(seriesKey))) {
    const orders = processes.map((order) => lengthsOf(order, series).join(' '));
    expect(new Set(orders).size).toBe(24);
    const up = orders.filter((order) => order === LENGTHS.join(' ')).length; // 25 of 600 expected
    expect(up).toBeGreaterThan(5);
    expect(up).toBeLessThan(50);
  }
});

test('longer cells are those of the same series with more tokens', () => {
  const cell = { model: 'A', phase: 'prefill', n: 16, engine: 'wasm' } as const;
  const longer = CELLS.filter((other) => isLonger(other, cell));
  expect(keys(longer)).toEqual(['A prefill 32 wasm', 'A prefill 64 wasm']);
});

test('the same seed and run give the same order, another run or seed another one', () => {
  const order = keys(shuffledCells(CELLS, 1, 0));
  expect(keys(shuffledCells(CELLS, 1, 0))).toEqual(order);
  expect(keys(shuffledCells(CELLS, 1, 1))).not.toEqual(order);
  expect(keys(shuffledCells(CELLS, 2, 0))).not.toEqual(order);
});

test('every series comes first in some process', () => {
  const first = Array.from({ length: 100 }, (_, run) => seriesKey(shuffledCells(CELLS, 1, run)[0] as CellId));
  expect(new Set(first)).toEqual(new Set(CELLS.map(seriesKey)));
});

test('whole periods are the fewest that are enough', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }), (period, least) => {
      const tokens = wholePeriods(period, least);
      expect(tokens % period).toBe(0);
      expect(tokens).toBeGreaterThanOrEqual(least);
      expect(tokens - period).toBeLessThan(least);
    }),
  );
  expect(wholePeriods(null, 33)).toBe(33);
});

test.each([
  [null, 32, 32],
  [1, 32, 1],
  [12, 36, 12],
  [32, 32, 32],
  [128, 128, 128],
  [200, 200, 128],
])('a model of period %j decodes for %i steps, and %i alone', (period, steps, single) => {
  expect(decodeSteps(period)).toBe(steps);
  expect(singleSteps(period)).toBe(single);
});

test('a model is checked over two whole periods and some tokens more', () => {
  expect(checkedLengths(null)).toEqual([1, 64, 129, 132]);
  expect(checkedLengths(8)).toEqual([1, 64, 129, 132]);
  expect(checkedLengths(100)).toEqual([1, 100, 201, 204]);
});

describe('the prompt of a cell', () => {
  const prompt = { batchSize: 2, seed: 1, shape: { vocab_size: 5 } };

  test('is the bytes that were given, from the start again where they end, the same in every row', () => {
    const row = [4, 2, 3, 4, 2, 3, 4];
    expect(promptTokens({ ...prompt, promptBytes: [4, 2, 3] }, 7)).toEqual([row, row]);
  });

  test('is random ids of the vocabulary, decided by the seed', () => {
    const random = { ...prompt, promptBytes: null };
    const tokens = promptTokens(random, 500);
    expect(tokens.map((row) => row.length)).toEqual([500, 500]);
    expect(new Set(tokens.flat())).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(promptTokens(random, 500)).toEqual(tokens);
    expect(promptTokens({ ...random, seed: 2 }, 500)).not.toEqual(tokens);
  });
});
