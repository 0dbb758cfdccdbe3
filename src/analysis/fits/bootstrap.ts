/**
 * Intervals by resampling processes, the unit of replication: one resample serves all lengths and models, so what a
 * process does to all its cells alike cancels in exponents and ratios (docs/method.md, "Fits").
 */
import { type Random, random } from '../../random.js';
import type { Estimate } from '../../report/format.js';
import {
  BOOTSTRAP_RESAMPLES,
  type Interval,
  MIN_PROCESSES_FOR_CI,
  max,
  mean,
  median,
  medianInterval,
  min,
  percentileInterval,
} from '../../statistics.js';
import { type Point, powerLawSlope } from './fit.js';

/** t of every process at one length: process i at position i, null where it has none. */
export interface ReplicatedPoint {
  readonly n: number;
  readonly processes: readonly (number | null)[];
}

/** The medians of one curve, and the same in every resample: medians[r][i] is point i in resample r. */
export interface Replicates {
  readonly points: readonly Point[];
  /** Of the points. */
  readonly times: readonly number[];
  /** Processes of the point that has the fewest. */
  readonly fewest: number;
  /** Empty where a point has too few processes for an interval. */
  readonly medians: readonly (readonly number[])[];
}

/** Of more points than 250, fewer resamples: all medians together are at most so many numbers. */
const MOST_MEDIANS = 5e5;
const LEAST_RESAMPLES = 200;
/** More lengths than this are grouped with their neighbours: the fits lose nothing, and take no longer. */
const MOST_LENGTHS = 48;

/** Process values as numbers, without the gaps. */
export function presentValues({ processes }: ReplicatedPoint): number[] {
  return processes.filter((value) => value !== null);
}

/** The median over processes, with its own interval. */
export function medianTime(point: ReplicatedPoint): Estimate {
  const values = presentValues(point);
  return { value: median(values), ci: medianInterval(values) };
}

/**
 * Resamples processes, once for all curves. A point that lacks some of them takes as many draws as it has processes, the
 * first that hit one: so its interval is that of its own processes, however many the others have.
 * @param curves the points of each curve; position i of `processes` is the same process in all of them
 * @param seed of the resampling
 */
export function replicate(
  curves: readonly (readonly ReplicatedPoint[])[],
  seed: number,
  resamples = BOOTSTRAP_RESAMPLES,
): Replicates[] {
  const points = curves.flat();
  const groups = new Map(points.map((point) => [groupOf(point), point.processes.map((value) => value !== null)]));
  const rng = random(seed, 'bootstrap');
  const count = min([resamples, max([LEAST_RESAMPLES, Math.floor(MOST_MEDIANS / points.length)])]);
  const draws = Array.from({ length: count }, () => drawFor(groups, rng));
  return curves.map((curve) => {
    const fewest = min(curve.map((point) => presentValues(point).length));
    const ranked = curve.map(rank);
    const times = curve.map((point) => median(presentValues(point)));
    return {
      fewest,
      times,
      points: curve.map(({ n }, i) => ({ n, t: times[i] as number })),
      medians: fewest < MIN_PROCESSES_FOR_CI ? [] : draws.map((draw) => ranked.map((one) => medianDrawn(one, draw))),
    };
  });
}

/** Points that have the same processes share their draws. */
function groupOf({ processes }: ReplicatedPoint): string {
  return processes.map((value) => (value === null ? '-' : '+')).join('');
}

/** How often each process was drawn, for each group of points. */
type Draw = ReadonlyMap<string, readonly number[]>;

/** Draws processes until every group has been hit as often as it has processes. */
function drawFor(groups: ReadonlyMap<string, readonly boolean[]>, rng: Random): Draw {
  const processes = max([...groups.values()].map((has) => has.length));
  const open = [...groups].map(([group, has]) => {
    return { group, has, wanted: has.filter(Boolean).length, counts: new Array<number>(has.length).fill(0) };
  });
  while (open.some(({ wanted }) => wanted > 0)) {
    const i = rng.integer(processes);
    for (const one of open) {
      if (one.wanted === 0 || !one.has[i]) continue;
      one.wanted--;
      one.counts[i] = (one.counts[i] as number) + 1;
    }
  }
  return new Map(open.map(({ group, counts }) => [group, counts]));
}

