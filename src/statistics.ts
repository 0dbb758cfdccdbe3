/** Robust summaries of small samples, shared by bench and analysis (docs/method.md, "Sampling"). */
import { mean, median, medianAbsoluteDeviation, quickselect, sampleStandardDeviation } from 'simple-statistics';

export { mean, median, quantile } from 'simple-statistics';

export const BOOTSTRAP_RESAMPLES = 2000;
/** Fewer processes than this give a range, not an interval. */
export const MIN_PROCESSES_FOR_CI = 5;

export type Interval = readonly [low: number, high: number];

/** As Math.max, which takes 100,000 values or so at most: NaN stays NaN, and of no value it is -Infinity. */
export const max = (values: readonly number[]): number =>
  values.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);

/** As Math.min, of any number of values. */
export const min = (values: readonly number[]): number =>
  values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);

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

/**
 * The central 95 % of a bootstrap distribution (percentile method). Each end is one of the estimates, never the mean of
 * two, so that 0 and Infinity may stand for "below" and "above all that was measured".
 */
export function percentileInterval(estimates: readonly number[]): Interval {
  const values = [...estimates];
  const outside = Math.floor(0.025 * values.length);
  const ranked = (rank: number): number => {
    quickselect(values, rank);
    return values[rank] as number;
  };
  return [ranked(outside), ranked(values.length - 1 - outside)];
}

/**
 * 95 % interval of the median over processes, whatever their distribution; null with too few of them. Between two ranks
 * whose coverages lie on both sides of 95 %, interpolated on logarithms (Hettmansperger and Sheather, 1986); the range of
 * 5 covers 93.75 %, so by the same formula their ends lie a little beyond it. Simulated, 5 to 20 processes of any
 * distribution: 94 to 95 % (test/statistics.test.ts).
 * @param values positive
 */
export function medianInterval(values: readonly number[]): Interval | null {
  const size = values.length;
  if (size < MIN_PROCESSES_FOR_CI) return null;
  const sorted = Float64Array.from(values).sort();
  const coverages = rankCoverages(size);
  const rank = Math.max(
    1,
    coverages.findLastIndex((coverage) => coverage >= COVERAGE),
  );
  const [wide, narrow] = [coverages[rank] as number, coverages[rank + 1] as number];
  const share = (wide - COVERAGE) / (wide - narrow);
  const inwards = ((size - rank) * share) / (rank + (size - 2 * rank) * share);
  const end = (from: number, to: number): number => {
    const [outer, inner] = [sorted.at(from) as number, sorted.at(to) as number];
    return outer * (inner / outer) ** inwards;
  };
  return [end(rank - 1, rank), end(-rank, -rank - 1)];
}

const COVERAGE = 0.95;

/**
 * At index r the probability that the median lies between the r-th smallest and the r-th largest of `size` values, for r
 * up to the middle. Binomial coefficients as shares of the central one: 2^-size is 0 from 1,075 on.
 */
function rankCoverages(size: number): number[] {
  const middle = Math.floor(size / 2);
  const weights = new Float64Array(size + 1);
  weights[middle] = 1;
  for (let k = middle; k > 0; k--) weights[k - 1] = ((weights[k] as number) * k) / (size - k + 1);
  for (let k = 0; k <= middle; k++) weights[size - k] = weights[k] as number;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let below = 0;
  return Array.from(weights.subarray(0, middle + 1), (weight) => {
    const coverage = 1 - (2 * below) / total;
    below += weight;
    return coverage;
  });
}

export const NORMAL_95 = 1.959964;

/** Two-sided 95 % quantile of Student's t: from tables, and from 5 degrees of freedom on by its expansion to 3 digits. */
export function studentT95(freedom: number): number {
  const small = [12.7062, 4.3027, 3.1824, 2.7764][freedom - 1];
  if (small !== undefined) return small;
  const z = NORMAL_95;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + (z ** 3 + z) / (4 * freedom) + second / freedom ** 2 + third / freedom ** 3;
}

/** What chi-square exceeds in one of a hundred cases, by Wilson and Hilferty's approximation: to 1 % from 2 degrees on. */
export function chiSquared99(freedom: number): number {
  const ninth = 2 / (9 * freedom);
  return freedom * (1 - ninth + 2.326348 * Math.sqrt(ninth)) ** 3;
}

/** rms(got − expected) / (rms(expected) + 1e-8); NaN where they differ in length or either is not a number. */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.NaN;
  let error = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    error += ((got[i] as number) - (expected[i] as number)) ** 2;
    size += (expected[i] as number) ** 2;
  }
  return Math.sqrt(error / expected.length) / (Math.sqrt(size / expected.length) + 1e-8);
}
