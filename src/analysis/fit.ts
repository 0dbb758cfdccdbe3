/**
 * How time grows with length: fits of t over n, pure and free of units (docs/method.md, "Fits").
 * All fits but the power law minimise relative errors, sum((fit(n) - t) / t)², since noise grows with t.
 */
import { linearRegression, linearRegressionLine, logAverage, rSquared } from 'simple-statistics';
import { check } from '../errors.js';
import type { Interval } from '../statistics.js';

/** One measured length; t in any unit, the fit's coefficients are in the same. */
export interface Point {
  readonly n: number;
  readonly t: number;
}

/** t = factor · n^exponent. */
export interface PowerLaw {
  readonly exponent: number;
  readonly factor: number;
  /** R² of log t over log n; null for a constant t, where it is undefined. */
  readonly r2Log: number | null;
}

/** t = floor + growth · (n / n0)^exponent, with n0 the geometric mean of the lengths. */
export interface FloorFit {
  readonly floor: number;
  readonly growth: number;
  readonly exponent: number;
  readonly n0: number;
  /** Sum of squared relative errors. */
  readonly rss: number;
}

export const MIN_LENGTHS = 3;
export const MAX_EXPONENT = 3.5;
export const EXPONENT_STEP = 0.005;

/**
 * Throws unless the points can be fitted: enough lengths, each once, every n and t positive and finite.
 * @param where names the data in the error, e.g. `BSBR prefill`
 */
export function checkPoints(points: readonly Point[], where: string, least = MIN_LENGTHS): void {
  for (const { n, t } of points) {
    check(Number.isFinite(n) && n > 0, `${where}: length must be positive, got ${n}`);
    check(Number.isFinite(t) && t > 0, `${where} at n = ${n}: time must be positive, got ${t}`);
  }
  const lengths = new Set(points.map(({ n }) => n)).size;
  check(lengths === points.length, `${where}: every length once, got ${points.map(({ n }) => n).join(' ')}`);
  check(lengths >= least, `${where}: needs at least ${least} lengths, got ${lengths}`);
}

/**
 * Least squares on logarithms: log t = log factor + exponent · log n. A floor in t bends it: see fitFloor.
 * @example fitPowerLaw([{ n: 1, t: 3 }, { n: 2, t: 12 }, { n: 4, t: 48 }]).exponent // 2
 * @throws UserError with fewer than 3 lengths or a t that is not positive
 */
export function fitPowerLaw(points: readonly Point[], where = 'fit'): PowerLaw {
  checkPoints(points, where);
  const logs = points.map(({ n, t }) => [Math.log(n), Math.log(t)]);
  const line = linearRegression(logs);
  const constant = points.every(({ t }) => t === points[0]?.t);
  const r2Log = constant ? null : rSquared(logs, linearRegressionLine(line));
  return { exponent: line.m, factor: Math.exp(line.b), r2Log };
}

/** t of the power law at n. */
export function powerLawAt(fit: PowerLaw, n: number): number {
  return fit.factor * n ** fit.exponent;
}

/** Exponent between each pair of neighbouring lengths; n is their geometric mean. */
export function localSlopes(points: readonly Point[]): { n: number; exponent: number }[] {
  const sorted = [...points].sort((a, b) => a.n - b.n);
  return sorted.slice(1).map((high, i) => {
    const low = sorted[i] as Point;
    return { n: Math.sqrt(low.n * high.n), exponent: Math.log(high.t / low.t) / Math.log(high.n / low.n) };
  });
}

/** The longer half of the lengths, at least 3 of them: where a floor matters least. */
export function upperHalf<T extends { readonly n: number }>(points: readonly T[]): T[] {
  const sorted = [...points].sort((a, b) => a.n - b.n);
  return sorted.slice(-Math.max(MIN_LENGTHS, Math.ceil(sorted.length / 2)));
}

/** Fits t = floor + growth · (n / n0)^exponent to one set of lengths, whatever the times: reused by every resample. */
export interface FloorFitter {
  fit(times: readonly number[]): FloorFit;
  /** Exponents whose fit is not worse than the best by F(1, m - 3) at 95 %; open ends are 0 and MAX_EXPONENT. */
  profile(times: readonly number[]): Interval;
}

/**
 * The floor fit of one set of times: exponent by grid and golden section, floor and growth in closed form, not negative.
 * @example fitFloor([8, 16, 32, 64].map((n) => ({ n, t: 100 + n * n }))).exponent // 2
 * @throws UserError with fewer than 4 lengths or a t that is not positive
 */
export function fitFloor(points: readonly Point[], where = 'floor fit'): FloorFit {
  checkPoints(points, where, 4);
  return floorFitter(points.map(({ n }) => n)).fit(points.map(({ t }) => t));
}

/** The 95 % profile interval of the floor fit's exponent, from the residuals alone. @throws UserError as fitFloor */
export function profileInterval(points: readonly Point[], where = 'floor fit'): Interval {
  checkPoints(points, where, 4);
  return floorFitter(points.map(({ n }) => n)).profile(points.map(({ t }) => t));
}

