/** How any {n, t} data grows: the fits of one curve, and where two curves cross (docs/method.md, "Fits"). */
import { check } from '../errors.js';
import type { Estimate } from '../report/format.js';
import {
  estimate,
  type FloorExponent,
  floorExponent,
  isLogLogBiased,
  powerLawExponent,
  presentValues,
  type ReplicatedPoint,
  type Replicates,
  replicate,
  withTimes,
} from './bootstrap.js';
import { type ClassFit, fitClasses, fitQuadratic, type QuadraticFit } from './classes.js';
import { type Crossover, crossover } from './crossover.js';
import { checkPoints, fitPowerLaw, localSlopes, MIN_LENGTHS, type PowerLaw, upperHalf } from './fit.js';

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
  /** The exponent of t = floor + growth · (n / n0)^exponent; its `unidentified` says why the data cannot tell it. */
  readonly floor: FloorExponent | null;
  /** The power law's exponent misleads: the floor fit's is elsewhere. */
  readonly biased: boolean;
  /** The power law's exponent over the longer half of the lengths. */
  readonly upperHalf: Estimate | null;
  /** The exponent between neighbouring lengths. */
  readonly slopes: readonly (Estimate & { readonly from: number; readonly to: number })[];
  /** The named growths, best first: those with `delta` up to 4 cannot be told apart. */
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
  return crossover(...(replicate(curves, seed) as [Replicates, Replicates]));
}

/** The fits of a curve whose processes were resampled; points in ascending n. */
export function scalingOf(own: Replicates): Scaling {
  const { points } = own;
  const powerLaw = points.length >= MIN_LENGTHS ? powerLawOf(own) : null;
  const floor = points.length > MIN_LENGTHS ? floorExponent(own) : null;
  return {
    powerLaw,
    floor,
    biased: powerLaw !== null && floor !== null && isLogLogBiased(powerLaw.value, floor),
    upperHalf: points.length > MIN_LENGTHS ? upperHalfExponent(own) : null,
    slopes: points.slice(1).map(({ n }, i) => ({
      from: points[i]?.n ?? n,
      to: n,
      ...estimate(own, (times) => localSlopes(withTimes(points, times))[i]?.exponent ?? Number.NaN),
    })),
    classes: points.length > MIN_LENGTHS + 1 ? fitClasses(points) : [],
    quadratic: points.length > MIN_LENGTHS ? fitQuadratic(points) : null,
  };
}

function powerLawOf(own: Replicates): PowerLawExponent {
  return { ...powerLawExponent(own), fit: fitPowerLaw(own.points) };
}

function upperHalfExponent(own: Replicates): Estimate {
  return estimate(own, (times) => fitPowerLaw(upperHalf(withTimes(own.points, times))).exponent);
}

/** Checked and in ascending n. */
function curveOf(points: readonly Observation[], where: string, minLengths: number): ReplicatedPoint[] {
  const curve = points
    .map(({ n, t }): ReplicatedPoint => ({ n, processes: typeof t === 'number' ? [t] : t }))
    .sort((a, b) => a.n - b.n);
  const firsts = curve.map((point) => {
    const values = presentValues(point);
    check(values.length > 0, `${where} at n = ${point.n}: needs a value, got none`);
    return { n: point.n, t: values.find((t) => !(t > 0 && Number.isFinite(t))) ?? (values[0] as number) };
  });
  checkPoints(firsts, where, minLengths);
  return curve;
}
