/** From an analysis to the rows and layers of a panel. */

import type { Estimate } from '../../report/format.js';
import type { Analysis, AnalyzedPoint, ModelAnalysis } from '../analysis.js';
import { type AxisEncoding, type Layer, modelScales } from './parts.js';

export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';
export const WIDE = 1040;
const POINT = { type: 'point', filled: true, size: 70, opacity: 1 } as const;
/** The outline of the model's own symbol, over the full one: a hole of one size leaves pieces of a triangle. */
const HOLLOW = { type: 'point', filled: false, fill: 'white', strokeWidth: 2, size: 70, opacity: 1 } as const;

/** One row of a panel; low and high are the ends of an interval, if there is one. */
export interface Row {
  readonly model: string;
  readonly n: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Of a length that was not asked for. */
  readonly added: boolean;
}

/** The title of a picture: what it shows and what was timed. */
export function heading(
  text: string,
  { measurements }: Analysis,
): { text: string; subtitle: string; fontSize: number } {
  const noise = measurements.noisy ? ' · noisy machine' : '';
  return { text, subtitle: measurements.meaning + noise, fontSize: 18 };
}

/** A row for every point that has the quantity. */
export function rows(models: readonly ModelAnalysis[], pick: (point: AnalyzedPoint) => Estimate | null): Row[] {
  return models.flatMap(({ name, points }) =>
    points.flatMap((point) => {
      const picked = pick(point);
      if (picked === null) return [];
      const [low, high] = picked.ci ?? [null, null];
      return [{ model: name, n: point.n, value: picked.value, low, high, added: point.added }];
    }),
  );
}

/** The estimate in another unit. */
export function scaleEstimate({ value, ci }: Estimate, factor: number): Estimate {
  return { value: value * factor, ci: ci === null ? null : [ci[0] * factor, ci[1] * factor] };
}

/** Every value of the rows, ends of intervals included. */
export function extent(data: readonly Row[]): number[] {
  return data.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
}

const interval = (y: AxisEncoding) => ({ y: { ...y, field: 'low' }, y2: { field: 'high' } });

/** Interval bands, lines and medians of one quantity. */
export function curveLayers(
  models: readonly ModelAnalysis[],
  data: readonly Row[],
  x: AxisEncoding,
  y: AxisEncoding,
): Layer[] {
  const scales = modelScales(models.map(({ name }) => name));
  const bands = data.filter(({ low }) => low !== null);
  return [
    {
      data: { values: bands },
      mark: { type: 'area', opacity: 0.2 },
      encoding: { x, ...interval(y), color: scales.color },
    },
    { data: { values: [...data] }, mark: { type: 'line', strokeWidth: 1.5 }, encoding: { x, y, color: scales.color } },
    ...symbolLayers(models, data, x, y),
  ];
}

/** The symbol of every row; hollow where the run added its length. */
export function symbolLayers(
  models: readonly ModelAnalysis[],
  data: readonly Row[],
  x: AxisEncoding,
  y: AxisEncoding,
): Layer[] {
  const scales = modelScales(models.map(({ name }) => name));
  return [
    { data: { values: [...data] }, mark: POINT, encoding: { x, y, ...scales } },
    { data: { values: data.filter(({ added }) => added) }, mark: HOLLOW, encoding: { x, y, ...scales } },
  ];
}

/** A bar from low to high at every row that has an interval. */
export function errorBars(
  models: readonly ModelAnalysis[],
  data: readonly Row[],
  x: AxisEncoding,
  y: AxisEncoding,
): Layer {
  return {
    data: { values: data.filter(({ low }) => low !== null) },
    mark: { type: 'rule', strokeWidth: 2 },
    encoding: { x, ...interval(y), color: modelScales(models.map(({ name }) => name)).color },
  };
}
