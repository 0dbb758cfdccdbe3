/** Times of engines over those of one of them, cell by cell: the same model, phase and length, measured in turns. */
import type { Estimate } from '../report/format.js';
import { estimateRatio, medianTime, type Replicates, replicate } from './fits/bootstrap.js';
import type { Measurements, Series } from './measurements.js';

export interface EngineRatio {
  readonly model: string;
  readonly phase: string;
  readonly n: number;
  readonly engine: string;
  readonly ms: Estimate;
  readonly reference: string;
  readonly referenceMs: Estimate;
  /** Time over the reference's. */
  readonly ratio: Estimate;
}

/**
 * None where there is one engine.
 * @param phases the measurements of each phase of a file
 * @param reference an engine
 */
export function engineRatios(phases: readonly Measurements[], reference: string): EngineRatio[] {
  return phases.flatMap(({ phase, series, seed }) => {
    const curves = series.map(({ points }) => points.map(({ n, processMs }) => ({ n, processes: processMs })));
    const replicates = replicate(curves, seed);
    const timed = series.map((one, i) => ({ ...one, own: replicates[i] as Replicates }));
    const bases = new Map(timed.filter(({ engine }) => engine === reference).map((base) => [base.model, base]));
    return timed.flatMap((one) => {
      const base = bases.get(one.model);
      return base === undefined || base === one ? [] : ratiosOf(one, base).map((ratio) => ({ phase, ...ratio }));
    });
  });
}

type Timed = Series & { readonly own: Replicates };

function ratiosOf(one: Timed, base: Timed): Omit<EngineRatio, 'phase'>[] {
  return one.points.flatMap(({ n }, i) => {
    const j = base.points.findIndex((point) => point.n === n);
    if (j < 0) return [];
    const ratio = estimateRatio(one.own, base.own, (a, b) => (a[i] as number) / (b[j] as number));
    const [ms, referenceMs] = [timeAt(one, i), timeAt(base, j)];
    return [{ model: one.model, n, engine: one.engine, ms, reference: base.engine, referenceMs, ratio }];
  });
}

function timeAt({ points }: Series, i: number): Estimate {
  const { n, processMs } = points[i] as Series['points'][number];
  return medianTime({ n, processes: processMs });
}
