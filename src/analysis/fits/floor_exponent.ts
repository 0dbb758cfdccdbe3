/** The floor fit's exponent with its interval, and whether the data can tell it (docs/method.md, B.2 and B.3). */
import type { Estimate } from '../../report/format.js';
import { type Interval, max, min, NORMAL_95, percentileInterval, studentT95 } from '../../statistics.js';
import { grouped, powerLawExponent, type Replicates, widened } from './bootstrap.js';
import { criterion, evidenceOf, lackOfFit, PLAUSIBLE_DELTA } from './evidence.js';
import {
  FLOOR_KINDS,
  type FloorFit,
  type FloorFitter,
  fitFloor,
  floorFitAt,
  floorFitter,
  MAX_EXPONENT,
} from './floor_fit.js';

/** The exponent that one kind of floor gives. */
export interface KindExponent extends Estimate {
  readonly fit: FloorFit;
  /** From the residuals alone. */
  readonly profile: Interval;
}

/** The floor fit's exponent: the better kind's, with the intervals of all kinds that the data do not exclude. */
export interface FloorExponent extends KindExponent {
  /** The kinds that the data do not exclude, best first. */
  readonly kinds: readonly KindExponent[];
  /** Residual variance over that of the medians, of all lengths or of the longer half, where noise does not allow it: lack of fit. */
  readonly misfit: number | null;
  /** Why the exponent is not identified; null when it is. */
  readonly unidentified: string | null;
}

export const MIN_LENGTHS_FOR_FLOOR = 5;
/** Of a floor fit: floor, growth and exponent. */
export const PARAMETERS = 3;
export const MIN_RANGE = 16;
/** With this share of resamples without a floor, a pure power of n is not excluded. */
const NO_FLOOR_SHARE = 0.025;
/** Residuals that allow more than so many times what processes differ by contradict them... */
const MAX_ERROR_RATIO = 2;
/** ...unless both intervals are narrower than this: then they agree on the first decimal. */
const NARROW = 0.2;
/** A log-log exponent further than this from an identified exponent is biased. */
const BIAS_LIMIT = 0.05;
/** An exponent that may be anything in a wider interval than this is not identified. */
const MAX_WIDTH = 1;
/** Exponents closer than this to an end, of the search or of an interval, are at it. */
const TOLERANCE = 0.005;

/**
 * The floor fit's exponent: interval by bootstrap, cross-checked by the profile, of both kinds of floor unless the data
 * exclude one. Processes that agree to the last digit leave the profile alone.
 * @param replicates at least 3 lengths, ascending
 */
export function floorExponent(replicates: Replicates): FloorExponent {
  const own = grouped(replicates);
  const evidence = evidenceOf(own);
  const times = own.points.map(({ t }) => t);
  const fitted = FLOOR_KINDS.map((kind) => {
    const fitter = floorFitter(own.points.map(({ n }) => n), kind); // biome-ignore format: one thought
    const fit = fitter.fit(times);
    return { fitter, fit, criterion: criterion(evidence, fit.rss, PARAMETERS) };
  }).sort((a, b) => a.criterion - b.criterion);
  const least = min(fitted.map((one) => one.criterion));
  const kinds = fitted
    .filter((one) => one.criterion - least <= PLAUSIBLE_DELTA)
    .map(({ fitter, fit }): KindExponent => {
      const profile = fitter.profile(times);
      const ci = evidence.noise === null ? profile : bootstrapInterval(own, fitter, fit);
      return { value: fit.exponent, ci: own.medians.length === 0 ? null : ci, fit, profile };
    });
  const [best] = kinds as [KindExponent];
  const profile = hull(kinds.map((kind) => kind.profile));
  const ci = best.ci && hull(kinds.map((kind) => kind.ci as Interval));
  const misfit = lackOfFit(evidence, best.fit.rss, PARAMETERS) ?? misfitOfLonger(own);
  const unidentified = tooFew(own) ?? unfit(own, best.fit, misfit) ?? whyVague(own, kinds, ci, profile);
  return { ...best, ci, profile, kinds, misfit, unidentified };
}

/**
 * Lack of fit of the longer half alone, fitted by itself: its processes may agree far better than those of short lengths,
 * whose noise would hide that its slopes still climb.
 */
function misfitOfLonger({ points, times, medians, fewest }: Replicates): number | null {
  const size = Math.ceil(points.length / 2);
  if (size < MIN_LENGTHS_FOR_FLOOR) return null;
  const longer = points.slice(-size);
  const own = { fewest, points: longer, times: times.slice(-size), medians: medians.map((all) => all.slice(-size)) };
  return lackOfFit(evidenceOf(own), fitFloor(longer).rss, PARAMETERS);
}

