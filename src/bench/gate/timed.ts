/**
 * The timed gate: is a cell slower than its margin allows? The unit is the process, never the sample: spread between
 * processes is several times that within one, so that pooled samples call identical code slower.
 */

import type { CellId } from '../../results/cell.js';
import { median, min } from '../../statistics.js';
import { medianInterval, ratioInterval, valuesNeeded } from './median_ratio.js';
import type { Comparison, TimedVerdict, Verdict } from './verdicts.js';

/** Processes measured together, one value each, in ms. */
export interface ProcessSet {
  /** None where a stored base is all there is: the first set's then counts for every set. */
  readonly base: readonly number[];
  readonly new: readonly number[];
  /** New over base of each pair of processes that were timed in turns, a sample each; null where none were. */
  readonly ratios: readonly number[] | null;
}

/** Share of suites of identical code in which chance alone may take a ratio's interval off the truth, on either side. */
const SUITE_ERROR = 0.01;
/** Sets of processes that a cell gets at most, where nothing else is asked for. */
export const USUAL_SETS = 3;
/** A regression must be seen by this many sets of processes, where measuring again is possible. */
export const FIRINGS_TO_FAIL = 2;
/** As large a margin is a slip of the pen. */
export const MARGIN_LIMIT_PCT = 1000;
/** 1, but for what rounding leaves of a clock's step. */
const CERTAINLY_ABOVE_1 = 1 + 1e-6;
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

/** All values of the sets together. */
function together(sets: readonly ProcessSet[]): ProcessSet {
  const ratios = sets.flatMap((set) => set.ratios ?? []);
  return {
    base: sets.flatMap((set) => set.base),
    new: sets.flatMap((set) => set.new),
    ratios: ratios.length > 0 ? ratios : null,
  };
}

/** New over base: in pairs where the processes are, since a pair knows its ratio better than its times. */
const ratioOf = ({ base, new: next, ratios }: ProcessSet): number =>
  ratios === null ? median([...next]) / median([...base]) : median([...ratios]);

/** Compares the processes of two runs. */
export function compare(set: ProcessSet, tail: number): Comparison {
  const { base, new: next, ratios } = set;
  return {
    baseMs: median([...base]),
    newMs: median([...next]),
    ratio: ratioOf(set),
    interval: ratios === null ? ratioInterval(base, next, tail) : medianInterval(ratios, tail),
    baseProcesses: base.length,
    newProcesses: next.length,
  };
}

/**
 * The verdict on one cell.
 * @param sets in the order measured, at least one
 */
export function judge(cell: CellId, sets: readonly ProcessSet[], rules: Rules): TimedVerdict {
  const { margin, tail } = rules;
  const all = together(sets);
  const withBase = sets.map((set) => (set.base.length > 0 ? set : { ...set, base: all.base }));
  const firings = withBase.filter((set) => ratioOf(set) > 1 + margin).length;
  const comparison = compare(all, tail);
  const { interval, ratio } = comparison;
  const same = sameValues(all.base, all.new);
  const found = same ? SAME : verdictOf(comparison, { firings, sets: sets.length }, rules);
  const detectable = interval === null ? null : ((1 + margin) * ratio) / interval[0] - 1;
  const processesNeeded = same || interval !== null ? null : valuesNeeded(tail);
  return { cell, margin, ...found, comparison, firings, sets: sets.length, detectable, processesNeeded };
}

/** A cell that was measured in neither run. */
export function unmeasured(cell: CellId, margin: number, reason: string): TimedVerdict {
  const nothing = { comparison: null, firings: 0, sets: 0, detectable: null, processesNeeded: null };
  return { cell, margin, verdict: 'cannot tell', reason, ...nothing };
}

function verdictOf(
  { ratio, interval }: Comparison,
  { firings, sets }: { readonly firings: number; readonly sets: number },
  { margin, tail, firingsToFail }: Rules,
): { verdict: Verdict; reason: string } {
  if (interval === null)
    return { verdict: 'cannot tell', reason: `too few processes: ${valuesNeeded(tail)} a side could` };
  const [low, high] = interval;
  if (high < 1 / (1 + margin)) return { verdict: 'faster', reason: 'by more than the margin' };
  const isSlower = ratio > 1 + margin && low > CERTAINLY_ABOVE_1;
  if (isSlower && firings >= firingsToFail) {
    const confirmed =
      firings > 1 ? `confirmed by ${firings} sets of processes` : 'in one set of processes, not confirmed';
    return { verdict: 'regressed', reason: confirmed };
  }
  if (high < 1 + margin) return { verdict: 'not regressed', reason: 'the margin is excluded' };
  const where = isSlower
    ? `above the margin, but in ${firings} of ${sets} sets of processes`
    : 'the margin lies within the spread';
  return { verdict: 'cannot tell', reason: where };
}

/**
 * The least true slow-down, as a fraction, with which these sets of identical code would have been called a regression,
 * for any margin; at or below 0 they are called one as they are. Infinite where the processes are too few.
 */
export function leastCalled(sets: readonly ProcessSet[], tail: number): (margin: number) => number {
  const { interval, ratio } = compare(together(sets), tail);
  const ratios = [...sets.map(ratioOf), ratio];
  const slower = interval === null ? Infinity : CERTAINLY_ABOVE_1 / interval[0];
  return (margin) => Math.max((1 + margin) / min(ratios), slower) - 1;
}

function sameValues(base: readonly number[], next: readonly number[]): boolean {
  return base.length === next.length && base.every((value, i) => value === next[i]);
}
