/** complexity_loglog.png as a vega-lite specification: a straight line is a power of n. */
import type { TopLevelSpec } from 'vega-lite';
import { countText, exponentText, timeText } from '../../report/format.js';
import { max } from '../../statistics.js';
import { type Analysis, hasIntervals, lengthsOf, type ModelAnalysis } from '../analysis.js';
import { identifiedCurve } from '../fits/floor_exponent.js';
import { floorShare } from '../fits/floor_fit.js';
import { errorBars, heading, rows, SCHEMA, scaleEstimate, symbolLayers, WIDE } from './layers.js';
import {
  type AxisEncoding,
  CONFIG,
  FAINT,
  footer,
  key,
  type Layer,
  lengthAxis,
  logAxis,
  type ModelScales,
  modelScales,
  shortName,
  timeUnit,
} from './parts.js';

/** complexity_loglog.png: every process, medians with intervals, fitted curves and guide slopes. */
export function complexityLogLog(analysis: Analysis): TopLevelSpec {
  const { models } = analysis;
  const points = models.flatMap((model) => model.points);
  const { unit, perMs } = timeUnit(max(points.map(({ rangeMs }) => rangeMs[1])));
  const y = logAxis(
    'value',
    `time, ${unit}`,
    points.flatMap(({ rangeMs }) => rangeMs.map((ms) => ms * perMs)),
    10,
  );
  const x = lengthAxis(lengthsOf(models), WIDE - RIGHT_MARGIN);
  const scales = modelScales(models.map(({ name }) => name));
  const median = rows(models, ({ ms }) => scaleEstimate(ms, perMs));
  const fits = models.flatMap((model) => fittedCurve(model, perMs));
  return {
    $schema: SCHEMA,
    config: CONFIG,
    padding: 16,
    title: heading('Time against sequence length, both axes logarithmic', analysis),
    vconcat: [
      key(
        models.map((model) => ({ model: model.name, text: `${shortName(model.name)}   ${legendText(model)}` })),
        WIDE,
      ),
      {
        width: WIDE - RIGHT_MARGIN,
        height: 560,
        layer: [
          ...guides(x, y),
          { data: { values: fits }, mark: { type: 'line', strokeWidth: 1.5 }, encoding: { x, y, color: scales.color } },
          ...models.map((model, i) =>
            processDots(model, DOT_OFFSET_PX + (i * DOTS_WIDTH_PX) / models.length, perMs, x, y, scales.color),
          ),
          errorBars(models, median, x, y),
          ...symbolLayers(models, median, x, y),
        ],
      },
      footer([symbolsText(analysis), ...analysis.measurements.footer], WIDE),
    ],
    spacing: 16,
  };
}

function symbolsText(analysis: Analysis): string {
  const curves = 'lines: fitted curves, where they are identified; dotted: guide slopes';
  if (analysis.processCounts[1] === 1) return `Symbols: one measurement each; ${curves}.`;
  const bars = hasIntervals(analysis)
    ? '; bars: 95 % interval over processes'
    : '; no intervals with fewer than 5 processes';
  return `Symbols: median over processes${bars}; dots: each process; ${curves}.`;
}

/** The floor fit over the model's own lengths, where the data identify it: else a line would claim what they do not. */
function fittedCurve(model: ModelAnalysis, perMs: number): { model: string; n: number; value: number }[] {
  const { name, points } = model;
  const at = identifiedCurve(model.floor);
  const [first, last] = [points[0]?.n, points.at(-1)?.n];
  if (at === null || first === undefined || last === undefined) return [];
  return Array.from({ length: CURVE_STEPS + 1 }, (_, i) => {
    const n = first * (last / first) ** (i / CURVE_STEPS);
    return { model: name, n, value: at(n) * perMs };
  });
}

const CURVE_STEPS = 60;
const DOT_OFFSET_PX = 7;
/** Room for the dots of all models between two lengths. */
const DOTS_WIDTH_PX = 14;
/** Room for the name of a guide that ends at the right edge. */
const RIGHT_MARGIN = 100;

/** Every process, beside the median's symbol: each model a little further right, so that they do not hide each other. */
function processDots(
  { name, points }: ModelAnalysis,
  xOffset: number,
  perMs: number,
  x: AxisEncoding,
  y: AxisEncoding,
  color: ModelScales['color'],
): Layer {
  const several = points.filter(({ processCount }) => processCount > 1);
  const values = several.flatMap(({ n, processMs }) =>
    processMs.filter((ms) => ms !== null).map((ms) => ({ model: name, n, value: ms * perMs })),
  );
  const mark = { type: 'point', filled: true, shape: 'circle', size: 12, opacity: 0.6, xOffset } as const;
  return { data: { values }, mark, encoding: { x, y, color } };
}

function legendText({ floor, powerLaw, points }: ModelAnalysis): string {
  if (powerLaw === null) return `no exponent: ${countText(points.length, 'length')}, needs 3`;
  if (floor === null || floor.unidentified !== null) {
    return `exponent not identified (log-log slope ${exponentText(powerLaw)})`;
  }
  const share = floorShare(floor.fit, points[0]?.n ?? Number.NaN);
  const beside = floor.fit.kind === 'added' ? 'on top of' : 'beyond';
  const constant = share === 0 ? '' : ` ${beside} a constant ${timeText({ value: floor.fit.floor, ci: null })}`;
  return `exponent ${exponentText(floor)}${constant}`;
}

/** Grey lines of slope 1 and 2 from the lower left corner, named at their ends. */
function guides(x: AxisEncoding, y: AxisEncoding): Layer[] {
  const [left = 1, right = 1] = x.scale.domain;
  const [bottom = 1, top = 1] = y.scale.domain;
  const ends = [1, 2].map((slope) => {
    const n = Math.min(right, left * (top / bottom) ** (1 / slope));
    return { slope, n, value: bottom * (n / left) ** slope, label: slope === 1 ? 'slope 1 (∝ n)' : 'slope 2 (∝ n²)' };
  });
  const lines = ends.flatMap(({ slope, n, value }) => [
    { slope, n: left, value: bottom },
    { slope, n, value },
  ]);
  return [
    {
      data: { values: lines },
      mark: { type: 'line', color: '#bbbbbb', strokeDash: [2, 3] },
      encoding: { x, y, detail: { field: 'slope' } },
    },
    ...ends.map(({ label, n, value }): Layer => {
      const atTop = n < right;
      const place = atTop
        ? ({ align: 'center', baseline: 'bottom', dy: -4 } as const)
        : ({ align: 'left', dx: 6 } as const);
      return {
        data: { values: [{ n, value, label }] },
        mark: { type: 'text', color: FAINT, fontSize: 12, ...place },
        encoding: { x, y, text: { field: 'label' } },
      };
    }),
  ];
}
