/** Which named growth fits best, and how much of the time each power has (docs/method.md, "Fits"). */
import { logAverage } from 'simple-statistics';
import { checkPoints, type Point } from './fit.js';

/** t = constant + scale · growth(n), with the small-sample Akaike criterion; less is better. */
export interface ClassFit {
  readonly name: ClassName;
  readonly constant: number;
  readonly scale: number;
  readonly aicc: number;
  /** aicc less the least of all classes: within 4 the data cannot tell them apart. */
  readonly delta: number;
}

/** t = constant + linear · n + quadratic · n², no coefficient negative. */
export interface QuadraticFit {
  readonly constant: number;
  readonly linear: number;
  readonly quadratic: number;
  /** Sum of squared relative errors. */
  readonly rss: number;
}

const GROWTHS = {
  '1': null,
  'log n': Math.log,
  n: (n: number) => n,
  'n log n': (n: number) => n * Math.log(n),
  'n^1.5': (n: number) => n ** 1.5,
  'n²': (n: number) => n * n,
} as const satisfies Record<string, ((n: number) => number) | null>;
export type ClassName = keyof typeof GROWTHS;

export const PLAUSIBLE_DELTA = 4;
const MIN_LENGTHS_FOR_CLASSES = 5;
/** Relative errors below this are rounding, not evidence. */
const LEAST_RELATIVE_ERROR = 1e-6;

/**
 * Fits the named classes, best first. A class whose growing part comes out as zero is the constant, so it is left out.
 * @example fitClasses([1, 2, 4, 8, 16].map((n) => ({ n, t: 5 + n * n })))[0]?.name // 'n²'
 * @throws UserError with fewer than 5 lengths or a t that is not positive
 */
export function fitClasses(points: readonly Point[], where = 'classes'): ClassFit[] {
  checkPoints(points, where, MIN_LENGTHS_FOR_CLASSES);
  const fits = (Object.keys(GROWTHS) as ClassName[]).flatMap((name) => {
    const growth = GROWTHS[name];
    const columns = growth === null ? [points.map(() => 1)] : [points.map(() => 1), points.map(({ n }) => growth(n))];
    const { coefficients, rss } = relativeLeastSquares(columns, points);
    const [constant = 0, scale = 0] = coefficients;
    if (growth !== null && scale === 0) return [];
    return [{ name, constant, scale, aicc: aicc(rss, points.length, columns.length + 1) }];
  });
  const least = Math.min(...fits.map((fit) => fit.aicc));
  return fits.map((fit) => ({ ...fit, delta: fit.aicc - least })).sort((a, b) => a.delta - b.delta);
}

/**
 * Splits t into a constant, a linear and a quadratic part: BSBR's shape, whose bank of chunks grows with n.
 * @example fitQuadratic([1, 2, 3, 4].map((n) => ({ n, t: 7 + 2 * n + 3 * n * n }))).quadratic // 3
 * @throws UserError with fewer than 4 lengths or a t that is not positive
 */
export function fitQuadratic(points: readonly Point[], where = 'quadratic fit'): QuadraticFit {
  checkPoints(points, where, 4);
  const n0 = logAverage(points.map(({ n }) => n));
  const { coefficients, rss } = relativeLeastSquares(
    [0, 1, 2].map((power) => points.map(({ n }) => (n / n0) ** power)),
    points,
  );
  const [constant = 0, linear = 0, quadratic = 0] = coefficients;
  return { constant, linear: linear / n0, quadratic: quadratic / n0 ** 2, rss };
}

/**
 * Scales a known cost to the times: t = constant + scale · cost, neither negative; the theory curve of a chart.
 * @param costs one per point, e.g. counted FLOPs
 */
export function fitCost(points: readonly Point[], costs: readonly number[]): { constant: number; scale: number } {
  const unit = Math.max(...costs, Number.MIN_VALUE);
  const { coefficients } = relativeLeastSquares([points.map(() => 1), costs.map((cost) => cost / unit)], points);
  return { constant: coefficients[0] ?? 0, scale: (coefficients[1] ?? 0) / unit };
}

/** Akaike's criterion for small samples; parameters count the variance. */
function aicc(rss: number, points: number, parameters: number): number {
  const variance = Math.max(rss / points, LEAST_RELATIVE_ERROR ** 2);
  const penalty = (2 * parameters * (parameters + 1)) / (points - parameters - 1);
  return points * Math.log(variance) + 2 * parameters + penalty;
}

/** Coefficients >= 0 that minimise the sum of ((Σ coefficient · column − t) / t)². */
function relativeLeastSquares(columns: readonly (readonly number[])[], points: readonly Point[]) {
  const scaled = columns.map((column) => column.map((value, i) => value / (points[i] as Point).t));
  return nonNegative(
    scaled,
    columns.map((_, i) => i),
  );
}

/** Best fit of 1 by the chosen columns; where a coefficient would be negative, the best with one column fewer. */
function nonNegative(
  columns: readonly (readonly number[])[],
  chosen: readonly number[],
): { coefficients: number[]; rss: number } {
  const solution = solve(
    chosen.map((i) => chosen.map((j) => dot(columns[i] ?? [], columns[j] ?? []))),
    chosen.map((i) => (columns[i] ?? []).reduce((sum, value) => sum + value, 0)),
  );
  if (solution?.every((value) => value >= 0)) {
    const coefficients = columns.map((_, i) => (chosen.includes(i) ? (solution[chosen.indexOf(i)] as number) : 0));
    const fitted = (columns[0] ?? []).map((_, row) =>
      dot(
        coefficients,
        columns.map((column) => column[row] as number),
      ),
    );
    return { coefficients, rss: fitted.reduce((sum, value) => sum + (value - 1) ** 2, 0) };
  }
  return chosen
    .map((dropped) =>
      nonNegative(
        columns,
        chosen.filter((i) => i !== dropped),
      ),
    )
    .reduce((best, fit) => (fit.rss < best.rss ? fit : best));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
}

/** Gauss-Jordan elimination of a symmetric positive matrix, scaled to a unit diagonal; null when it is singular. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | null {
  const size = right.length;
  const scale = matrix.map((row, i) => 1 / Math.sqrt(row[i] as number));
  const at = (i: number): number => scale[i] as number;
  const rows = matrix.map((row, i) => [...row.map((v, j) => v * at(i) * at(j)), (right[i] as number) * at(i)]);
  for (let pivot = 0; pivot < size; pivot++) {
    const row = rows[pivot] as number[];
    const head = row[pivot] as number;
    if (!(head > 1e-12)) return null;
    for (const other of rows) {
      if (other === row) continue;
      const factor = (other[pivot] as number) / head;
      for (let j = pivot; j <= size; j++) other[j] = (other[j] as number) - factor * (row[j] as number);
    }
  }
  return rows.map((row, i) => ((row[size] as number) / (row[i] as number)) * at(i));
}
