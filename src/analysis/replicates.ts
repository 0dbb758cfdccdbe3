/** Series as fits take them. */
import type { Estimate } from '../report/format.js';
import { medianTime, type ReplicatedPoint, type Replicates, replicate } from './fits/bootstrap.js';
import type { MeasuredPoint, Series } from './measurements.js';

export const replicated = ({ n, processMs }: MeasuredPoint): ReplicatedPoint => ({ n, processes: processMs });

/** Of each series, in their order: resampled together, so that what a process does to all of them cancels. */
export const replicatesOf = (series: readonly Series[], seed: number): Replicates[] =>
  replicate(
    series.map(({ points }) => points.map(replicated)),
    seed,
  );

/** The median over processes, with its interval. */
export const timeOf = (point: MeasuredPoint): Estimate => medianTime(replicated(point));
