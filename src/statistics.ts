/** Robust summaries of small samples, shared by bench and analysis (docs/method.md, "Sampling"). */
import { mean, median, medianAbsoluteDeviation, sampleStandardDeviation } from 'simple-statistics';
import { random } from './random.js';

export { mean, median, quantile } from 'simple-statistics';

export const BOOTSTRAP_RESAMPLES = 2000;
/** Fewer processes than this give a range, not an interval. */
export const MIN_PROCESSES_FOR_CI = 5;

export type Interval = readonly [low: number, high: number];

/** Standard deviation over mean; 0 for a single value. */
export function variation(values: readonly number[]): number {
  return values.length < 2 ? 0 : sampleStandardDeviation([...values]) / mean([...values]);
}

/** Counts of values whose modified z score, 0.6745 |x - median| / MAD, is above 3.5 (mild) or 10 (severe). */
export function outliers(values: readonly number[]): { mild: number; severe: number } {
  const centre = median([...values]);
  const spread = medianAbsoluteDeviation([...values]);
  const scores = values.map((value) => (spread === 0 ? 0 : (0.6745 * Math.abs(value - centre)) / spread));
  const severe = scores.filter((score) => score > 10).length;
  return { mild: scores.filter((score) => score > 3.5).length - severe, severe };
}

/** Draws `resamples` index sets with replacement from 0..size-1: one set serves every series of the same processes. */
export function resampleIndices(size: number, seed: number, resamples = BOOTSTRAP_RESAMPLES): number[][] {
  const rng = random(seed, 'bootstrap');
  return Array.from({ length: resamples }, () => Array.from({ length: size }, () => rng.integer(size)));
}

/**
 * The central 95 % of a bootstrap distribution (percentile method). Each end is one of the estimates, never the mean of
 * two, so that 0 and Infinity may stand for "below" and "above all that was measured".
 */
export function percentileInterval(estimates: readonly number[]): Interval {
  const sorted = Float64Array.from(estimates).sort();
  const outside = Math.floor(0.025 * sorted.length);
  return [sorted[outside] as number, sorted[sorted.length - 1 - outside] as number];
}

/** 95 % interval of the median over processes; null with too few of them. */
export function medianInterval(values: readonly number[], seed: number): Interval | null {
  if (values.length < MIN_PROCESSES_FOR_CI) return null;
  const medians = resampleIndices(values.length, seed).map((indices) =>
    median(indices.map((i) => values[i] as number)),
  );
  return percentileInterval(medians);
}