/** Bootstrap; where resamples find no floor, a pure power is not excluded, and its interval belongs to it. */
function bootstrapInterval(own: Replicates, fitter: FloorFitter, { exponent }: FloorFit): Interval {
  const fits = own.medians.map(fitter.fit);
  const ends = widened(exponent, percentileInterval(fits.map((fit) => fit.exponent)), own.fewest);
  const without = fits.filter(({ floor }) => floor === 0).length;
  const pure = without >= NO_FLOOR_SHARE * fits.length ? powerLawExponent(own).ci : null;
  const [low, high] = hull(pure === null ? [ends] : [ends, pure]);
  return [Math.max(0, low), Math.min(MAX_EXPONENT, high)];
}

/** t over n of a fit that is identified: others are not drawn, nor asked where curves cross. */
export function identifiedCurve(floor: FloorExponent | null): ((n: number) => number) | null {
  return floor === null || floor.unidentified !== null ? null : (n) => floorFitAt(floor.fit, n);
}

/**
 * Whether a log-log exponent misleads: it lies outside the floor fit's interval, or far from what was identified or from
 * the middle of its interval, which leans to the other kind of floor where that is not excluded.
 */
export function isLogLogBiased(logLog: number, { ci, profile, value, unidentified }: FloorExponent): boolean {
  const interval = ci ?? profile;
  if (isVague(interval)) return false;
  const outside = logLog < interval[0] - TOLERANCE || logLog > interval[1] + TOLERANCE;
  const far = [value, (interval[0] + interval[1]) / 2].some((one) => Math.abs(logLog - one) > BIAS_LIMIT);
  return outside || (unidentified === null && far);
}

function tooFew({ points }: Replicates): string | null {
  const lengths = points.map(({ n }) => n);
  const range = max(lengths) / min(lengths);
  if (lengths.length < MIN_LENGTHS_FOR_FLOOR) return `${lengths.length} lengths, needs ${MIN_LENGTHS_FOR_FLOOR}`;
  return range < MIN_RANGE ? `lengths span ${Number(range.toPrecision(3))}×, needs ${MIN_RANGE}×` : null;
}

/** No power beside a floor has this shape. */
function unfit(own: Replicates, { exponent }: FloorFit, misfit: number | null): string | null {
  if (exponent >= MAX_EXPONENT - TOLERANCE) return `time grows faster than n^${MAX_EXPONENT}`;
  const { value, ci } = powerLawExponent(own);
  if ((ci?.[1] ?? value) < -TOLERANCE) return 'time falls as n grows';
  if (misfit === null) return null;
  return `no power beside a floor fits: it misses by ${Math.sqrt(misfit).toPrecision(2)} times what processes differ by`;
}

function whyVague(
  { points }: Replicates,
  kinds: readonly KindExponent[],
  ci: Interval | null,
  profile: Interval,
): string | null {
  const intervals = [ci ?? profile, profile];
  if (intervals.some(([low]) => low <= TOLERANCE)) return 'no growth beyond the noise';
  const apart = kinds.length > 1 && kindsDisagree(kinds);
  if (apart)
    return `either kind of floor fits: ${kinds.map(({ fit, value }) => `${fit.kind} ${value.toFixed(2)}`).join(', ')}`;
  const vague = intervals.find(isVague);
  if (vague !== undefined) return `anything in ${ends(vague)} fits`;
  if (ci === null || Math.max(widthOf(ci), widthOf(profile)) <= NARROW) return null;
  // Per quantile: with few lengths the profile is wider by Student's t alone, which is no contradiction.
  const [drawn, left] = [widthOf(ci) / NORMAL_95, widthOf(profile) / studentT95(points.length - PARAMETERS)];
  if (left <= MAX_ERROR_RATIO * drawn) return null;
  return `intervals disagree: bootstrap ${ends(ci)}, profile ${ends(profile)}`;
}

/** Whether no exponent lies in the intervals of both kinds. */
function kindsDisagree(kinds: readonly KindExponent[]): boolean {
  const intervals = kinds.map(({ ci, profile }) => ci ?? profile);
  return max(intervals.map(([low]) => low)) > min(intervals.map(([, high]) => high)) + TOLERANCE;
}

/** An interval that reaches an end of the search, or says next to nothing. */
function isVague(interval: Interval): boolean {
  const [low, high] = interval;
  return low <= TOLERANCE || high >= MAX_EXPONENT - TOLERANCE || widthOf(interval) > MAX_WIDTH;
}

/** The least interval that holds all of them. */
export function hull(intervals: readonly Interval[]): Interval {
  return [min(intervals.map(([low]) => low)), max(intervals.map(([, high]) => high))];
}

function widthOf([low, high]: Interval): number {
  return high - low;
}

function ends(interval: Interval): string {
  return `[${interval.map((end) => end.toFixed(2)).join(', ')}]`;
}
