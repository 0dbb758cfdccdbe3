/**
 * What the gate is worth on a machine: many processes of identical code, suites drawn from them, and in each the least
 * slow-down that the gate would have called. A negative one is a false alarm.
 */
import { check } from '../../errors.js';
import { type Random, random } from '../../random.js';
import { cellKey, isMeasured, statusText } from '../../results/cell.js';
import type { Results } from '../../results/schema.js';
import { max, median, min, quantile } from '../../statistics.js';
import { type Calibration, MAX_FALSE_ALARMS, type Rule, type SuiteRule } from './calibration.js';
import { valuesNeeded } from './median_ratio.js';
import { processValues } from './paired_cells.js';
import { leastCalled, type ProcessSet, tailFor, USUAL_SETS } from './timed.js';

export interface CalibrateOptions {
  /** Processes a side in the first set; those with which the gate could tell nothing after the second are left out. */
  readonly runs: readonly number[];
  readonly marginsPct: readonly number[];
  readonly suites: number;
  /** Slow-down that a rule must find in the typical cell. */
  readonly goalPct: number;
  readonly seed: number;
  /** ISO date and time. */
  readonly createdAt: string;
}

/** Fewer processes do not show how heavy the tail is. */
const MIN_PROCESSES = 20;
/** A second set has twice the processes of the first (docs/gate.md). */
const SECOND_SET = 2;

/**
 * Draws suites from the processes of one run and judges them as the gate would.
 * @throws UserError for an unfinished run, a cell that failed, or fewer than 20 processes
 */
export function calibrate(results: Results, where: string, options: CalibrateOptions): Calibration {
  const values = measuredValues(results, where);
  const tail = tailFor(values.length, USUAL_SETS);
  const enough = options.runs.filter((runs) => (1 + SECOND_SET) * runs >= valuesNeeded(tail));
  const rules = enough.flatMap((runs) => rulesFor(values, runs, tail, options));
  const suite = rules.map(({ suite }) => suite);
  return {
    calibration_version: 2,
    created_at: options.createdAt,
    cpu_model: results.machine.cpu_model,
    threads: results.machine.threads,
    config_hash: results.config_hash,
    processes: min(values.map((own) => own.length)),
    suites: options.suites,
    cells: results.cells.map(({ model, phase, n, engine }, i) => {
      const own = values[i] as number[];
      const spread = (quantile(own, 0.75) - quantile(own, 0.25)) / median(own);
      return { model, phase, n, engine, spread, rules: rules.map(({ cells }) => cells[i] as Rule) };
    }),
    suite,
    goal_pct: options.goalPct,
    recommended: recommend(suite, options.goalPct),
  };
}

/** The fewest runs, then the smallest margin, that find the goal in the typical cell without crying wolf. */
export function recommend(suite: readonly SuiteRule[], goalPct: number): Calibration['recommended'] {
  const [first] = quietRules(suite)
    .filter(({ typical_pct }) => typical_pct <= goalPct)
    .sort((a, b) => a.runs - b.runs || a.margin_pct - b.margin_pct);
  return first === undefined ? null : { runs: first.runs, margin_pct: first.margin_pct };
}

/** The rule that finds most in the typical cell without crying wolf; null when all cry wolf. */
export function sharpest(suite: readonly SuiteRule[]): SuiteRule | null {
  return quietRules(suite).sort((a, b) => a.typical_pct - b.typical_pct || a.runs - b.runs)[0] ?? null;
}

const quietRules = (suite: readonly SuiteRule[]): SuiteRule[] =>
  suite.filter(({ false_alarm }) => false_alarm < MAX_FALSE_ALARMS);

function measuredValues(results: Results, where: string): number[][] {
  check(results.complete, `${where}: complete: must be true, got false; resume the run to complete it`);
  return results.cells.map((cell) => {
    const name = `${where}: cells: ${cellKey(cell)}`;
    check(isMeasured(cell), `${name}: must be ok, got ${statusText(cell)}`);
    const values = processValues(cell);
    check(values.length >= MIN_PROCESSES, `${name}: needs ${MIN_PROCESSES} processes, got ${values.length}`);
    return values;
  });
}

/** The rules of one number of runs: the draws serve all margins. */
function rulesFor(
  values: readonly (readonly number[])[],
  runs: number,
  tail: number,
  { marginsPct, suites, seed }: CalibrateOptions,
): { suite: SuiteRule; cells: Rule[] }[] {
  const rng = random(seed, `suites of ${runs}`);
  const processes = min(values.map((own) => own.length));
  const called = Array.from({ length: suites }, () =>
    drawSuite(values, processes, runs, rng).map((sets) => leastCalled(sets, tail)),
  );
  return marginsPct.map((marginPct) => {
    const least = called.map((suite) => suite.map((at) => at(marginPct / 100)));
    const cells = values.map((_, i) =>
      toRule(
        runs,
        marginPct,
        least.map((suite) => suite[i] as number),
      ),
    );
    const alarms = least.filter((suite) => suite.some((slowdown) => slowdown <= 0)).length;
    const found = cells.map((cell) => cell.detectable_pct);
    const [detectable_pct, typical_pct] = [max(found), median(found)];
    const suite = { runs, margin_pct: marginPct, false_alarm: alarms / suites, detectable_pct, typical_pct };
    return { cells, suite };
  });
}

/** Two sets a side for every cell, with the same processes for all cells: a slow process slows them all. */
function drawSuite(
  values: readonly (readonly number[])[],
  processes: number,
  runs: number,
  rng: Random,
): ProcessSet[][] {
  const draw = (size: number): number[] => Array.from({ length: size }, () => rng.integer(processes));
  const sets = [runs, SECOND_SET * runs].map((size) => ({ base: draw(size), new: draw(size) }));
  return values.map((own) => {
    const pick = (indices: readonly number[]): number[] => indices.map((i) => own[i] as number);
    return sets.map((set) => ({ base: pick(set.base), new: pick(set.new), ratios: null }));
  });
}

function toRule(runs: number, margin_pct: number, least: readonly number[]): Rule {
  const false_alarm = least.filter((slowdown) => slowdown <= 0).length / least.length;
  return { runs, margin_pct, false_alarm, detectable_pct: 100 * Math.max(0, quantile([...least], 0.95)) };
}
