/** complexity_loglog.png as a vega-lite specification: a straight line is a power of n. */
import type { TopLevelSpec } from 'vega-lite';
import { countText, exponentText, timeText } from '../../report/format.js';
import { max } from '../../statistics.js';
import { type Analysis, hasIntervals, lengthsOf, type ModelAnalysis } from '../analysis.js';
import { identifiedCurve } from '../fits/floor_exponent.js';
import { floorShare } from '../fits/floor_fit.js';
import { CROWDED, type Frame, type Group, groupsOf, namesOf } from './groups.js';
import { endLabels } from './labels.js';
import {
  errorBars,
  HIDDEN,
  heading,
  inRows,
  rows,
  SCHEMA,
  scaleEstimate,
  symbolLayers,
  visible,
  WIDE,
} from './layers.js';
import {
  type AxisEncoding,
  CONFIG,
  footer,
  key,
  type Layer,
  lengthAxis,
  logAxis,
  type ModelScales,
  modelScales,
  type Panel,
  shortName,
  timeUnit,
  type View,
} from './parts.js';
import { FAINT, LINE } from './theme.js';

/** Of a panel alone, and of one of several. */
const [HEIGHT, LOWER] = [560, 400];
/** Room for the names at the right edge. */
const RIGHT_MARGIN = 190;
/** Of one of two panels in a row. */
const HALF = 330;

/** complexity_loglog.png: every process, medians with intervals, fitted curves and guide slopes; of several groups a panel each. */
export function complexityLogLog(analysis: Analysis): TopLevelSpec {
  const { models } = analysis;
  const groups = groupsOf(models);
  const names = namesOf(groups);
  const [width, height] = groups.length === 1 ? [WIDE - RIGHT_MARGIN, HEIGHT] : [HALF, LOWER];
  const panels = groups.map((group) => logLogPanel({ group, models, names, width, height }));
  const alone = groups.flatMap((group) => (group.models.length > CROWDED ? eachAlone(group, names) : []));
  return {
    $schema: SCHEMA,
    config: CONFIG,
    params: [{ ...HIDDEN, value: [] }],
    padding: 16,
    title: heading('Time against sequence length, both axes logarithmic', analysis),
    vconcat: [
      key(keyEntries(groups, names), WIDE),
      ...inRows(panels, 2, 190),
      ...alone,
      footer([symbolsText(analysis), ...analysis.measurements.footer], WIDE),
    ],
    spacing: 16,
  };
}

/** Exponents in the key; of several groups they are in the tables. */
function keyEntries(groups: readonly Group[], names: readonly string[]): { model: string; text: string }[] {
  const [only, ...others] = groups;
  if (only === undefined || others.length > 0 || names.length > CROWDED)
    return names.map((model) => ({ model, text: shortName(model) }));
  return only.models.map((model) => ({ model: model.name, text: `${shortName(model.name)}   ${legendText(model)}` }));
}

/** One panel: every process, medians with intervals, fitted curves, guide slopes, names. */
export function logLogPanel({ group, models: all, names, width, height }: Frame): Panel {
  const { models } = group;
  const points = all.flatMap((model) => model.points);
  const { unit, perMs } = timeUnit(max(points.map(({ rangeMs }) => rangeMs[1])));
  const y = logAxis(
    'value',
    `time, ${unit}`,
    points.flatMap(({ rangeMs }) => rangeMs.map((ms) => ms * perMs)),
    10,
  );
  const x = lengthAxis(lengthsOf(all), width === 'container' ? WIDE : width);
  const { color } = modelScales(names);
  const median = rows(models, ({ ms }) => scaleEstimate(ms, perMs), (_, { ms }) => timeText(ms)); // biome-ignore format: one thought
  const fits = models.flatMap((model) => fittedCurve(model, perMs));
  return {
    ...(group.title === '' ? {} : { title: shortName(group.title) }),
    ...{ width, height },
    layer: [
      ...guides(x, y),
      { ...visible(fits), mark: { type: 'line', strokeWidth: 1.5 }, encoding: { x, y, color } },
      ...models.map((model, i) =>
        processDots(model, DOT_OFFSET_PX + (i * DOTS_WIDTH_PX) / models.length, perMs, x, y, color),
      ),
      errorBars(names, median, x, y),
      ...symbolLayers(names, median, x, y),
      endLabels(names, median, x, y, height),
    ],
  };
}

/** Small panels, one a model: its points and line over those of all others in grey, so that lines on each other are told apart. */
function eachAlone({ title, models }: Group, names: readonly string[]): View[] {
  const panels = models.map((model): Panel => {
    const x = { ...lengthAxis(lengthsOf(models), SMALL.width), axis: null };
    const all = rows(models, ({ ms }) => ms, (_, { ms }) => timeText(ms)); // biome-ignore format: one thought
    const y = { ...logAxis('value', 'time', all.flatMap(({ value }) => value), 10), axis: null }; // biome-ignore format: one thought
    const own = all.filter((row) => row.model === model.name);
    const scales = modelScales(names);
    return {
      title: {
        text: shortName(model.name),
        subtitle: exponentOf(model),
        fontSize: 12,
        limit: SMALL.width,
        subtitleFontSize: 11,
      },
      ...SMALL,
      layer: [
        {
          data: { values: all },
          mark: { type: 'line', strokeWidth: 1 },
          encoding: { x, y, detail: { field: 'model' }, color: { value: LINE } },
        },
        { data: { values: own }, mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y, color: scales.color } },
        {
          data: { values: own },
          mark: { type: 'point', filled: true, size: 40, opacity: 1 },
          encoding: { x, y, ...scales },
        },
      ],
    };
  });
  const [first, ...rest] = inRows(panels, SMALL_IN_A_ROW, 20);
  const what = `Each model alone${title === '' ? '' : `, ${shortName(title)}`}: its medians over those of all others; the axes are those above`;
  return first === undefined ? [] : [footer([what], WIDE), first, ...rest];
}

const SMALL = { width: 190, height: 110 } as const;
const SMALL_IN_A_ROW = 5;

function exponentOf({ floor, powerLaw }: ModelAnalysis): string {
  if (powerLaw === null) return 'no exponent';
  return floor === null || floor.unidentified !== null ? 'exponent not identified' : `exponent ${exponentText(floor)}`;
}

/** What is drawn in a panel. */
export function symbolsText(analysis: Analysis): string {
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
  return { ...visible(values), mark, encoding: { x, y, color } };
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

/** Grey lines of slope 1 and 2 from the lower left corner, named where no model is. */
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
      mark: { type: 'line', color: LINE, strokeDash: [2, 3] },
      encoding: { x, y, detail: { field: 'slope' } },
    },
    ...ends.map(({ label, n, value }): Layer => {
      // At the right edge models have their names, and all along the line they may lie: but under its beginning is none.
      const isAtEnd = n < right;
      const way = isAtEnd ? 1 : 1 / 8;
      const place = isAtEnd
        ? ({ align: 'center', baseline: 'bottom', dy: -4 } as const)
        : ({ align: 'left', baseline: 'top', dx: 6 } as const);
      return {
        data: { values: [{ n: left * (n / left) ** way, value: bottom * (value / bottom) ** way, label }] },
        mark: { type: 'text', color: FAINT, fontSize: 12, ...place },
        encoding: { x, y, text: { field: 'label' } },
      };
    }),
  ];
}