/** t of the floor fit at n. */
export function floorFitAt(fit: FloorFit, n: number): number {
  return fit.floor + fit.growth * (n / fit.n0) ** fit.exponent;
}

/** The floor's share of the time at n; what is below a thousandth is called 0. */
export function floorShare(fit: FloorFit, n: number): number {
  const share = fit.floor / floorFitAt(fit, n);
  return share < 1e-3 ? 0 : share;
}

/** Prepares the floor fit for these lengths: the powers on the grid are computed once. */
export function floorFitter(lengths: readonly number[]): FloorFitter {
  const n0 = logAverage([...lengths]);
  const x = lengths.map((n) => n / n0);
  const exponents = Array.from({ length: Math.round(MAX_EXPONENT / EXPONENT_STEP) + 1 }, (_, i) => i * EXPONENT_STEP);
  const powers = exponents.map((c) => Float64Array.from(x, (xi) => xi ** c));
  const rssAt = (c: number, t: Float64Array): number =>
    solveFloor(
      Float64Array.from(x, (xi) => xi ** c),
      t,
    ).rss;

  const scaled = (times: readonly number[]): { scale: number; t: Float64Array } => {
    const scale = logAverage([...times]);
    return { scale, t: Float64Array.from(times, (ti) => ti / scale) };
  };
  const best = (t: Float64Array): number => {
    let index = 0;
    let least = Infinity;
    powers.forEach((p, i) => {
      const { rss } = solveFloor(p, t);
      if (rss < least) [least, index] = [rss, i];
    });
    const c = index * EXPONENT_STEP;
    const low = Math.max(0, c - EXPONENT_STEP);
    return goldenSection((e) => rssAt(e, t), low, Math.min(MAX_EXPONENT, c + EXPONENT_STEP));
  };

  return {
    fit: (times) => {
      const { scale, t } = scaled(times);
      const exponent = best(t);
      const { a, b, rss } = solveFloor(
        Float64Array.from(x, (xi) => xi ** exponent),
        t,
      );
      return { floor: a * scale, growth: b * scale, exponent, n0, rss };
    },
    profile: (times) => {
      const { t } = scaled(times);
      const c = best(t);
      const freedom = t.length - 3;
      const limit = rssAt(c, t) * (1 + studentT95(freedom) ** 2 / freedom);
      const within = exponents.filter((_, i) => solveFloor(powers[i] as Float64Array, t).rss <= limit);
      // Half a step outwards: the true end lies between the last accepted and the first rejected exponent.
      const low = Math.min(c, (within[0] ?? c) - EXPONENT_STEP / 2);
      const high = Math.max(c, (within.at(-1) ?? c) + EXPONENT_STEP / 2);
      return [Math.max(0, low), Math.min(MAX_EXPONENT, high)];
    },
  };
}

/** a, b >= 0 that minimise sum((a + b p - t) / t)²: the 2×2 normal equations, or the better edge. */
function solveFloor(p: Float64Array, t: Float64Array): { a: number; b: number; rss: number } {
  let [uu, uv, vv, u1, v1] = [0, 0, 0, 0, 0];
  for (let i = 0; i < t.length; i++) {
    const u = 1 / (t[i] as number);
    const v = (p[i] as number) * u;
    uu += u * u;
    uv += u * v;
    vv += v * v;
    u1 += u;
    v1 += v;
  }
  const determinant = uu * vv - uv * uv;
  const a = (u1 * vv - v1 * uv) / determinant;
  const b = (v1 * uu - u1 * uv) / determinant;
  if (determinant > 1e-12 * uu * vv && a >= 0 && b >= 0) return { a, b, rss: relativeRss(a, b, p, t) };
  const flat = { a: u1 / uu, b: 0, rss: relativeRss(u1 / uu, 0, p, t) };
  const bare = { a: 0, b: v1 / vv, rss: relativeRss(0, v1 / vv, p, t) };
  return bare.rss < flat.rss ? bare : flat;
}

function relativeRss(a: number, b: number, p: Float64Array, t: Float64Array): number {
  let rss = 0;
  for (let i = 0; i < t.length; i++) rss += ((a + b * (p[i] as number)) / (t[i] as number) - 1) ** 2;
  return rss;
}

/** Where f is least in [low, high], to 1e-6. */
function goldenSection(f: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [left, right] = [high - ratio * (high - low), low + ratio * (high - low)];
  let [fLeft, fRight] = [f(left), f(right)];
  while (high - low > 1e-6) {
    if (fLeft <= fRight) {
      [high, right, fRight, left] = [right, left, fLeft, right - ratio * (right - low)];
      fLeft = f(left);
    } else {
      [low, left, fLeft, right] = [left, right, fRight, left + ratio * (high - left)];
      fRight = f(right);
    }
  }
  return (low + high) / 2;
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
