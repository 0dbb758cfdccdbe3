/**
 * The timed gate: is a cell slower than its margin allows? The unit is the process, never the sample: spread between
 * processes is several times that within one, so that pooled samples call identical code slower.
 */
import { MIN_PROCESSES_FOR_CI, median } from '../statistics.js';
import type { CellId } from './plan.js';
import { criticalU, ratioInterval } from './rank_interval.js';
import type { Comparison, TimedVerdict, Verdict } from './verdicts.js';

/** Processes measured together, one value each, in ms. */
export interface ProcessSet {
  /** None where a stored base is all there is: the first set's then counts for every set. */
  readonly base: readonly number[];
  readonly new: readonly number[];
}

/** Share of suites of identical code in which chance alone may take a ratio's interval off the truth, on either side. */
const SUITE_ERROR = 0.01;
/** Sets of processes that a cell gets at most, where nothing else is asked for. */
export const USUAL_SETS = 3;
/** A regression must be seen by this many sets of processes, where measuring again is possible. */
export const FIRINGS_TO_FAIL = 2;
/** With fewer than 5 processes only this is called slower: two single processes differ by 15 % often enough. */
const FEW_PROCESSES_RATIO = 1.15;
const SAME = { verdict: 'not regressed', reason: 'the same measurement twice' } as const;

/** How a cell is judged. */
export interface Rules {
  /** Slow-down allowed, as a fraction. */
  readonly margin: number;
  /** Chance on each side that a ratio's interval misses the truth. */
  readonly tail: number;
  /** Sets of processes that must fire; 1 where nothing can be measured again. */
  readonly firingsToFail: number;
}

/**
 * The error that each side of each cell's interval may have, so that the whole suite's stays within bounds.
 * @param sets how often a cell may be judged: after each set of processes, but for the first where there are more
 */
export const tailFor = (cells: number, sets: number): number => SUITE_ERROR / 2 / cells / Math.max(1, sets - 1);

/** Compares the processes of two runs. */
export function compare(base: readonly number[], next: readonly number[], tail: number): Comparison {
  const [baseMs, newMs] = [median([...base]), median([...next])];
  const enough = Math.min(base.length, next.length) >= MIN_PROCESSES_FOR_CI;
  return {
    baseMs,
    newMs,
    ratio: newMs / baseMs,
    interval: enough ? ratioInterval(base, next, tail) : null,
    baseProcesses: base.length,
    newProcesses: next.length,
  };
}

/** Whether a set's ratio of cell values is above the margin. */
function fires(base: readonly number[], next: readonly number[], margin: number): boolean {
  return median([...next]) / median([...base]) > 1 + margin;
}

/**
 * The verdict on one cell.
 * @param sets in the order measured, at least one
 */
export function judge(cell: CellId, sets: readonly ProcessSet[], rules: Rules): TimedVerdict {
  const { margin, tail } = rules;
  const base = sets.flatMap((set) => set.base);
  const next = sets.flatMap((set) => set.new);
  const firings = sets.filter((set) => fires(set.base.length > 0 ? set.base : base, set.new, margin)).length;
  const comparison = compare(base, next, tail);
  const found = sameValues(base, next) ? SAME : verdictOf(comparison, firings, rules);
  const { interval, ratio } = comparison;
  const detectable = interval === null ? null : ((1 + margin) * ratio) / interval[0] - 1;
  return { cell, margin, ...found, comparison, firings, sets: sets.length, detectable };
}

/** A cell that was measured in neither run. */
export function unmeasured(cell: CellId, margin: number, reason: string): TimedVerdict {
  return { cell, margin, verdict: 'cannot tell', reason, comparison: null, firings: 0, sets: 0, detectable: null };
}

function verdictOf(comparison: Comparison, firings: number, rules: Rules): { verdict: Verdict; reason: string } {
  if (firings >= rules.firingsToFail) {
    if (!isSlower(comparison)) return { verdict: 'cannot tell', reason: 'above the margin, but not beyond the spread' };
    const sets = firings > 1 ? `confirmed by ${firings} sets of processes` : 'in one set of processes, not confirmed';
    return { verdict: 'regressed', reason: sets };
  }
  if (passes(comparison, rules)) return { verdict: 'not regressed', reason: 'the margin is excluded' };
  if (firings > 0) return { verdict: 'cannot tell', reason: 'above the margin, not confirmed' };
  return { verdict: 'cannot tell', reason: doubt(comparison, rules.margin) };
}

function doubt({ interval }: Comparison, margin: number): string {
  if (interval === null) return `fewer than ${MIN_PROCESSES_FOR_CI} processes`;
  return interval[1] < 1 + margin ? 'too few processes to be sure' : 'the margin lies within the spread';
}

/**
 * The least true slow-down, as a fraction, with which these sets of identical code would have been called a regression,
 * for any margin; at or below 0 they are called one as they are.
 */
export function leastCalled(sets: readonly ProcessSet[], tail: number): (margin: number) => number {
  const ratios = sets.map((set) => median([...set.new]) / median([...set.base]));
  const base = sets.flatMap((set) => set.base);
  const next = sets.flatMap((set) => set.new);
  const { interval, ratio } = compare(base, next, tail);
  const slower = interval === null ? FEW_PROCESSES_RATIO / ratio : 1 / interval[0];
  return (margin) => Math.max((1 + margin) / Math.min(...ratios), slower) - 1;
}

/** Slower than the base at all, by more than chance: a demand beside the firings, since a stored base is measured once. */
function isSlower({ interval, ratio }: Comparison): boolean {
  return interval === null ? ratio > FEW_PROCESSES_RATIO : interval[0] > 1;
}

/** The margin is excluded; where more can be measured, only by an interval as sure as `tail` asks. */
function passes(
  { interval, baseProcesses, newProcesses }: Comparison,
  { margin, tail, firingsToFail }: Rules,
): boolean {
  if (interval === null || interval[1] >= 1 + margin) return false;
  return firingsToFail === 1 || criticalU(baseProcesses, newProcesses, tail) >= 0;
}

function sameValues(base: readonly number[], next: readonly number[]): boolean {
  return base.length === next.length && base.every((value, i) => value === next[i]);
}
