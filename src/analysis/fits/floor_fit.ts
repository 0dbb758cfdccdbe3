/**
 * A power of n beside a constant, of two kinds (docs/method.md, B.2): t = (floor^p + (growth · (n / n0)^c)^p)^(1/p).
 * Added, p = 1: the constant is paid before the work. Overlapped, p = 8: it hides the work, or hides behind it, as
 * launches do on a GPU; a smooth maximum, 9 % above both where they are equal. Errors are of log t: noise grows with t.
 */
import { type Interval, max, mean, min, studentT95 } from '../../statistics.js';
import { checkPoints, type Point } from './fit.js';
import { centre, leastOn, outermost, softplus } from './numeric.js';

/** p: a larger one than 8 changes no time by more than 9 %, and only near the corner. */
export const SHARPNESS = { added: 1, overlapped: 8 } as const;
export type FloorKind = keyof typeof SHARPNESS;
export const FLOOR_KINDS = Object.keys(SHARPNESS) as FloorKind[];

/** t = (floor^p + (growth · (n / n0)^exponent)^p)^(1/p), with n0 the geometric mean of the lengths. */
export interface FloorFit {
  readonly kind: FloorKind;
  readonly floor: number;
  readonly growth: number;
  readonly exponent: number;
  readonly n0: number;
  /** Sum of squared errors of log t. */
  readonly rss: number;
}

/** Fits one kind to one set of lengths, whatever the times: reused by every resample. */
export interface FloorFitter {
  fit(times: readonly number[]): FloorFit;
  /** Exponents whose fit is not worse than the best by F(1, m - 3) at 95 %, any of 3 lengths; open ends are 0 and MAX_EXPONENT. */
  profile(times: readonly number[]): Interval;
}

export const MAX_EXPONENT = 4.5;
const GRID_STEP = 0.15;
const GRID_CORNERS = 16;
/** Of a refinement, which ends when a step gains less than this share of the errors. */
const CONVERGED = 1e-6;
const MAX_STEPS = 100;
const [LEAST_DAMPING, MAX_DAMPING] = [1e-5, 1e3];
/** Below this share of the floor at the smallest n, there is none. */
export const LEAST_SHARE = 1e-3;
/** How far corners are searched beyond the lengths, as the logarithm of (growth / floor)^p at the nearest of them. */
const BEYOND = Math.log(1 / LEAST_SHARE);

/**
 * The floor fit of one set of times, of the kind that fits better.
 * @example fitFloor([8, 16, 32, 64].map((n) => ({ n, t: 100 + n * n }))).exponent // 2
 * @throws UserError with fewer than 4 lengths or a t that is not positive
 */
export function fitFloor(
  points: readonly Point[],
  kinds: readonly FloorKind[] = FLOOR_KINDS,
  where = 'floor fit',
): FloorFit {
  checkPoints(points, where, 4);
  const [lengths, times] = [points.map(({ n }) => n), points.map(({ t }) => t)];
  const fits = kinds.map((kind) => floorFitter(lengths, kind).fit(times));
  return fits.reduce((best, fit) => (fit.rss < best.rss ? fit : best));
}

/** t of the floor fit at n. */
export function floorFitAt({ kind, floor, growth, exponent, n0 }: FloorFit, n: number): number {
  const grown = growth * (n / n0) ** exponent;
  const larger = Math.max(floor, grown);
  return larger * (1 + (Math.min(floor, grown) / larger) ** SHARPNESS[kind]) ** (1 / SHARPNESS[kind]);
}

/** The floor's share of the time at n; what is below a thousandth is called 0. */
export function floorShare(fit: FloorFit, n: number): number {
  const share = fit.floor / floorFitAt(fit, n);
  return share < LEAST_SHARE ? 0 : share;
}

/** The length at which the floor and the growing part are equal; 0 without a floor. */
export function floorEnd({ floor, growth, exponent, n0 }: FloorFit): number {
  return n0 * (floor / growth) ** (1 / exponent);
}

/** A shape but for its scale: log t = base + log(1 + exp(corner + p c y)) / p, with y = log(n / smallest n). */
interface Shape {
  readonly c: number;
  /** log of (growth / floor)^p at the smallest n; Infinity without a floor. */
  readonly corner: number;
}
type Solution = Shape & { readonly rss: number };

/** What is fitted, beside l = log t of mean 0: y = log(n / smallest n), and the largest of them. */
interface Data {
  readonly p: number;
  readonly y: Float64Array;
  readonly range: number;
}

/** Prepares the fit for these lengths: the curves on the grid are computed once. */
export function floorFitter(lengths: readonly number[], kind: FloorKind): FloorFitter {
  const p = SHARPNESS[kind];
  const logs = lengths.map(Math.log);
  const first = min(logs);
  const y = Float64Array.from(logs, (log) => log - first);
  const data: Data = { p, y, range: max(logs) - first };
  const n0 = Math.exp(mean(logs));
  const grid = gridOf(data);
  const best = (l: Float64Array): Solution => {
    const power = purePower(y, l);
    const bent = polish(data, l, nearest(grid, l));
    return bent.rss < power.rss * (1 - 1e-9) && bent.corner < BEYOND ? bent : power;
  };
  return {
    fit: (times) => {
      const l = Float64Array.from(times, Math.log);
      const level = centre(l);
      const { c, corner, rss } = best(l);
      if (corner === Infinity) return { kind, floor: 0, growth: Math.exp(level), exponent: c, n0, rss };
      const floor = Math.exp(level - centre(y.map((yi) => softplus(corner + p * c * yi) / p)));
      return { kind, floor, growth: floor * Math.exp(corner / p) * (n0 / Math.exp(first)) ** c, exponent: c, n0, rss };
    },
    profile: (times) => {
      const l = Float64Array.from(times, Math.log);
      centre(l);
      const { c, rss } = best(l);
      const freedom = l.length - 3;
      if (freedom === 0) return [0, MAX_EXPONENT];
      const limit = rss * (1 + studentT95(freedom) ** 2 / freedom);
      const end = (bound: number): number => outermost((e) => leastAt(data, l, e) <= limit, c, bound);
      return [end(0), end(MAX_EXPONENT)];
    },
  };
}

