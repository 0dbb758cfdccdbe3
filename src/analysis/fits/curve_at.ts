/** A curve at a length of which people ask, measured there or not, so that two curves can be compared there. */
import { countText, type Estimate } from '../../report/format.js';
import { type Interval, MIN_PROCESSES_FOR_CI, max } from '../../statistics.js';
import { estimateRatio, grouped, type Replicates } from './bootstrap.js';
import { criterion, evidenceOf, PLAUSIBLE_DELTA } from './evidence.js';
import { fitPowerLaw, type Point, powerLawAt } from './fit.js';
import { type FloorExponent, hull, MIN_LENGTHS_FOR_FLOOR, PARAMETERS } from './floor_exponent.js';
import { floorFitAt, floorFitter } from './floor_fit.js';
import { fitQuadratic, quadraticAt } from './quadratic.js';

/** Measured there; between two measured lengths, on the line of their logarithms; beyond the longest, by the fits. The surest first. */
const SOURCES = ['measured', 'between', 'beyond'] as const;
export type Source = (typeof SOURCES)[number];

/** Of each fit that the data do not exclude, the floor fit's first, a curve of that length alone. */
export interface KnownAt {
  readonly source: Source;
  readonly fits: readonly Replicates[];
}
export type CurveAt = KnownAt | { readonly source: 'unknown'; readonly reason: string };

/**
 * The time of a curve at any length. Beyond the longest it is that of the floor fit, where its exponent is identified and
 * there are intervals to say how far that holds.
 * @param own ascending n
 * @param floor of the curve; null where it has too few lengths
 */
export function curveAt(own: Replicates, floor: FloorExponent | null, n: number): CurveAt {
  const { points, fewest } = own;
  const i = points.findIndex((point) => point.n >= n);
  if (points[i]?.n === n) return { source: 'measured', fits: [reduced(own, n, (times) => times[i] as number)] };
  if (i > 0) return { source: 'between', fits: [reduced(own, n, (times) => between(points, times, i, n))] };
  if (i === 0) return { source: 'unknown', reason: 'only longer ones were measured' };
  if (floor === null)
    return { source: 'unknown', reason: `${countText(points.length, 'length')}, needs ${MIN_LENGTHS_FOR_FLOOR}` };
  if (floor.unidentified !== null) return { source: 'unknown', reason: floor.unidentified };
  if (fewest < MIN_PROCESSES_FOR_CI)
    return { source: 'unknown', reason: `no interval with fewer than ${MIN_PROCESSES_FOR_CI} processes` };
  return { source: 'beyond', fits: beyond(grouped(own), floor, n) };
}

/** Time over time, from the less sure of the two sources; the interval is over all their fits. */
export function ratioAt(a: KnownAt, b: KnownAt): { readonly source: Source; readonly ratio: Estimate } {
  const source = SOURCES[max([a, b].map((one) => SOURCES.indexOf(one.source)))] as Source;
  const [best, ...others] = a.fits.flatMap((one) =>
    b.fits.map((other) => estimateRatio(one, other, ([ta], [tb]) => (ta as number) / (tb as number))),
  ) as [Estimate, ...Estimate[]];
  const intervals = [best, ...others].flatMap(({ ci }): Interval[] => (ci === null ? [] : [ci]));
  return { source, ratio: { value: best.value, ci: intervals.length === 0 ? null : hull(intervals) } };
}

/**
 * Each shape that the data do not exclude, fitted to every resample: the kinds of floor, the power law where the interval
 * holds its exponent, and constant, linear and quadratic parts, which over a short range look like one power, and grow faster.
 */
function beyond(own: Replicates, { kinds, ci, fit }: FloorExponent, n: number): Replicates[] {
  const lengths = own.points.map((point) => point.n);
  const pointsOf = (times: readonly number[]): Point[] => lengths.map((at, i) => ({ n: at, t: times[i] as number }));
  const floors = kinds.map(({ fit: { kind } }) => {
    const fitter = floorFitter(lengths, kind);
    return reduced(own, n, (times) => floorFitAt(fitter.fit(times), n));
  });
  const { exponent } = fitPowerLaw(own.points);
  const isPower = ci !== null && ci[0] <= exponent && exponent <= ci[1];
  const [evidence, { rss }] = [evidenceOf(own), fitQuadratic(own.points)];
  const isQuadratic =
    criterion(evidence, rss, PARAMETERS) - criterion(evidence, fit.rss, PARAMETERS) <= PLAUSIBLE_DELTA;
  return [
    ...floors,
    ...(isPower ? [reduced(own, n, (times) => powerLawAt(fitPowerLaw(pointsOf(times)), n))] : []),
    ...(isQuadratic ? [reduced(own, n, (times) => quadraticAt(fitQuadratic(pointsOf(times)), n))] : []),
  ];
}

/** Between point i and the one before it. */
function between(points: readonly Point[], times: readonly number[], i: number, n: number): number {
  const [from, to] = [times[i - 1] as number, times[i] as number];
  const [low, high] = [(points[i - 1] as Point).n, (points[i] as Point).n];
  return from * (to / from) ** (Math.log(n / low) / Math.log(high / low));
}

/** A curve of one length. */
function reduced(
  { fewest, times, medians }: Replicates,
  n: number,
  timeAt: (times: readonly number[]) => number,
): Replicates {
  const t = timeAt(times);
  return { fewest, points: [{ n, t }], times: [t], medians: medians.map((drawn) => [timeAt(drawn)]) };
}
