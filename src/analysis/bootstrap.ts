/**
 * Intervals by resampling processes, the unit of replication: one resample serves all lengths and models, so what a
 * process does to all its cells alike cancels in exponents and ratios (docs/method.md, "Fits").
 */
import { type Random, random } from '../random.js';
import type { Estimate } from '../report/format.js';
import { BOOTSTRAP_RESAMPLES, type Interval, MIN_PROCESSES_FOR_CI, median, percentileInterval } from '../statistics.js';
import {
  EXPONENT_STEP,
  type FloorFit,
  fitPowerLaw,
  floorFitter,
  MAX_EXPONENT,
  NORMAL_95,
  type Point,
  studentT95,
} from './fit.js';

/** t of every process at one length: process i at position i, null where it has none. */
export interface ReplicatedPoint {
  readonly n: number;
  readonly processes: readonly (number | null)[];
}

/** The medians of one curve, and the same in every resample: medians[r][i] is point i in resample r. */
export interface Replicates {
  readonly points: readonly Point[];
  /** Processes of the point that has the fewest. */
  readonly fewest: number;
  /** Empty where a point has too few processes for an interval. */
  readonly medians: readonly (readonly number[])[];
}

/** The floor fit's exponent and whether the data can tell it. */
export interface FloorExponent extends Estimate {
  readonly fit: FloorFit;
  /** From the residuals alone; null with fewer than 4 lengths. */
  readonly profile: Interval;
  /** Why the exponent is not identified; null when it is. */
  readonly unidentified: string | null;
}

export const MIN_LENGTHS_FOR_FLOOR = 5;
export const MIN_RANGE = 16;
/** With this share of resamples without a floor, a pure power of n is not excluded. */
const NO_FLOOR_SHARE = 0.025;
/** Two standard errors that differ by more than this factor contradict each other... */
const MAX_ERROR_RATIO = 2;
/** ...unless both intervals are narrower than this: then they agree on the first decimal. */
const NARROW = 0.2;
/** A log-log exponent further than this from an identified exponent is biased. */
const BIAS_LIMIT = 0.05;
/** An exponent that may be anything in a wider interval than this is not identified. */
const MAX_WIDTH = 1;

/** Process values as numbers, without the gaps. */
export function presentValues({ processes }: ReplicatedPoint): number[] {
  return processes.filter((value) => value !== null);
}

/**
 * Resamples processes, once for all curves. A point that lacks some of them takes as many draws as it has processes, the
 * first that hit one: so its interval is that of its own processes, however many the others have.
 * @param curves the points of each curve; position i of `processes` is the same process in all of them
 * @param seed of the resampling
 */
export function replicate(
  curves: readonly (readonly ReplicatedPoint[])[],
  seed: number,
  resamples = BOOTSTRAP_RESAMPLES,
): Replicates[] {
  const rng = random(seed, 'bootstrap');
  const draws = Array.from({ length: resamples }, () => drawFor(curves.flat(), rng));
  return curves.map((points) => {
    const fewest = Math.min(...points.map((point) => presentValues(point).length));
    return {
      fewest,
      points: points.map((point) => ({ n: point.n, t: median(presentValues(point)) })),
      medians:
        fewest >= MIN_PROCESSES_FOR_CI ? draws.map((draw) => points.map((point) => median(drawn(point, draw)))) : [],
    };
  });
}

/** Draws processes until every point has been hit as often as it has processes. */
function drawFor(points: readonly ReplicatedPoint[], rng: Random): number[] {
  const processes = Math.max(...points.map((point) => point.processes.length));
  const wanted = points.map((point) => presentValues(point).length);
  const draw: number[] = [];
  while (wanted.some((count) => count > 0)) {
    const i = rng.integer(processes);
    draw.push(i);
    for (const [at, point] of points.entries()) {
      if ((point.processes[i] ?? null) !== null) wanted[at] = (wanted[at] as number) - 1;
    }
  }
  return draw;
}

function drawn(point: ReplicatedPoint, draw: readonly number[]): number[] {
  const hits = draw.map((i) => point.processes[i] ?? null).filter((value) => value !== null);
  return hits.slice(0, presentValues(point).length);
}

/** The lengths of these points with other times. */
export function withTimes(points: readonly Point[], times: readonly number[]): Point[] {
  return points.map(({ n }, i) => ({ n, t: times[i] as number }));
}

/** Any statistic of a curve's medians with its bootstrap interval. */
export function estimate(replicates: Replicates, statistic: (times: readonly number[]) => number): Estimate {
  const { points, medians } = replicates;
  const value = statistic(points.map(({ t }) => t));
  return { value, ci: medians.length === 0 ? null : percentileInterval(medians.map(statistic)) };
}

