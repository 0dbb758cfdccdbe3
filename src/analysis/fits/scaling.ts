/** How any {n, t} data grows: the fits of one curve, and where two curves cross (docs/method.md, "Fits"). */
import { check } from '../../errors.js';
import type { Estimate } from '../../report/format.js';
import {
  estimate,
  grouped,
  powerLawExponent,
  presentValues,
  type ReplicatedPoint,
  type Replicates,
  replicate,
} from './bootstrap.js';
import { type ClassFit, fitClasses } from './classes.js';
import { type Crossover, crossover } from './crossover.js';
import { checkPoints, fitPowerLaw, MIN_LENGTHS, type PowerLaw, powerLawSlope, upperHalf } from './fit.js';
import { type FloorExponent, floorExponent, identifiedCurve, isLogLogBiased } from './floor_exponent.js';
import { fitQuadratic, type QuadraticFit } from './quadratic.js';

/** What was measured at one length. */
export interface Observation {
  /** Length, size, count: whatever t grows with; positive. */
  readonly n: number;
  /**
   * Time, bytes, cost, positive, in any unit: one value, or one per process (run, repetition). Position i is the same
   * process at every length; null where it has no value. Fewer than 5 processes at a length give no intervals.
   */
  readonly t: number | readonly (number | null)[];
}

export interface FitOptions {
  /** Names the data in errors. */
  readonly where?: string;
  /** Of the bootstrap: the same seed gives the same intervals. */
  readonly seed?: number;
}

/** The exponent of t = factor · n^exponent by least squares on logarithms. */
export type PowerLawExponent = Estimate & { readonly fit: PowerLaw };

/** All fits of one curve; null where it has too few lengths: the power law needs 3, the others 4, classes 5 (else []). */
export interface Scaling {
  readonly powerLaw: PowerLawExponent | null;
  /** The exponent of a power of n beside a floor of either kind; its `unidentified` says why the data cannot tell it. */
  readonly floor: FloorExponent | null;
  /** The power law's exponent misleads: the floor fit's is elsewhere. */
  readonly biased: boolean;
  /** The power law's exponent over the longer half of the lengths. */
  readonly upperHalf: Estimate | null;
  /** The exponent between neighbouring lengths. */
  readonly slopes: readonly (Estimate & { readonly from: number; readonly to: number })[];
  /** The named growths that the data allow and cannot tell apart, best first; none of them: an empty list. */
  readonly classes: readonly ClassFit[];
  /** The constant, the linear and the quadratic part. */
  readonly quadratic: QuadraticFit | null;
}

/**
 * Fits how t grows with n.
 * @param points in any order, at least 3 lengths, each once
 * @returns exponents with 95 % intervals over processes, null without 5 of them; t's unit in floor, growth and factor
 * @example fitScaling([{ n: 1, t: 3 }, { n: 2, t: 12 }, { n: 4, t: 48 }]).powerLaw.value // 2
 * @throws UserError with fewer than 3 lengths, a length twice or without a value, or an n or t that is not positive
 */
export function fitScaling(
  points: readonly Observation[],
  { where = 'fitScaling', seed = 0 }: FitOptions = {},
): Scaling & { readonly powerLaw: PowerLawExponent } {
  const [own] = replicate([curveOf(points, where, MIN_LENGTHS)], seed) as [Replicates];
  return { ...scalingOf(own), powerLaw: powerLawOf(own) };
}

/**
 * The length at which two curves are equal, by interpolation of log t over log n on the lengths they share.
 * @param a,b at least 2 lengths each; position i of their values is the same process in both
 * @throws UserError as fitScaling
 */
export function findCrossover(
  a: readonly Observation[],
  b: readonly Observation[],
  { where = 'findCrossover', seed = 0 }: FitOptions = {},
): Crossover {
  const curves = [curveOf(a, `${where}: a`, 2), curveOf(b, `${where}: b`, 2)];
  const [one, other] = replicate(curves, seed) as [Replicates, Replicates];
  const [fittedA, fittedB] = [one, other].map((own) => identifiedCurve(floorOf(own)));
  return crossover(one, other, { a: fittedA ?? null, b: fittedB ?? null });
}

/** The floor fit; null with too few lengths for any. */
export function floorOf(own: Replicates): FloorExponent | null {
  return own.points.length > MIN_LENGTHS ? floorExponent(own) : null;
}

/** The fits of a curve whose processes were resampled; points in ascending n. */
export function scalingOf(own: Replicates): Scaling {
  const { points } = own;
  const few = grouped(own);
  const powerLaw = points.length >= MIN_LENGTHS ? powerLawOf(own) : null;
  const floor = floorOf(few);
  return {
    powerLaw,
    floor,
    biased: powerLaw !== null && floor !== null && isLogLogBiased(powerLaw.value, floor),
    upperHalf: points.length > MIN_LENGTHS ? upperHalfExponent(own) : null,
    slopes: points.slice(1).map(({ n }, i) => slopeBetween(own, i, n)),
    classes: points.length > MIN_LENGTHS + 1 ? fitClasses(few) : [],
    quadratic: points.length > MIN_LENGTHS ? fitQuadratic(points) : null,
  };
}

function powerLawOf(own: Replicates): PowerLawExponent {
  return { ...powerLawExponent(own), fit: fitPowerLaw(own.points) };
}

function upperHalfExponent(own: Replicates): Estimate {
  const upper = upperHalf(own.points);
  const slope = powerLawSlope(upper.map(({ n }) => n));
  return estimate(own, (times) => slope(times.slice(-upper.length)));
}

function slopeBetween(own: Replicates, low: number, to: number): Scaling['slopes'][number] {
  const from = own.points[low]?.n ?? to;
  const run = Math.log(to / from);
  return { from, to, ...estimate(own, (times) => Math.log((times[low + 1] as number) / (times[low] as number)) / run) };
}

/** Checked and in ascending n; whatever plain JavaScript passes for points. */
function curveOf(points: unknown, where: string, minLengths: number): ReplicatedPoint[] {
  check(Array.isArray(points), `${where}: must be an array of { n, t }, got ${shown(points)}`);
  const curve = Array.from(points, (point, i) => pointOf(point, i + 1, where));
  curve.sort((a, b) => a.n - b.n);
  checkPoints(curve.map((point) => ({ n: point.n, t: presentValues(point)[0] as number })), where, minLengths); // biome-ignore format: one thought
  return curve;
}

function pointOf(point: unknown, place: number, where: string): ReplicatedPoint {
  check(typeof point === 'object' && point !== null, `${where}: point ${place} must be { n, t }, got ${shown(point)}`);
  const { n, t } = point as { n?: unknown; t?: unknown };
  check(isPositive(n), `${where}: length must be positive, got ${shown(n)}`);
  const at = `${where} at n = ${n}`;
  const several = Array.isArray(t) || ArrayBuffer.isView(t);
  const values: unknown[] = several ? Array.from(t as ArrayLike<unknown>) : [t];
  const bad = values.findIndex((value) => !isPositive(value) && !(several && value === null));
  check(bad < 0, `${at}: time must be positive, got ${shown(values[bad])}`);
  check(values.some(isPositive), `${at}: needs a value, got none`);
  return { n, processes: values as (number | null)[] };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < Infinity;
}

/** A value of any type as people write it. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'bigint') return `the bigint ${value}n`;
  if (Array.isArray(value)) return 'an array';
  if (value === null || ['number', 'boolean', 'undefined'].includes(typeof value)) return String(value);
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}
