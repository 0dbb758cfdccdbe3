/** What several tables say alike. */
import { integerText } from '../../report/format.js';
import { max } from '../../statistics.js';
import type { AnalyzedPoint, ModelAnalysis } from '../analysis.js';

export const NONE = '–';

/** A series has at least one point. */
export function largest(points: readonly AnalyzedPoint[]): AnalyzedPoint {
  return points.at(-1) as AnalyzedPoint;
}

/** The last point of a model; n only where it is not the last of all. */
export function atLargest(
  points: readonly AnalyzedPoint[],
  maxLength: number,
  text: (point: AnalyzedPoint) => string,
): string {
  const point = points.at(-1);
  if (point === undefined) return NONE;
  return text(point) + (point.n === maxLength ? '' : ` (n = ${integerText(point.n)})`);
}

/** For titles: which n a row is of, where all are of one. */
export function lastLength(models: readonly ModelAnalysis[]): string {
  const [n, ...others] = new Set(models.flatMap(({ points }) => points.map((point) => point.n)));
  return n === undefined || others.length > 0 ? 'the largest n' : `n = ${integerText(n)}`;
}

export function largestLength(models: readonly ModelAnalysis[]): number {
  return max(models.flatMap(({ points }) => points.map(({ n }) => n)));
}
