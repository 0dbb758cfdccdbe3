/** Times of engines, or of files, over those of one of them, cell by cell: the same model, phase and length. */
import type { Estimate } from '../report/format.js';
import { rowNames } from '../results/cell.js';
import { max } from '../statistics.js';
import { estimateRatio, type Replicates } from './fits/bootstrap.js';
import type { Measurements, Series } from './measurements.js';
import { replicatesOf, timeOf } from './replicates.js';

export interface Ratio {
  readonly model: string;
  readonly phase: string;
  readonly n: number;
  /** The engine, or the file. */
  readonly side: string;
  readonly ms: Estimate;
  readonly reference: string;
  readonly referenceMs: Estimate;
  /** Time over the reference's. */
  readonly ratio: Estimate;
}

/**
 * Engines of one run, measured in turns: what a process does to all of them cancels. None where there is one engine.
 * @param phases the measurements of each phase of a file
 * @param reference an engine
 */
export function engineRatios(phases: readonly Measurements[], reference: string): Ratio[] {
  return phases.flatMap(({ phase, series, seed }) => {
    const sided = series.map((one) => ({ ...one, side: one.engine }));
    const isOne = sided.every(({ side }) => side === reference);
    return isOne ? [] : ratiosTo(reference, sided, seed).map((ratio) => ({ phase, ...ratio }));
  });
}

/** A file's name and the measurements of each of its phases. */
export interface PhasesOfFile {
  readonly label: string;
  readonly phases: readonly Measurements[];
}

/**
 * Files over the first of them, on the same engine. Their processes have nothing to do with each other, and are
 * resampled so.
 * @param isSame whether a file's engine and machine are those of the first file
 */
export function fileRatios(
  files: readonly PhasesOfFile[],
  isSame: (label: string, engine: string) => boolean,
): Ratio[] {
  const [first] = files;
  if (first === undefined) return [];
  return first.phases.flatMap(({ phase, seed }) => {
    const found = files.flatMap(({ label, phases }) =>
      phases.filter((one) => one.phase === phase).map((one) => ({ label, one })),
    );
    const all = apart(found.map(({ one }) => one.series));
    const sided = found.flatMap(({ label }, i) =>
      (all[i] ?? []).filter(({ engine }) => isSame(label, engine)).map((series) => ({ ...series, side: label })),
    );
    const nameOf = rowNames(sided);
    const named = sided.map((series) => ({ ...series, model: nameOf(series) }));
    return ratiosTo(first.label, named, seed).map((ratio) => ({ phase, ...ratio }));
  });
}

/** Series of several runs as those of one: every run's processes have places of their own. */
function apart(runs: readonly (readonly Series[])[]): Series[][] {
  const counts = runs.map((series) =>
    max([0, ...series.flatMap(({ points }) => points.map(({ processMs }) => processMs.length))]),
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  return runs.map((series, i) => {
    const before = counts.slice(0, i).reduce((sum, count) => sum + count, 0);
    const placed = (values: readonly (number | null)[]): (number | null)[] =>
      Array.from({ length: total }, (_, place) => values[place - before] ?? null);
    return series.map((one) => ({
      ...one,
      points: one.points.map((point) => ({ ...point, processMs: placed(point.processMs) })),
    }));
  });
}

type Sided = Series & { readonly side: string };
type Timed = Sided & { readonly own: Replicates };

function ratiosTo(reference: string, series: readonly Sided[], seed: number): Omit<Ratio, 'phase'>[] {
  const replicates = replicatesOf(series, seed);
  const timed = series.map((one, i) => ({ ...one, own: replicates[i] as Replicates }));
  const bases = new Map(timed.filter(({ side }) => side === reference).map((base) => [base.model, base]));
  return timed.flatMap((one) => {
    const base = bases.get(one.model);
    return base === undefined || base === one ? [] : ratiosOf(one, base);
  });
}

function ratiosOf(one: Timed, base: Timed): Omit<Ratio, 'phase'>[] {
  return one.points.flatMap((point, i) => {
    const { n } = point;
    const j = base.points.findIndex((other) => other.n === n);
    const basePoint = base.points[j];
    if (basePoint === undefined) return [];
    const ratio = estimateRatio(one.own, base.own, (a, b) => (a[i] as number) / (b[j] as number));
    const [ms, referenceMs] = [timeOf(point), timeOf(basePoint)];
    return [{ model: one.model, n, side: one.side, ms, reference: base.side, referenceMs, ratio }];
  });
}
