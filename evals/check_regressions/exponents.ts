/** The exponents that the complexity gate compares: of every model, phase and engine, by the floor fit. */
import { presentValues, replicate } from '../../src/analysis/fits/bootstrap.js';
import { floorExponent, MIN_LENGTHS_FOR_FLOOR } from '../../src/analysis/fits/floor_exponent.js';
import { fitFloor } from '../../src/analysis/fits/floor_fit.js';
import { fromResults } from '../../src/analysis/from_results.js';
import type { SeriesExponent } from '../../src/bench/gate/complexity.js';
import { isMeasured } from '../../src/results/cell.js';
import type { Results } from '../../src/results/schema.js';
import { median } from '../../src/statistics.js';

/** Exponents of a run; none for a series with too few lengths. */
export function seriesExponents(results: Results): SeriesExponent[] {
  const phases = new Set(results.cells.filter(isMeasured).map(({ phase }) => phase));
  return [...phases].flatMap((phase) => {
    const { series, seed } = fromResults(results, 'check-regressions', phase);
    return series
      .filter(({ points }) => points.length >= MIN_LENGTHS_FOR_FLOOR)
      .map(({ name, points }) => {
        const curve = points.map(({ n, processMs }) => ({ n, processes: processMs }));
        const medians = curve.map((point) => ({ n: point.n, t: median(presentValues(point)) }));
        return {
          series: `${name} ${phase}`,
          exponent: fitFloor(medians).exponent,
          interval: () => identifiedInterval(curve, seed),
        };
      });
  });
}

/** Null where the exponent is not identified. */
function identifiedInterval(curve: Parameters<typeof replicate>[0][number], seed: number): SeriesInterval {
  return replicate([curve], seed)
    .map(floorExponent)
    .map(({ ci, unidentified }) => (unidentified === null ? ci : null))[0] as SeriesInterval;
}

type SeriesInterval = ReturnType<SeriesExponent['interval']>;
