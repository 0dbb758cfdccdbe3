/** Cells measured late in a process against cells measured early: the test itself, and what the order does to exponents. */
import { randomNormal } from 'd3-random';
import { describe, expect, test } from 'vitest';
import { estimate, type ReplicatedPoint, replicate } from '../../src/analysis/fits/bootstrap.js';
import { fitPowerLaw } from '../../src/analysis/fits/fit.js';
import { shuffledCells } from '../../src/bench/protocol/plan.js';
import { random, shuffled } from '../../src/random.js';
import { orderText } from '../../src/report/sentences.js';
import { type CellId, cellKey, seriesKey } from '../../src/results/cell.js';
import { driftAlong, type OrderedCell, orderOf } from '../../src/results/drift.js';
import { type NoiseProfile, noisyMachine, SHARED_MACHINE, WIDE_PROFILES } from '../support/noise.js';

const LENGTHS = [128, 256, 512, 1024, 2048, 4096];
const CELLS: CellId[] = ['A', 'B'].flatMap((model) =>
  (['prefill', 'generate'] as const).flatMap((phase) => LENGTHS.map((n) => ({ model, phase, n, engine: 'wasm' }))),
);
type Order = (seed: number, run: number) => CellId[];
const ofThisPackage: Order = (seed, run) => shuffledCells(CELLS, seed, run);
/** As before: n goes up in every process. */
const ascending: Order = (seed, run) => {
  const order = shuffledCells(CELLS, seed, run);
  const sorted = new Map<string, CellId[]>();
  for (const series of new Set(order.map(seriesKey))) {
    sorted.set(
      series,
      order.filter((cell) => seriesKey(cell) === series).sort((a, b) => a.n - b.n),
    );
  }
  return order.map((cell) => sorted.get(seriesKey(cell))!.shift()!);
};

/** Processes that take n µs a cell, slower by `drift` at their end than at their start, on a noisy machine. */
function measured(order: Order, drift: number, seed: number, runs = 5, noise: NoiseProfile = SHARED_MACHINE) {
  const nextProcess = noisyMachine(noise, CELLS.length, seed);
  const cells = new Map(
    CELLS.map((cell) => [cellKey(cell), { ...cell, processes: [] as OrderedCell['processes'][0][] }]),
  );
  for (let run = 0; run < runs; run++) {
    const factors = nextProcess();
    for (const [i, cell] of order(seed, run).entries()) {
      const pace = 1 + (drift * i) / (CELLS.length - 1);
      cells
        .get(cellKey(cell))!
        .processes.push({ run, order: i, samples_ms: [9 * cell.n, cell.n * factors[i]! * pace] });
    }
  }
  return [...cells.values()];
}
const driftText = (cells: readonly OrderedCell[]): string => orderText(orderOf(cells));
const SUITES = 400;
const seeds = Array.from({ length: SUITES }, (_, seed) => seed);
const isSeen = (cells: readonly OrderedCell[]) => {
  const { interval } = driftAlong(cells)!;
  return interval[0] > 0 || interval[1] < 0;
};
const share = (order: Order, drift: number, noise?: NoiseProfile) =>
  seeds.filter((seed) => isSeen(measured(order, drift, seed, 5, noise))).length / SUITES;

