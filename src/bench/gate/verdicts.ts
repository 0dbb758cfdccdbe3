/** What a gate says of cells, and of two runs as a whole (docs/gate.md). */

import type { CellId } from '../../results/cell.js';
import type { Interval } from '../../statistics.js';

export type Verdict = 'faster' | 'regressed' | 'not regressed' | 'cannot tell';

/** A field in which two files differ, so that their times must not be compared. */
export interface Difference {
  readonly field: string;
  readonly base: string;
  readonly new: string;
}

export interface Comparison {
  /** Median over processes of the minimum over samples. */
  readonly baseMs: number;
  readonly newMs: number;
  readonly ratio: number;
  /** Sure enough for the suite as a whole; null where a side has too few processes for that. */
  readonly interval: Interval | null;
  readonly baseProcesses: number;
  readonly newProcesses: number;
}

export interface TimedVerdict {
  readonly cell: CellId;
  /** Slow-down allowed, as a fraction. */
  readonly margin: number;
  readonly verdict: Verdict;
  readonly reason: string;
  /** Over all processes measured; null where the cell was measured in neither run. */
  readonly comparison: Comparison | null;
  /** How many sets of processes had a ratio above the margin, of how many sets. */
  readonly firings: number;
  readonly sets: number;
  /** The slow-down that would have put the whole interval above the margin, as a fraction. */
  readonly detectable: number | null;
  /** Processes a side without which nothing can be told; null where there are as many. */
  readonly processesNeeded: number | null;
}

/** A count (kernels, bytes, parameters, …) that must not grow at all. */
export interface CountedVerdict {
  readonly what: string;
  readonly quantity: string;
  readonly base: number | null;
  readonly new: number | null;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** The exponent of one model, phase and engine. Not identified is no failure: then `verdict` is null. */
export interface ComplexityVerdict {
  readonly series: string;
  readonly base: ExponentEstimate;
  readonly new: ExponentEstimate;
  readonly verdict: 'regressed' | 'not regressed' | null;
  readonly reason: string;
}

export interface ExponentEstimate {
  readonly exponent: number;
  /** Null where it was not needed, or the exponent is not identified. */
  readonly ci: Interval | null;
}

export interface GateReport {
  readonly differences: readonly Difference[];
  /** Report everything, fail nothing. */
  readonly advisory: boolean;
  readonly timed: readonly TimedVerdict[];
  readonly counted: readonly CountedVerdict[];
  readonly complexity: readonly ComplexityVerdict[];
}

/** Regressed where anything is; cannot tell where the runs are not comparable or a cell cannot be told; else a pass. */
export function outcomeOf(report: GateReport): 'pass' | 'regressed' | 'cannot tell' {
  const { differences, advisory, timed, counted, complexity } = report;
  if (advisory) return 'pass';
  const verdicts = [...timed, ...counted, ...complexity].map(({ verdict }) => verdict);
  if (verdicts.includes('regressed')) return 'regressed';
  return differences.length > 0 || verdicts.includes('cannot tell') ? 'cannot tell' : 'pass';
}
