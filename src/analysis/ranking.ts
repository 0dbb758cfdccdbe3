/** Which model is the fastest at one length, and how far the others are behind. */
import type { Estimate } from '../report/format.js';
import { max } from '../statistics.js';
import { estimateRatio, type Replicates } from './fits/bootstrap.js';
import type { Series } from './measurements.js';
import { timeOf } from './replicates.js';

export interface Place {
  readonly name: string;
  readonly ms: Estimate;
  /** Time over the fastest's. */
  readonly ratio: Estimate;
}

/** The order at one length. */
export interface Ranking {
  readonly n: number;
  /** The fastest first. */
  readonly places: readonly Place[];
}

/** The smallest and the largest of the lengths that most models share: one where these are the same. */
export function comparedLengths(series: readonly Series[]): number[] {
  const counts = new Map<number, number>();
  for (const { points } of series) for (const { n } of points) counts.set(n, (counts.get(n) ?? 0) + 1);
  const most = max([...counts.values()]);
  const shared = [...counts].flatMap(([n, count]) => (count === most ? [n] : [])).sort((a, b) => a - b);
  return [...new Set([shared[0], shared.at(-1)])].filter((n) => n !== undefined);
}

/** Every series that has the length, the fastest first. @param replicates of the series, in their order */
export function rankAt(n: number, series: readonly Series[], replicates: readonly Replicates[]): Ranking {
  const timed = series.flatMap(({ name, points }, s) => {
    const i = points.findIndex((point) => point.n === n);
    const point = points[i];
    if (point === undefined) return [];
    return [{ name, i, own: replicates[s] as Replicates, ms: timeOf(point) }];
  });
  timed.sort((a, b) => a.ms.value - b.ms.value);
  const [first] = timed;
  if (first === undefined) return { n, places: [] };
  return {
    n,
    places: timed.map(({ name, ms, own, i }) => ({
      name,
      ms,
      ratio: estimateRatio(own, first.own, (a, b) => (a[i] as number) / (b[first.i] as number)),
    })),
  };
}
