/** The complexity gate: has the exponent of time over length grown by more than its interval allows? */
import { probit } from 'simple-statistics';
import type { Interval } from '../../statistics.js';
import { tailFor } from './timed.js';
import type { ComplexityVerdict } from './verdicts.js';

/** The exponent of one model, phase and engine, fitted by the caller. */
export interface SeriesExponent {
  readonly series: string;
  readonly exponent: number;
  /** 95 % interval; null where the exponent is not identified. Slow, so it is only asked for where it matters. */
  readonly interval: () => Interval | null;
}

/** A smaller change of the exponent is none. */
const LEAST_GROWTH = 0.15;
/** Of a 95 % interval, on each side. */
const TAIL_OF_INTERVAL = 0.025;

/**
 * Regressed: the exponent grew by more than 0.15, and by more than both intervals together allow. They hold 95 %, each for
 * itself; stretched as a normal distribution's are, so that at most 1 % of suites alarm, whatever the number of series.
 */
export function complexityGate(base: readonly SeriesExponent[], next: readonly SeriesExponent[]): ComplexityVerdict[] {
  const pairs = base.flatMap((old) => {
    const fresh = next.find(({ series }) => series === old.series);
    return fresh === undefined ? [] : [{ old, fresh }];
  });
  const stretch = probit(tailFor(pairs.length, 1)) / probit(TAIL_OF_INTERVAL);
  return pairs.map(({ old, fresh }) => judge(old, fresh, stretch));
}

function judge(old: SeriesExponent, fresh: SeriesExponent, stretch: number): ComplexityVerdict {
  const growth = fresh.exponent - old.exponent;
  const grew = growth > LEAST_GROWTH;
  const base = { exponent: old.exponent, ci: grew ? old.interval() : null };
  const next = { exponent: fresh.exponent, ci: grew ? fresh.interval() : null };
  const row = { series: old.series, base, new: next };
  if (!grew) return { ...row, verdict: 'not regressed', reason: `grew by no more than ${LEAST_GROWTH}` };
  if (base.ci === null || next.ci === null) return { ...row, verdict: null, reason: 'exponent not identified' };
  const spread = stretch * Math.hypot(fresh.exponent - next.ci[0], base.ci[1] - old.exponent);
  if (growth <= spread) return { ...row, verdict: 'not regressed', reason: 'grew within the spread of both' };
  return { ...row, verdict: 'regressed', reason: `grew by ${growth.toFixed(2)}` };
}
