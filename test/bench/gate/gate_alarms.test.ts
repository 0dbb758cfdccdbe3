/**
 * Suites of identical code: at most 1 % of them may alarm, whatever the number of cells, the spread of each side, the
 * shape of the noise and the clock. Cells are independent here, which is the worst case: one slow process slows them all
 * on a real machine. The table of docs/gate.md is `GATE_VERDICTS=30000 npx vitest run test/bench/gate/gate_alarms.test.ts`.
 */
import { randomNormal } from 'd3-random';
import { describe, expect, test } from 'vitest';
import { type Source, timedGate } from '../../../src/bench/gate/gate.js';
import { valuesNeeded } from '../../../src/bench/gate/median_ratio.js';
import { judge, tailFor } from '../../../src/bench/gate/timed.js';
import { type Random, random } from '../../../src/random.js';
import { apart, bareRun, pairsOf, suiteCells } from './suites.js';

const VERDICTS = Number(process.env['GATE_VERDICTS'] ?? 1500);
const MARGIN = 0.05;
const [CELL] = suiteCells(1) as [ReturnType<typeof suiteCells>[number]];
const normal = (rng: Random): number => randomNormal.source(rng.float)()();
const exponential = (rng: Random): number => -Math.log(1 - rng.float());

/** The logarithm of a process's multiplier, of median 0, for a spread of 1. */
const SHAPES = {
  normal,
  'one-sided': (rng: Random) => exponential(rng) - Math.LN2,
  'heavy tails': (rng: Random) => normal(rng) / Math.sqrt(exponential(rng)),
  'two speeds': (rng: Random) => (rng.float() < 0.5 ? -1 : 1) + 0.05 * normal(rng),
};
type Shape = keyof typeof SHAPES;
const SPREADS = [
  [0.02, 0.02],
  [0.15, 0.15],
  [0.15, 0.02],
  [0.02, 0.15],
  [0.15, 0.06],
] as const;

const draw = (count: number, ms: number, shape: Shape, spread: number, rng: Random): number[] =>
  Array.from({ length: count }, () => ms * Math.exp(spread * SHAPES[shape](rng)));

/** Share of suites in which an independent cell of this alarm rate alarms. */
const ofSuites = (alarms: number, verdicts: number, cells: number): number => 1 - (1 - alarms / verdicts) ** cells;

/** Alarms of single cells, judged as those of a suite of `cells`. */
function alarms(cells: number, sides: (rng: Random) => { base: number[]; new: number[] }, name: string): number {
  const rng = random(1, name);
  const rules = { margin: MARGIN, tail: tailFor(cells, 1), firingsToFail: 1 };
  return Array.from({ length: VERDICTS }, () => judge(CELL, [{ ...sides(rng), ratios: null }], rules)).filter(
    ({ verdict }) => verdict === 'regressed',
  ).length;
}

/** Where the number of verdicts is given: a row for docs/gate.md. */
function report(cells: number, processes: number, shape: Shape, counts: readonly number[]): void {
  if (process.env['GATE_VERDICTS'] === undefined) return;
  const percents = counts.map((count) => `${(100 * ofSuites(count, VERDICTS, cells)).toFixed(2)} %`);
  console.log(`| ${[cells, processes, shape, ...percents].join(' | ')} |`);
}

describe.each([1, 12, 200])('stored runs of %d cells', (cells) => {
  const needed = valuesNeeded(tailFor(cells, 1));
  test.each([needed, 20])(
    '%d processes a side: at most 1 % of suites alarm, all shapes and spreads together',
    (size) => {
      const shapes = Object.keys(SHAPES) as Shape[];
      const counts = shapes.flatMap((shape) => {
        const ofShape = SPREADS.map(([ofBase, ofNew]) => {
          const sides = (rng: Random) => ({
            base: draw(size, 10, shape, ofBase, rng),
            new: draw(size, 10, shape, ofNew, rng),
          });
          return alarms(cells, sides, `${cells} ${size} ${shape} ${ofBase} ${ofNew}`);
        });
        report(cells, size, shape, ofShape);
        return ofShape;
      });
      const total = counts.reduce((sum, count) => sum + count, 0);
      expect(ofSuites(total, counts.length * VERDICTS, cells)).toBeLessThanOrEqual(0.01);
    },
  );
  test('20 processes a side find 20 % where processes differ by 2 %', () => {
    const rng = random(2, `${cells} slower`);
    const rules = { margin: MARGIN, tail: tailFor(cells, 1), firingsToFail: 1 };
    for (let suite = 0; suite < 100; suite++) {
      const sides = apart(draw(20, 10, 'normal', 0.02, rng), draw(20, 12, 'normal', 0.02, rng));
      expect(judge(CELL, [sides], rules).verdict).toBe('regressed');
    }
  });
});

