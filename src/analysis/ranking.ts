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

/** A difference that may be smaller is none to speak of. */
export const LEAST_DIFFERENCE = 0.005;

/** Whether a model cannot be told from the fastest: its interval holds that one's time. */
export const mayBeFirst = ({ ratio }: Place): boolean => ratio.ci !== null && ratio.ci[0] < 1 + LEAST_DIFFERENCE;

/** The lengths that most models share, ascending. */
export function sharedLengths(series: readonly Series[]): number[] {
  const counts = new Map<number, number>();
  for (const { points } of series) for (const { n } of points) counts.set(n, (counts.get(n) ?? 0) + 1);
  const most = max([...counts.values()]);
  return [...counts].flatMap(([n, count]) => (count === most ? [n] : [])).sort((a, b) => a - b);
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