/** The values of a point in ascending order, each with its process. */
interface Ranked {
  readonly group: string;
  readonly values: readonly number[];
  readonly processes: readonly number[];
}

function rank(point: ReplicatedPoint): Ranked {
  const pairs = point.processes.flatMap((value, process) => (value === null ? [] : [{ value, process }]));
  pairs.sort((a, b) => a.value - b.value);
  return {
    group: groupOf(point),
    values: pairs.map(({ value }) => value),
    processes: pairs.map(({ process }) => process),
  };
}

/** The median of a point's values, each as often as it was drawn, without sorting again. */
function medianDrawn({ group, values, processes }: Ranked, draw: Draw): number {
  const counts = draw.get(group) as readonly number[];
  let seen = 0;
  let lower: number | null = null;
  for (let rank = 0; rank < values.length; rank++) {
    seen += counts[processes[rank] as number] as number;
    const value = values[rank] as number;
    if (lower === null && 2 * seen >= values.length) lower = value;
    if (lower !== null && 2 * seen > values.length) return (lower + value) / 2;
  }
  return lower ?? Number.NaN;
}

/** Any statistic of a curve's medians with its bootstrap interval. */
export function estimate(own: Replicates, statistic: (times: readonly number[]) => number): Estimate {
  const value = statistic(own.times);
  if (own.medians.length === 0) return { value, ci: null };
  return { value, ci: widened(value, percentileInterval(own.medians.map(statistic)), own.fewest) };
}

/** The logarithm of a statistic of two curves, resampled together, back on its own scale: intervals of ratios. */
export function estimateRatio(
  a: Replicates,
  b: Replicates,
  statistic: (a: readonly number[], b: readonly number[]) => number,
): Estimate {
  const value = statistic(a.times, b.times);
  const count = min([a.medians.length, b.medians.length]);
  if (count === 0) return { value, ci: null };
  const both = Array.from({ length: count }, (_, r) =>
    Math.log(statistic(a.medians[r] as number[], b.medians[r] as number[])),
  );
  const [low, high] = widened(Math.log(value), percentileInterval(both), min([a.fewest, b.fewest]));
  // From the value: without spread both ends are the value itself.
  return { value, ci: [value * Math.exp(low - Math.log(value)), value * Math.exp(high - Math.log(value))] };
}

/** A bootstrap over G processes is too narrow by sqrt((G - 1) / G): its variance divides by G. */
export function widened(value: number, [low, high]: Interval, processes: number): Interval {
  const factor = Math.sqrt(processes / (processes - 1));
  return [value - factor * (value - low), value + factor * (high - value)];
}

/** The log-log exponent with its interval. */
export function powerLawExponent(own: Replicates): Estimate {
  return estimate(own, powerLawSlope(own.points.map(({ n }) => n)));
}

/** Groups of neighbours as one length, by geometric means, where lengths are many. */
export function grouped(own: Replicates): Replicates {
  const { points, medians, fewest } = own;
  if (points.length <= MOST_LENGTHS) return own;
  const logs = points.map(({ n }) => Math.log(n));
  const [first, last] = [min(logs), max(logs)];
  const members: number[][] = [];
  let latest = -1;
  for (const [i, log] of logs.entries()) {
    const group = Math.min(MOST_LENGTHS - 1, Math.floor((MOST_LENGTHS * (log - first)) / (last - first)));
    if (group !== latest) members.push([]);
    members.at(-1)?.push(i);
    latest = group;
  }
  const meansOf = (values: readonly number[]): number[] =>
    members.map((group) => Math.exp(mean(group.map((i) => Math.log(values[i] as number)))));
  const times = meansOf(own.times);
  return {
    points: meansOf(points.map(({ n }) => n)).map((n, i) => ({ n, t: times[i] as number })),
    times,
    medians: medians.map(meansOf),
    fewest,
  };
}