/** From a growth of a thousandth of the floor at the largest length to a thousand times it at the smallest. */
function cornersOf({ p, range }: Data, c: number): readonly [low: number, high: number] {
  return [-p * c * range - BEYOND, BEYOND];
}

/** Shapes and, row after row, their curves of mean 0. */
interface Grid {
  readonly shapes: readonly Shape[];
  readonly curves: Float64Array;
}

function gridOf(data: Data): Grid {
  const { p, y } = data;
  const exponents = Array.from({ length: Math.round(MAX_EXPONENT / GRID_STEP) }, (_, i) => (i + 1) * GRID_STEP);
  const shapes = exponents.flatMap((c) => {
    const [low, high] = cornersOf(data, c);
    const step = (high - low) / GRID_CORNERS;
    return Array.from({ length: GRID_CORNERS + 1 }, (_, i) => ({ c, corner: low + i * step }));
  });
  const curves = new Float64Array(shapes.length * y.length);
  shapes.forEach(({ c, corner }, row) => {
    const curve = y.map((yi) => softplus(corner + p * c * yi) / p);
    centre(curve);
    curves.set(curve, row * y.length);
  });
  return { shapes, curves };
}

function nearest({ shapes, curves }: Grid, l: Float64Array): Shape {
  const size = l.length;
  let least = Infinity;
  let found = 0;
  for (let row = 0; row < shapes.length; row++) {
    let rss = 0;
    for (let i = 0, at = row * size; i < size && rss < least; i++, at++) {
      rss += ((curves[at] as number) - (l[i] as number)) ** 2;
    }
    if (rss < least) [least, found] = [rss, row];
  }
  return shapes[found] as Shape;
}

/** The straight line on logarithms, not falling. */
function purePower(y: Float64Array, l: Float64Array): Solution {
  const x = Float64Array.from(y);
  centre(x);
  let [xx, xl] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    xx += (x[i] as number) ** 2;
    xl += (x[i] as number) * (l[i] as number);
  }
  const c = Math.min(MAX_EXPONENT, Math.max(0, xl / xx));
  const rss = x.reduce((sum, xi, i) => sum + ((l[i] as number) - c * xi) ** 2, 0);
  return { c, corner: Infinity, rss };
}

/** Damped Gauss-Newton steps (Levenberg-Marquardt) from a shape of the grid. */
function polish(data: Data, l: Float64Array, start: Shape): Solution {
  let now = linearized(data, l, start);
  let damping = 1e-3;
  for (let step = 0; step < MAX_STEPS && damping < MAX_DAMPING; step++) {
    const shape = damped(data, now, damping);
    const next = linearized(data, l, shape);
    const gain = now.rss - next.rss;
    damping = Math.max(LEAST_DAMPING, damping * (gain > 0 ? 0.1 : 10));
    if (gain <= 0) continue;
    now = next;
    if (gain <= CONVERGED * now.rss) break;
  }
  return now;
}

/** Errors of a shape, and the normal equations for a better one; the scale is profiled out by taking off means. */
interface Linearized extends Solution {
  /** Sums of products of the derivatives by corner (a), by c (b), and the error (r). */
  readonly aa: number;
  readonly ab: number;
  readonly bb: number;
  readonly ar: number;
  readonly br: number;
}

function linearized({ p, y }: Data, l: Float64Array, { c, corner }: Shape): Linearized {
  const size = y.length;
  let [a1, b1, r1, aa, ab, bb, ar, br, rr] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  let origin = 0; // of the errors: their own size, so that no digits are lost
  for (let i = 0; i < size; i++) {
    const yi = y[i] as number;
    const v = corner + p * c * yi;
    const e = Math.exp(-Math.abs(v));
    const share = (v >= 0 ? 1 : e) / (1 + e);
    const error = (l[i] as number) - (Math.max(v, 0) + Math.log1p(e)) / p;
    if (i === 0) origin = error;
    const [a, b, r] = [share / p, share * yi, error - origin];
    a1 += a;
    b1 += b;
    r1 += r;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ar += a * r;
    br += b * r;
    rr += r * r;
  }
  return {
    c,
    corner,
    rss: Math.max(0, rr - (r1 * r1) / size),
    aa: aa - (a1 * a1) / size,
    ab: ab - (a1 * b1) / size,
    bb: bb - (b1 * b1) / size,
    ar: ar - (a1 * r1) / size,
    br: br - (b1 * r1) / size,
  };
}

function damped(data: Data, { c, corner, aa, ab, bb, ar, br }: Linearized, damping: number): Shape {
  const [a, b] = [aa * (1 + damping), bb * (1 + damping)];
  const determinant = a * b - ab * ab || Number.MIN_VALUE;
  const nextC = Math.min(MAX_EXPONENT, Math.max(0, c + (br * a - ar * ab) / determinant));
  const nextCorner = corner + (ar * b - br * ab) / determinant;
  const [low, high] = cornersOf(data, nextC);
  return { c: nextC, corner: Math.min(high, Math.max(low, nextCorner)) };
}

/** The least sum of squares at an exponent, over all corners. */
function leastAt(data: Data, l: Float64Array, c: number): number {
  const rssAt = (corner: number): number => linearized(data, l, { c, corner }).rss;
  const [low, high] = cornersOf(data, c);
  return rssAt(leastOn(rssAt, low, high, GRID_CORNERS));
}