describe('a clock of 1 ms, at the edge of a step', () => {
  /** Least of five differences of two readings that are cut to whole ms, or a time that is rounded. */
  const CLOCKS = {
    cut: (ms: number, rng: Random) => Math.min(...Array.from({ length: 5 }, () => Math.floor(ms + rng.float()))),
    rounded: (ms: number) => Math.round(ms),
  };
  test.each(['cut', 'rounded'] as const)(
    '%s: identical code, and code slower by 1 %, is not called regressed',
    (name) => {
      for (const spread of [0.003, 0.02]) {
        for (const [baseMs, slowdown] of [10.45, 10.95, 3.49].flatMap((ms) =>
          [0, 0.01].map((slower) => [ms, slower] as const),
        )) {
          const read = (ms: number, rng: Random): number[] =>
            draw(20, ms, 'normal', spread, rng).map((value) => CLOCKS[name](value, rng));
          const sides = (rng: Random) => ({ base: read(baseMs, rng), new: read(baseMs * (1 + slowdown), rng) });
          expect(alarms(12, sides, `${name} ${spread} ${baseMs} ${slowdown}`), `${baseMs} ms`).toBe(0);
        }
      }
    },
  );
  test('code slower by a third is found all the same', () => {
    const sides = (rng: Random) => ({
      base: draw(20, 10.45, 'normal', 0.003, rng).map(Math.round),
      new: draw(20, 13.9, 'normal', 0.003, rng).map(Math.round),
    });
    expect(alarms(12, sides, 'a third')).toBe(VERDICTS);
  });
});

describe('measured again', () => {
  const CELLS = suiteCells(12);
  const SUITES = 150;
  const run = (processes: number, spread: number, rng: Random) =>
    bareRun(
      CELLS,
      CELLS.map(() => draw(processes, 10, 'normal', spread, rng)),
    );
  /** @param source `stored`: the base is measured once, and every set is held against it */
  async function share(source: Source, processes: number, ofBase: number, ofNew: number): Promise<number> {
    const rng = random(3, `${source} ${ofBase} ${ofNew}`);
    let alarmed = 0;
    for (let suite = 0; suite < SUITES; suite++) {
      const pairs = pairsOf(run(processes, ofBase, rng), run(processes, ofNew, rng));
      const again = async (_: unknown, runs: number) => ({
        base: source === 'stored' ? null : run(runs, ofBase, rng),
        new: run(runs, ofNew, rng),
      });
      const verdicts = await timedGate(pairs, () => MARGIN, again, 3, source);
      if (verdicts.some(({ verdict }) => verdict === 'regressed')) alarmed++;
    }
    return alarmed / SUITES;
  }
  test.each([
    [0.15, 0.02],
    [0.02, 0.15],
    [0.15, 0.15],
  ])('against a stored base: spreads of %d and %d', async (ofBase, ofNew) => {
    expect(await share('stored', 13, ofBase, ofNew)).toBeLessThanOrEqual(0.01);
  });
  test.each([
    [0.15, 0.02],
    [0.02, 0.15],
    [0.15, 0.15],
  ])('in pairs: spreads of %d and %d', async (ofBase, ofNew) => {
    expect(await share('pairs', 5, ofBase, ofNew)).toBeLessThanOrEqual(0.01);
  });
});