describe('the test of order against time', () => {
  test('tells the processes of several engines apart', () => {
    const rng = random(1, 'paces');
    const engines = ['wasm', 'torch'];
    const cells = engines.flatMap((engine) =>
      LENGTHS.map(
        (n) => ({ model: 'A', phase: 'prefill', n, engine, processes: [] as OrderedCell['processes'][0][] }) as const,
      ),
    );
    for (let run = 0; run < 3; run++) {
      for (const engine of engines) {
        const pace = 1 + rng.float();
        const order = shuffled(cells.filter((cell) => cell.engine === engine), rng); // biome-ignore format: one thought
        for (const [i, { n, processes }] of order.entries())
          processes.push({ run, order: i, samples_ms: [n * pace * Math.exp(0.1 * (i / 5))] });
      }
    }
    expect(driftAlong(cells)?.change).toBeCloseTo(Math.expm1(0.1), 9);
  });
  test.each([SHARED_MACHINE, ...WIDE_PROFILES])('cries wolf in fewer than 5 % of runs without drift: %j', (noise) => {
    expect(share(ofThisPackage, 0, noise)).toBeLessThan(0.05);
  });
  test('finds a slow-down by 10 % along each process in 95 % of runs', () => {
    expect(share(ofThisPackage, 0.1)).toBeGreaterThan(0.95);
  });
  test('holds for files whose lengths went up in every process', () => {
    expect(share(ascending, 0)).toBeLessThan(0.05);
  });
  test('measures the change: without noise it is exact, however many cells some processes have', () => {
    const quiet = { process: 0.1, cell: 0, drift: 0, slowShare: 0, slowBy: 0 };
    const exact = (order: Order) => {
      const cells = CELLS.map((cell) => ({ ...cell, processes: [] as OrderedCell['processes'][0][] }));
      const normal = randomNormal.source(random(1, 'processes').float)();
      for (let run = 0; run < 5; run++) {
        const factor = Math.exp(quiet.process * normal());
        for (const [i, cell] of order(3, run).entries()) {
          if (run > 2 && i % 3 === 0) continue;
          const ms = cell.n * factor * 1.1 ** (i / (CELLS.length - 1));
          cells.find((one) => cellKey(one) === cellKey(cell))!.processes.push({ run, order: i, samples_ms: [ms] });
        }
      }
      return driftAlong(cells)!;
    };
    for (const order of [ofThisPackage, ascending]) {
      const { change, interval } = exact(order);
      for (const value of [change, ...interval]) expect(value).toBeCloseTo(0.1, 6);
    }
  });
  test('does not judge one process, or the same order in all', () => {
    expect(driftAlong(measured(ofThisPackage, 0.1, 1, 1))).toBeNull();
    expect(driftAlong(measured((seed) => ofThisPackage(seed, 1), 0.1, 1))).toBeNull();
    expect(driftAlong([])).toBeNull();
    expect(driftText([])).toBe('Too few cells and processes to tell a drift along a process.');
  });
});

describe('the sentence', () => {
  test('says how much, and what it means', () => {
    const text = driftText(measured(ofThisPackage, 0.1, 2));
    expect(text).toMatch(/^Cells take \+\d[\d.]* % from the first of a process to its last \(99 % interval \+\d/);
    expect(text).toContain('it widens intervals rather than bending curves');
  });
  test('names a speed-up by its sign', () => {
    expect(driftText(measured(ofThisPackage, -0.1, 2))).toMatch(/^Cells take −\d/);
  });
  test('says of a file whose lengths went up in every process that a part of it is in the exponents', () => {
    expect(driftText(measured(ascending, 0.2, 2))).toContain('a part of it is in the exponents');
  });
  test('says that it cannot tell where the interval holds no drift as well as a large one', () => {
    const text = driftText(measured(ofThisPackage, 0, 3, 5, { ...SHARED_MACHINE, cell: 0.5 }));
    expect(text).toMatch(/^It cannot be told whether there is a drift along a process: [+−]\d/);
  });
  test('says that none is seen, or that one process cannot tell', () => {
    expect(driftText(measured(ofThisPackage, 0, 3))).toMatch(/^No drift along a process is seen: [+−]\d/);
    expect(driftText(measured(ofThisPackage, 0, 3, 1))).toMatch(/cannot be told from growth here.*in every process/);
  });
});

/** Share of runs whose 95 % interval of the log-log exponent holds the true one. */
function coverage(order: Order, drift: number): number {
  const runs = seeds.slice(0, 200);
  const hits = runs.filter((seed) => {
    const points = measured(order, drift, seed).slice(0, LENGTHS.length).map(toPoint);
    const [own] = replicate([points], seed, 500);
    const { ci } = estimate(own!, (times) => fitPowerLaw(times.map((t, i) => ({ n: LENGTHS[i]!, t }))).exponent);
    return ci![0] <= 1 && ci![1] >= 1;
  });
  return hits.length / runs.length;
}
const toPoint = ({ n, processes }: OrderedCell): ReplicatedPoint => ({
  n,
  processes: processes.map(({ samples_ms }) => Math.min(...samples_ms)),
});

describe('a machine that slows down by 10 % along each process', () => {
  test('does not bend curves: intervals of the exponent hold it as often as without', () => {
    expect(coverage(ofThisPackage, 0)).toBeGreaterThanOrEqual(0.93);
    expect(coverage(ofThisPackage, 0.1)).toBeGreaterThanOrEqual(0.93);
  });
  test('did, as long as lengths went up in every process', () => {
    expect(coverage(ascending, 0.1)).toBeLessThan(0.5);
  });
});
