/**
 * How time grows with length: fits of t over n, pure and free of units (docs/method.md, "Fits").
 * All fits but the power law minimise relative errors, sum((fit(n) - t) / t)², since noise grows with t.
 */
import { linearRegression, linearRegressionLine, rSquared } from 'simple-statistics';
import { check } from '../../errors.js';
import { mean } from '../../statistics.js';

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

export const MIN_LENGTHS = 3;

/**
 * Throws unless the points can be fitted: enough lengths, each once, every n and t positive and finite.
 * @param where names the data in the error, e.g. `BSBR prefill`
 */
export function checkPoints(points: readonly Point[], where: string, least = MIN_LENGTHS): void {
  for (const { n, t } of points) {
    check(Number.isFinite(n) && n > 0, `${where}: length must be positive, got ${n}`);
    check(Number.isFinite(t) && t > 0, `${where} at n = ${n}: time must be positive, got ${t}`);
  }
  const seen = new Set<number>();
  for (const { n } of points) {
    check(!seen.has(n), `${where}: every length once, got ${n} twice`);
    seen.add(n);
  }
  check(seen.size >= least, `${where}: needs at least ${least} lengths, got ${seen.size}`);
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

/** The exponent of fitPowerLaw for one set of lengths, whatever the times: reused by every resample. */
export function powerLawSlope(lengths: readonly number[]): (times: readonly number[]) => number {
  const logs = lengths.map(Math.log);
  const centre = mean(logs);
  const square = logs.reduce((sum, log) => sum + (log - centre) ** 2, 0);
  const weights = logs.map((log) => (log - centre) / square);
  return (times) => times.reduce((sum, t, i) => sum + (weights[i] as number) * Math.log(t), 0);
}

/** t of the power law at n. */
export function powerLawAt(fit: PowerLaw, n: number): number {
  return fit.factor * n ** fit.exponent;
}

/** The longer half of the lengths, at least 3 of them: where a floor matters least. */
export function upperHalf<T extends { readonly n: number }>(points: readonly T[]): T[] {
  const sorted = [...points].sort((a, b) => a.n - b.n);
  return sorted.slice(-Math.max(MIN_LENGTHS, Math.ceil(sorted.length / 2)));
}
