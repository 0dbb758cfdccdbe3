/** From an analysis to the rows and layers of a panel. */

import { type Estimate, integerText } from '../../report/format.js';
import type { Analysis, AnalyzedPoint, ModelAnalysis } from '../analysis.js';
import { type AxisEncoding, type Layer, modelScales, type Panel, type View } from './parts.js';
import { PAPER } from './theme.js';

export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';
export const WIDE = 1040;
const POINT = { type: 'point', filled: true, size: 70, opacity: 1 } as const;
/** The outline of the model's own symbol, over the full one: a hole of one size leaves pieces of a triangle. */
const HOLLOW = { type: 'point', filled: false, fill: PAPER, strokeWidth: 2, size: 70, opacity: 1 } as const;

/** One row of a panel; low and high are the ends of an interval, if there is one. */
export interface Row {
  readonly model: string;
  readonly n: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Of a length that was not asked for. */
  readonly added: boolean;
  /** The length, or lengths, as tables have them; so is the value with its interval. */
  readonly at: string;
  readonly text: string;
  /** The time of each process, in ms; empty of what has none. */
  readonly processes: string;
}

/** Models that a reader has hidden: none in a picture. */
export const HIDDEN = { name: 'hidden', value: [] } as const;

/** Rows of a layer without the hidden models. */
export function visible<T extends { readonly model: string }>(values: readonly T[]) {
  return { data: { values: [...values] }, transform: [{ filter: `indexof(${HIDDEN.name}, datum.model) < 0` }] };
}

/** The title of a picture: what it shows and what was timed. */
export function heading(
  text: string,
  { measurements }: Analysis,
): { text: string; subtitle: string; fontSize: number } {
  const noise = measurements.noisy ? ' · noisy machine' : '';
  return { text, subtitle: measurements.meaning + noise, fontSize: 18 };
}

/** Panels beside each other, so many a row, their frames in line. @param spacing has room for an axis, and for names */
export function inRows(panels: readonly Panel[], most: number, spacing: number): View[] {
  return Array.from({ length: Math.ceil(panels.length / most) }, (_, i) => {
    const own = panels.slice(most * i, most * (i + 1));
    return own.length === 1 ? (own[0] as Panel) : { hconcat: own, bounds: 'flush', spacing };
  });
}

/** A row for every point that has the quantity. @param textOf as a reader sees it */
export function rows(
  models: readonly ModelAnalysis[],
  pick: (point: AnalyzedPoint) => Estimate | null,
  textOf: (value: Estimate, point: AnalyzedPoint) => string,
): Row[] {
  return models.flatMap(({ name, points }) =>
    points.flatMap((point) => {
      const picked = pick(point);
      if (picked === null) return [];
      const [low, high] = picked.ci ?? [null, null];
      const processes = point.processMs.flatMap((ms) => (ms === null ? [] : [Number(ms.toPrecision(4))]));
      return [
        {
          ...{ model: name, n: point.n, value: picked.value, low, high, added: point.added },
          ...{ at: integerText(point.n), text: textOf(picked, point), processes: processes.join(', ') },
        },
      ];
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

/** Interval bands, lines and medians of one quantity. @param names of the key */
export function curveLayers(names: readonly string[], data: readonly Row[], x: AxisEncoding, y: AxisEncoding): Layer[] {
  const { color } = modelScales(names);
  const bands = data.filter(({ low }) => low !== null);
  return [
    { ...visible(bands), mark: { type: 'area', opacity: 0.2, clip: true }, encoding: { x, ...interval(y), color } },
    { ...visible(data), mark: { type: 'line', strokeWidth: 1.5 }, encoding: { x, y, color } },
    ...symbolLayers(names, data, x, y),
  ];
}

/** What a reader sees who points at a symbol. */
const TOOLTIP = [
  { field: 'model', type: 'nominal', title: 'Model' },
  { field: 'at', type: 'nominal', title: 'n' },
  { field: 'text', type: 'nominal', title: 'Value' },
  { field: 'processes', type: 'nominal', title: 'Processes, ms' },
] as const;

/** The symbol of every row; hollow where the run added its length. */
export function symbolLayers(
  names: readonly string[],
  data: readonly Row[],
  x: AxisEncoding,
  y: AxisEncoding,
): Layer[] {
  const encoding = { x, y, ...modelScales(names), tooltip: [...TOOLTIP] };
  return [
    { ...visible(data), mark: POINT, encoding },
    { ...visible(data.filter(({ added }) => added)), mark: HOLLOW, encoding },
  ];
}

/** A bar from low to high at every row that has an interval. */
export function errorBars(names: readonly string[], data: readonly Row[], x: AxisEncoding, y: AxisEncoding): Layer {
  return {
    ...visible(data.filter(({ low }) => low !== null)),
    mark: { type: 'rule', strokeWidth: 2 },
    encoding: { x, ...interval(y), color: modelScales(names).color },
  };
}
