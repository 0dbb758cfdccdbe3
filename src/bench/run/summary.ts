/** From the samples of several processes to the value of a cell (docs/method.md, A.5-A.7). */

import { type CellId, processTime } from '../../results/cell.js';
import type { ProcessRun, Summary } from '../../results/schema.js';
import { max, median, medianInterval, min, outliers, quantile, variation } from '../../statistics.js';

/** A summary but for why there are no more processes. */
export type Figures = Omit<Summary, 'stop_reason'>;

/** @param tokens that one timed call emits, batch rows included, for tokens per second */
export function summarize(processes: readonly ProcessRun[], tokens: number): Figures {
  const values = processes.map(processTime);
  const all = processes.flatMap(({ samples_ms }) => samples_ms);
  const value = median(values);
  const interval = medianInterval(values);
  const steps = processes.flatMap(({ steps_ms }) => steps_ms ?? []);
  return {
    estimator: 'median over processes of the minimum over samples',
    value_ms: value,
    ci95_ms: interval && [...interval],
    range_ms: [min(values), max(values)],
    p50_ms: median(all),
    p95_ms: quantile(all, 0.95),
    max_ms: max(all),
    first_ms: median(processes.map(({ samples_ms }) => samples_ms[0] as number)),
    step_p50_ms: steps.length === 0 ? null : median(steps),
    step_max_ms: steps.length === 0 ? null : median(processes.map(({ steps_ms }) => max(steps_ms ?? []))),
    cv_within: median(processes.map(({ samples_ms }) => variation(samples_ms))),
    cv_between: variation(values),
    outliers: outliers(all),
    tokens_per_s: (1000 * tokens) / value,
  };
}

/** Tokens that the time of a cell stands for, per batch row: what prefill reads, what decode and generate emit. */
export function tokensOf({ phase, n }: CellId, nTokens: number): number {
  if (phase === 'prefill') return n;
  return phase === 'decode' ? 1 : nTokens;
}
