/** What benchmark gates usually do, and ours, on suites drawn from processes of identical code: every alarm is false. */

import { FIRINGS_TO_FAIL, judge, type ProcessSet, tailFor } from '../../../src/bench/gate/timed.js';
import type { Verdict } from '../../../src/bench/gate/verdicts.js';
import { random, shuffled } from '../../../src/random.js';
import type { Cell, Results } from '../../../src/results/schema.js';
import { mean, median, studentT95 } from '../../../src/statistics.js';
import { apart } from './suites.js';

/** The runs of two sides, no process on both. */
interface Draw {
  readonly base: readonly number[];
  readonly new: readonly number[];
}

/** Shares of cells and of suites. */
export interface Alarms {
  readonly cells: number;
  readonly suites: number;
}

export const SUITES = 400;
const MARGIN = 0.05;

/** Two random sides of `runs` processes each, again and again. */
function* draws(results: Pick<Results, 'cells'>, runs: number, name: string): Generator<Draw, never> {
  const all = results.cells[0]?.processes.map(({ run }) => run) ?? [];
  const rng = random(1, name);
  while (true) {
    const order = shuffled(all, rng);
    yield { base: order.slice(0, runs), new: order.slice(runs, 2 * runs) };
  }
}

function suitesOf(results: Pick<Results, 'cells'>, runs: number): Draw[] {
  const source = draws(results, runs, `${runs} a side`);
  return Array.from({ length: SUITES }, () => source.next().value);
}

/** How often a gate that sees a cell's samples, process by process, calls the new side slower. */
export function alarmsOf(
  results: Results,
  runs: number,
  isSlower: (base: readonly number[][], next: readonly number[][]) => boolean,
): Alarms {
  const suites = suitesOf(results, runs).map((draw) =>
    results.cells.map((cell) => isSlower(samplesOf(cell, draw.base), samplesOf(cell, draw.new))),
  );
  return sharesOf(suites);
}

const samplesOf = (cell: Cell, runs: readonly number[]): number[][] =>
  runs.map((run) => cell.processes.find((one) => one.run === run)!.samples_ms);

function sharesOf(suites: readonly (readonly boolean[])[]): Alarms {
  const share = (alarms: readonly boolean[]): number => alarms.filter(Boolean).length / alarms.length;
  return { cells: share(suites.flat()), suites: share(suites.map((suite) => suite.includes(true))) };
}

/** The mean of one run is more than 10 % above the mean of another. */
export const ratioOfMeans = (base: readonly number[][], next: readonly number[][]): boolean =>
  mean(next.flat()) / mean(base.flat()) > 1.1;

/** The same of the fastest samples. */
export const ratioOfMinima = (base: readonly number[][], next: readonly number[][]): boolean =>
  Math.min(...next.flat()) / Math.min(...base.flat()) > 1.1;

/** Welch's t-test, two-sided at 5 %, as if samples of one process were independent. */
export function tTest(base: readonly number[][], next: readonly number[][]): boolean {
  const [a, b] = [base.flat(), next.flat()];
  const [ea, eb] = [squaredError(a), squaredError(b)];
  const freedom = (ea + eb) ** 2 / (ea ** 2 / (a.length - 1) + eb ** 2 / (b.length - 1));
  return (mean(b) - mean(a)) / Math.sqrt(ea + eb) > studentT95(Math.max(1, Math.floor(freedom)));
}

function squaredError(values: readonly number[]): number {
  const centre = mean([...values]);
  const sum = values.reduce((total, value) => total + (value - centre) ** 2, 0);
  return sum / (values.length - 1) / values.length;
}

/** What our rule says of processes that were measured apart: five a side, and ten more where it is not clear. */
export function ourGate({ cells }: Results): Alarms & { readonly unclear: number } {
  const rules = { margin: MARGIN, tail: tailFor(cells.length, 2), firingsToFail: FIRINGS_TO_FAIL };
  const setOf = (cell: Cell, draw: Draw): ProcessSet => {
    const values = (runs: readonly number[]): number[] => samplesOf(cell, runs).map((samples) => Math.min(...samples));
    return apart(values(draw.base), values(draw.new));
  };
  const verdictOn = (cell: Cell, first: Draw, second: Draw): Verdict => {
    const sets = [first, second].map((draw) => setOf(cell, draw));
    const { verdict } = judge(cell, sets.slice(0, 1), rules);
    return verdict === 'cannot tell' ? judge(cell, sets, rules).verdict : verdict;
  };
  const further = draws({ cells }, 10, 'measured again');
  const suites = suitesOf({ cells }, 5).map((first) => {
    const second = further.next().value;
    return cells.map((cell) => verdictOn(cell, first, second));
  });
  const is = (wanted: Verdict): boolean[][] => suites.map((suite) => suite.map((verdict) => verdict === wanted));
  return { ...sharesOf(is('regressed')), unclear: sharesOf(is('cannot tell')).cells };
}

/** Spread of identical code: within a process and between processes, the median over cells of sd over mean. */
export function spreads({ cells }: Results): { within: number; between: number } {
  const of = (key: 'cv_within' | 'cv_between'): number => median(cells.map(({ summary }) => summary![key]));
  return { within: of('cv_within'), between: of('cv_between') };
}
