/**
 * An interval for the ratio of two medians that asks nothing of the values but that they are independent: neither a shape
 * nor the same spread on both sides, as the ranks of both together do (Mann-Whitney). A stored base of a noisy day against
 * a new run of a quiet one is the usual case, not the exception.
 */
import type { Interval } from '../../statistics.js';

/** The clocks of JavaScript step by 1 ms at most; batches of calls make the steps of a value finer. */
const COARSEST_CLOCK_MS = 1;
/** Values closer than this share of them are the same: what is left of a difference of two readings. */
const SAME_SHARE = 1e-6;

/**
 * The interval of median(next) / median(base); each end misses the truth with at most `tail` (docs/gate.md has the
 * simulations). Null where a side has too few values for that: see `valuesNeeded`.
 *
 * Each median has limits of its own, two of its order statistics, exact for any distribution (the sign test). They are
 * combined as squares, in logarithms (Price and Bonett 2002; Zou and Donner 2008): with one side without spread the
 * interval is the other's, and exact; between equals it is narrower than the one from limit to limit.
 * @param tail in (0, 0.5)
 */
export function ratioInterval(base: readonly number[], next: readonly number[], tail: number): Interval | null {
  const ofBase = medianLimits(base, tail);
  const ofNext = medianLimits(next, tail);
  if (ofBase === null || ofNext === null) return null;
  const halfStep = clockStep([...base, ...next]) / 2;
  const below = Math.hypot(Math.log(ofNext.value / ofNext.low), Math.log(ofBase.high / ofBase.value));
  const above = Math.hypot(Math.log(ofNext.high / ofNext.value), Math.log(ofBase.value / ofBase.low));
  return [
    (Math.max(0, ofNext.value - halfStep) / (ofBase.value + halfStep)) * Math.exp(-below),
    ((ofNext.value + halfStep) / Math.max(0, ofBase.value - halfStep)) * Math.exp(above),
  ];
}

/** The interval of a median; each end misses the truth with at most `tail`. Null where the values are too few. */
export function medianInterval(values: readonly number[], tail: number): Interval | null {
  const limits = medianLimits(values, tail);
  return limits && [limits.low, limits.high];
}

/** The fewest values a side from which there is an interval: all of them lie above their median with 2^-n. */
export const valuesNeeded = (tail: number): number => Math.ceil(-Math.log2(tail));

/**
 * The step of the clock that the values show: where two of them are equal, the smallest difference between two that are
 * not, else 0. Two medians one step apart may be the same time, rounded.
 */
export function clockStep(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const gaps = Array.from(sorted.subarray(1), (value, i) => value - (sorted[i] as number));
  const isGap = (gap: number, i: number): boolean => gap > SAME_SHARE * (sorted[i] as number);
  if (gaps.every(isGap)) return 0;
  return gaps.filter(isGap).reduce((least, gap) => Math.min(least, gap), COARSEST_CLOCK_MS);
}

/** The median, and the order statistics below and above it that miss the true one with at most `tail` each. */
function medianLimits(values: readonly number[], tail: number): { value: number; low: number; high: number } | null {
  const outside = valuesOutside(values.length, tail);
  if (outside < 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (i: number): number => sorted[i] as number;
  const last = sorted.length - 1;
  const value = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { value, low: at(outside), high: at(last - outside) };
}

/** The largest k with P(Binomial(n, 1/2) <= k) <= tail; -1 if there is none. In logarithms, for any n. */
export function valuesOutside(n: number, tail: number): number {
  let logOfTerm = -n * Math.LN2;
  let below = Math.exp(logOfTerm);
  let k = -1;
  while (below <= tail) {
    k++;
    logOfTerm += Math.log((n - k) / (k + 1));
    below += Math.exp(logOfTerm);
  }
  return k;
}
