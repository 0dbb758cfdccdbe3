/**
 * When a cell was measured by enough processes (docs/method.md, A.3). It is judged after every `runs` of them: judged
 * after each, it would stop at the first chance agreement, and the intervals would hold the truth less often.
 */
import type { Summary } from '../../results/schema.js';
import { MIN_PROCESSES_FOR_CI } from '../../statistics.js';

export interface StoppingRule {
  /** Processes that measure every cell, whatever it looks like. */
  readonly runs: number;
  /** Half-width of the 95 % interval that is narrow enough, in percent of the value. */
  readonly precisionPct: number;
  /** Seconds of the run that further processes may fill; 0 for none. */
  readonly maxTimeS: number;
}

/** What a cell's processes have shown. */
export interface Evidence {
  readonly processes: number;
  /** Null with too few processes for an interval. */
  readonly halfWidthPct: number | null;
}

/** A cell gets at most so many times `runs` processes. */
const MAX_SETS = 3;

/** The most processes that a cell may have. Without intervals there is nothing to narrow. */
export function mostProcesses({ runs, maxTimeS }: StoppingRule): number {
  return maxTimeS > 0 && runs >= MIN_PROCESSES_FOR_CI ? MAX_SETS * runs : runs;
}

/** Half the width of the 95 % interval in percent of the value; null without an interval. */
export function halfWidthPct({ value_ms, ci95_ms }: Pick<Summary, 'value_ms' | 'ci95_ms'>): number | null {
  return ci95_ms && (50 * (ci95_ms[1] - ci95_ms[0])) / value_ms;
}

/** Whether another process is to measure the cell: until a whole number of sets shows it to be precise. */
export function needsMore({ processes, halfWidthPct }: Evidence, rule: StoppingRule): boolean {
  if (processes < rule.runs) return true;
  if (processes >= mostProcesses(rule)) return false;
  return processes % rule.runs !== 0 || halfWidthPct === null || halfWidthPct > rule.precisionPct;
}

/**
 * Why a cell has no more processes.
 * @param over whether the whole run has ended
 * @example 'all 15 processes ran, precise to 4.2 %'
 */
export function stopReason(evidence: Evidence, rule: StoppingRule, over: boolean): string {
  const { processes, halfWidthPct } = evidence;
  const count = `${processes} process${processes === 1 ? '' : 'es'}`;
  const open = needsMore(evidence, rule);
  if (open && !over) return `${count} so far`;
  if (halfWidthPct === null) return `${count}: too few for an interval (${MIN_PROCESSES_FOR_CI})`;
  const precise = `precise to ${Number(halfWidthPct.toPrecision(2))} %`;
  if (open) return `time was up (${rule.maxTimeS} s), ${precise}`;
  return halfWidthPct > rule.precisionPct ? `all ${count} ran, ${precise}` : precise;
}
