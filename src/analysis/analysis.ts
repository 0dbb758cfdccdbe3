/** Everything that tables and charts say, computed once from the measurements. */
import { check } from '../errors.js';
import type { Estimate } from '../report/format.js';
import { type Interval, MIN_PROCESSES_FOR_CI, max, mean, min } from '../statistics.js';
import { estimateRatio, presentValues, type Replicates } from './fits/bootstrap.js';
import { type Crossover, crossover } from './fits/crossover.js';
import { fitPowerLaw, MIN_LENGTHS } from './fits/fit.js';
import { identifiedCurve } from './fits/floor_exponent.js';
import { type Scaling, scalingOf } from './fits/scaling.js';
import { type WorkExponent, workExponent } from './fits/work.js';
import { findSeries, type MeasuredPoint, type Measurements, type Series } from './measurements.js';
import { type Ranking, rankAt, sharedLengths } from './ranking.js';
import { replicated, replicatesOf, timeOf } from './replicates.js';

export interface AnalyzedPoint extends MeasuredPoint {
  readonly ms: Estimate;
  /** Smallest and largest process value. */
  readonly rangeMs: Interval;
  readonly processCount: number;
  /** Time over the reference's; null where the reference has none. */
  readonly slowdown: Estimate | null;
}

/** One model: its fits, and how it stands to the reference. */
export interface ModelAnalysis extends Scaling {
  readonly name: string;
  readonly model: string;
  readonly engine: string;
  /** What tells its file from others that are shown beside it; empty of one file. */
  readonly file: string;
  readonly isReference: boolean;
  readonly points: readonly AnalyzedPoint[];
  readonly flopsExponent: number | null;
  /** Time over the counted FLOPs. */
  readonly work: WorkExponent | null;
  /** Null without a length shared with the reference. */
  readonly slowdown: Slowdown | null;
}

/** Time over the reference's, over the shared lengths. */
export interface Slowdown {
  readonly average: Estimate;
  readonly least: Estimate;
  readonly most: Estimate;
}

export interface Analysis {
  readonly measurements: Measurements;
  readonly reference: string;
  readonly models: readonly ModelAnalysis[];
  /** At the smallest and at the largest length that most models share. */
  readonly rankings: readonly Ranking[];
  readonly crossovers: readonly { readonly a: string; readonly b: string; readonly crossover: Crossover }[];
  /** Fewest and most processes of a cell. */
  readonly processCounts: readonly [fewest: number, most: number];
}

/** Pairs grow as the square of the models, and nobody reads thousands: of more models, those with the reference. */
const MOST_PAIRED = 20;

/**
 * Fits and compares all models.
 * @param reference whose time is 1 in slowdowns; null takes the fastest at the largest length that most models share
 * @throws UserError for an unknown reference, or without a model
 */
export function analyze(measurements: Measurements, reference: string | null, where: string): Analysis {
  const { series, seed } = measurements;
  check(series.length > 0, `${where}: needs at least one measured model, got none`);
  const replicates = replicatesOf(series, seed);
  const rankings = sharedLengths(series).map((n) => rankAt(n, series, replicates));
  const fastest = rankings.at(-1)?.places[0]?.name ?? '';
  const base = findSeries(measurements, reference ?? fastest, `${where}: reference`);
  const baseReplicates = replicates[series.indexOf(base)] as Replicates;
  const counts = series.flatMap(({ points }) => points.map((point) => presentValues(replicated(point)).length));
  const models = series.map((one, i) => analyzeModel(one, replicates[i] as Replicates, baseReplicates));
  const curved = models.map(({ name, floor }, i) => ({
    name,
    own: replicates[i] as Replicates,
    fitted: identifiedCurve(floor),
  }));
  const compared = pairs(curved).filter(
    (pair) => curved.length <= MOST_PAIRED || pair.some(({ own }) => own === baseReplicates),
  );
  return {
    measurements,
    reference: base.name,
    models,
    rankings,
    crossovers: compared.map(([a, b]) => ({
      a: a.name,
      b: b.name,
      crossover: crossover(a.own, b.own, { a: a.fitted, b: b.fitted }),
    })),
    processCounts: [min(counts), max(counts)],
  };
}

/** All measured lengths, ascending. */
export function lengthsOf(models: readonly ModelAnalysis[]): number[] {
  return [...new Set(models.flatMap(({ points }) => points.map(({ n }) => n)))].sort((a, b) => a - b);
}

/** Whether any interval of an analysis can exist. */
export function hasIntervals({ processCounts }: Analysis): boolean {
  return processCounts[1] >= MIN_PROCESSES_FOR_CI;
}

function analyzeModel(series: Series, own: Replicates, base: Replicates): ModelAnalysis {
  const ratios = slowdowns(own, base);
  return {
    ...scalingOf(own),
    name: series.name,
    model: series.model,
    engine: series.engine,
    file: '',
    isReference: own === base,
    points: series.points.map((point) => analyzePoint(point, ratios.at.get(point.n) ?? null)),
    flopsExponent: flopsExponent(series),
    work: workExponent(own, series.points.map(({ flops }) => flops)), // biome-ignore format: one thought
    slowdown: ratios.overall,
  };
}

function analyzePoint(point: MeasuredPoint, slowdown: Estimate | null): AnalyzedPoint {
  const values = presentValues(replicated(point));
  return {
    ...point,
    ms: timeOf(point),
    rangeMs: [min(values), max(values)],
    processCount: values.length,
    slowdown,
  };
}

function flopsExponent({ points }: Series): number | null {
  const counted = points.flatMap(({ n, flops }) => (flops === null || flops === 0 ? [] : [{ n, t: flops }]));
  return counted.length < MIN_LENGTHS ? null : fitPowerLaw(counted).exponent;
}

/** Ratios of time to the reference's, at each shared length and over them. */
function slowdowns(own: Replicates, base: Replicates): { at: ReadonlyMap<number, Estimate>; overall: Slowdown | null } {
  const places = new Map(base.points.map(({ n }, j) => [n, j]));
  const shared = own.points.flatMap(({ n }, i) => {
    const j = places.get(n);
    if (j === undefined) return [];
    return [{ n, ratio: (a: readonly number[], b: readonly number[]) => (a[i] as number) / (b[j] as number) }];
  });
  const over = (summary: (ratios: number[]) => number): Estimate =>
    estimateRatio(own, base, (a, b) => summary(shared.map(({ ratio }) => ratio(a, b))));
  return {
    at: new Map(shared.map(({ n, ratio }) => [n, estimateRatio(own, base, ratio)])),
    overall: shared.length === 0 ? null : { average: over(mean), least: over(min), most: over(max) },
  };
}

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}
