/** The complexity gate: has the exponent of time over length grown by more than its interval allows? */
import type { Interval } from '../statistics.js';
import type { ComplexityVerdict } from './verdicts.js';

/** The exponent of one model, phase and mode, fitted by the caller. */
export interface SeriesExponent {
  readonly series: string;
  readonly exponent: number;
  /** 95 % interval; null where the exponent is not identified. Slow, so it is only asked for where it matters. */
  readonly interval: () => Interval | null;
}

/** A smaller change of the exponent is none. */
const LEAST_GROWTH = 0.15;

/** Regressed: the exponent grew by more than 0.15, and the new interval lies above the old one. */
export function complexityGate(base: readonly SeriesExponent[], next: readonly SeriesExponent[]): ComplexityVerdict[] {
  return base.flatMap((old) => {
    const fresh = next.find(({ series }) => series === old.series);
    return fresh === undefined ? [] : [judge(old, fresh)];
  });
}

function judge(old: SeriesExponent, fresh: SeriesExponent): ComplexityVerdict {
  const growth = fresh.exponent - old.exponent;
  const grew = growth > LEAST_GROWTH;
  const base = { exponent: old.exponent, ci: grew ? old.interval() : null };
  const next = { exponent: fresh.exponent, ci: grew ? fresh.interval() : null };
  const row = { series: old.series, base, new: next };
  if (!grew) return { ...row, verdict: 'not regressed', reason: `grew by no more than ${LEAST_GROWTH}` };
  if (base.ci === null || next.ci === null) return { ...row, verdict: null, reason: 'exponent not identified' };
  if (next.ci[0] <= base.ci[1]) return { ...row, verdict: 'not regressed', reason: 'the intervals meet' };
  return { ...row, verdict: 'regressed', reason: `grew by ${growth.toFixed(2)}` };
}