/** The same for a statistic of two curves, resampled together. */
export function estimatePair(
  a: Replicates,
  b: Replicates,
  statistic: (a: readonly number[], b: readonly number[]) => number,
): Estimate {
  const value = statistic(
    a.points.map(({ t }) => t),
    b.points.map(({ t }) => t),
  );
  const count = Math.min(a.medians.length, b.medians.length);
  if (count === 0) return { value, ci: null };
  const both = Array.from({ length: count }, (_, r) => statistic(a.medians[r] as number[], b.medians[r] as number[]));
  return { value, ci: percentileInterval(both) };
}

/** The log-log exponent with its interval. @throws UserError as fitPowerLaw */
export function powerLawExponent(replicates: Replicates, where = 'fit'): Estimate {
  const slope = (times: readonly number[]): number => fitPowerLaw(withTimes(replicates.points, times), where).exponent;
  return widened(estimate(replicates, slope), replicates.fewest);
}

/**
 * The floor fit's exponent: interval by bootstrap, cross-checked by the profile. Where resamples find no floor, a pure
 * power is not excluded, and its interval belongs to it: else a truth without a floor is covered in 85-90 % only.
 * @param replicates at least 4 lengths
 */
export function floorExponent(replicates: Replicates): FloorExponent {
  const lengths = replicates.points.map(({ n }) => n);
  const times = replicates.points.map(({ t }) => t);
  const fitter = floorFitter(lengths);
  const fit = fitter.fit(times);
  const profile = fitter.profile(times);
  const fits = replicates.medians.map(fitter.fit);
  const exponents = fits.map(({ exponent }) => exponent);
  const own = { value: fit.exponent, ci: fits.length === 0 ? null : percentileInterval(exponents) };
  const without = fits.filter(({ floor }) => floor === 0).length;
  const pure = fits.length > 0 && without >= NO_FLOOR_SHARE * fits.length ? powerLawExponent(replicates).ci : null;
  const ci = hull(widened(own, replicates.fewest).ci, pure);
  return { value: fit.exponent, ci, fit, profile, unidentified: whyUnidentified(lengths, fit, ci, profile) };
}

/** A bootstrap over G processes is too narrow by sqrt((G - 1) / G): its variance divides by G. */
function widened({ value, ci }: Estimate, processes: number): Estimate {
  if (ci === null) return { value, ci };
  const factor = Math.sqrt(processes / (processes - 1));
  return { value, ci: [value - factor * (value - ci[0]), value + factor * (ci[1] - value)] };
}

/** The smallest interval that holds both, within the exponents that are searched. */
function hull(a: Interval | null, b: Interval | null): Interval | null {
  if (a === null) return null;
  const [low, high] = b === null ? a : [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
  return [Math.max(0, low), Math.min(MAX_EXPONENT, high)];
}

/** Whether a log-log exponent misleads: it lies outside the floor fit's interval, or far from what that identified. */
export function isLogLogBiased(logLog: number, { ci, profile, value, unidentified }: FloorExponent): boolean {
  const interval = ci ?? profile;
  if (isVague(interval)) return false;
  const outside = logLog < interval[0] - EXPONENT_STEP || logLog > interval[1] + EXPONENT_STEP;
  return outside || (unidentified === null && Math.abs(logLog - value) > BIAS_LIMIT);
}

function whyUnidentified(
  lengths: readonly number[],
  fit: FloorFit,
  ci: Interval | null,
  profile: Interval,
): string | null {
  const range = Math.max(...lengths) / Math.min(...lengths);
  if (lengths.length < MIN_LENGTHS_FOR_FLOOR) return `${lengths.length} lengths, needs ${MIN_LENGTHS_FOR_FLOOR}`;
  if (range < MIN_RANGE) return `lengths span ${Number(range.toPrecision(3))}×, needs ${MIN_RANGE}×`;
  const intervals = [ci ?? profile, profile];
  if (fit.growth === 0 || intervals.some(([low]) => low <= EXPONENT_STEP)) return 'no growth beyond the noise';
  if (intervals.some(isVague)) return `anything in ${ends(ci ?? profile)} fits`;
  if (ci === null) return null;
  if (Math.max(widthOf(ci), widthOf(profile)) <= NARROW) return null;
  // Per quantile: with few lengths the profile is wider by Student's t alone, which is no contradiction.
  const errors = [widthOf(ci) / NORMAL_95, widthOf(profile) / studentT95(lengths.length - 3)];
  if (Math.max(...errors) <= MAX_ERROR_RATIO * Math.min(...errors)) return null;
  return `intervals disagree: bootstrap ${ends(ci)}, profile ${ends(profile)}`;
}

/** An interval that reaches an end of the search, or says next to nothing. */
function isVague(interval: Interval): boolean {
  const [low, high] = interval;
  return low <= EXPONENT_STEP || high >= MAX_EXPONENT - EXPONENT_STEP || widthOf(interval) > MAX_WIDTH;
}

function widthOf([low, high]: Interval): number {
  return high - low;
}

function ends(interval: Interval): string {
  return `[${interval.map((end) => end.toFixed(2)).join(', ')}]`;
}
