/** How much of the time each power of n has: t = a + b·n + d·n² (docs/method.md, B.4). */
import { logAverage } from 'simple-statistics';
import { checkPoints, type Point } from './fit.js';

/** t = constant + linear · n + quadratic · n², no coefficient negative. */
export interface QuadraticFit {
  readonly constant: number;
  readonly linear: number;
  readonly quadratic: number;
  /** Sum of squared relative errors. */
  readonly rss: number;
}

/**
 * Splits t into a constant, a linear and a quadratic part: BSBR's shape, whose bank of chunks grows with n.
 * @example fitQuadratic([1, 2, 3, 4].map((n) => ({ n, t: 7 + 2 * n + 3 * n * n }))).quadratic // 3
 * @throws UserError with fewer than 4 lengths or a t that is not positive
 */
export function fitQuadratic(points: readonly Point[], where = 'quadratic fit'): QuadraticFit {
  checkPoints(points, where, 4);
  const [n0, t0] = [logAverage(points.map(({ n }) => n)), logAverage(points.map(({ t }) => t))];
  const columns = [0, 1, 2].map((power) => points.map(({ n, t }) => (n / n0) ** power / (t / t0)));
  const { coefficients, rss } = nonNegative(columns, [0, 1, 2]);
  const [constant = 0, linear = 0, quadratic = 0] = coefficients.map((coefficient) => coefficient * t0);
  return { constant, linear: linear / n0, quadratic: quadratic / n0 ** 2, rss };
}

/** t of the fit at n. */
export function quadraticAt({ constant, linear, quadratic }: QuadraticFit, n: number): number {
  return constant + linear * n + quadratic * n * n;
}

/** Best fit of 1 by the chosen columns, none negative; where a coefficient would be negative, the best with one column fewer. */
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
