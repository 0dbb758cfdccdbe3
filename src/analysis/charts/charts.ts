/** complexity_analysis.png as a vega-lite specification: a pure function of the analysis. */
import type { TopLevelSpec } from 'vega-lite';
import type { Estimate } from '../../report/format.js';
import { max } from '../../statistics.js';
import { type Analysis, type AnalyzedPoint, hasIntervals, lengthsOf, type ModelAnalysis } from '../analysis.js';
import { MIN_LENGTHS } from '../fits/fit.js';
import { fitProportional, proportionalAt } from '../fits/proportional.js';
import { curveLayers, extent, heading, rows, SCHEMA, scaleEstimate, WIDE } from './layers.js';
import {
  CONFIG,
  emptyPanel,
  footer,
  key,
  type Layer,
  lengthAxis,
  linearAxis,
  logAxis,
  modelScales,
  PANEL_WIDTH,
  shortName,
  timeUnit,
  type View,
} from './parts.js';

const PANEL = { width: PANEL_WIDTH, height: 280 };
/** More dashed curves than this hide the measured ones. */
const MAX_THEORY_CURVES = 5;
/** Panels line up by their frames; the spacing has room for the right one's axis. */
const GRID = { bounds: 'flush', spacing: 120 } as const;

/** complexity_analysis.png: time on linear axes, slowdown, tokens per second, memory. */
export function complexityAnalysis(analysis: Analysis): TopLevelSpec {
  const names = analysis.models.map(({ name }) => name);
  return {
    $schema: SCHEMA,
    config: CONFIG,
    padding: 16,
    title: heading('How cost grows with sequence length', analysis),
    vconcat: [
      key(
        names.map((model) => ({ model, text: shortName(model) })),
        WIDE,
      ),
      { hconcat: [timePanel(analysis), slowdownPanel(analysis)], ...GRID },
      { hconcat: [ratePanel(analysis), memoryPanel(analysis)], ...GRID },
      footer(smallPrint(analysis), WIDE),
    ],
    spacing: 24,
  };
}

function smallPrint(analysis: Analysis): string[] {
  const { measurements, models } = analysis;
  if (measurements.kind === 'original') return [...measurements.footer];
  const bands = hasIntervals(analysis)
    ? 'Bands: 95 % intervals over processes.'
    : 'No intervals: fewer than 5 processes.';
  const dashes = ' Dashed under Time: a constant beside time in proportion to the counted FLOPs.';
  return [bands + (theoryCurves(models, 1).length > 0 ? dashes : ''), ...measurements.footer];
}

function timePanel({ models }: Analysis): View {
  const { unit, perMs } = timeUnit(max(models.flatMap(({ points }) => points.map(({ ms }) => ms.value))));
  const data = rows(models, ({ ms }) => scaleEstimate(ms, perMs));
  const x = linearAxis('n', 'sequence length n, tokens', lengthsOf(models));
  const y = linearAxis('value', `time, ${unit}`, extent(data));
  const { color } = modelScales(models.map(({ name }) => name));
  const theory: Layer = {
    data: { values: theoryCurves(models, perMs) },
    mark: { type: 'line', strokeDash: [5, 4], strokeWidth: 1.5, clip: true },
    encoding: { x, y, color },
  };
  return { title: 'Time', ...PANEL, layer: [...curveLayers(models, data, x, y), theory] };
}

function slowdownPanel({ models, reference }: Analysis): View {
  const data = rows(models, ({ slowdown }) => slowdown);
  const x = lengthAxis(lengthsOf(models));
  const y = logAxis('value', 'time / reference’s time', extent(data));
  return {
    title: { text: `Slowdown against ${shortName(reference)}`, limit: PANEL.width },
    ...PANEL,
    layer: curveLayers(models, data, x, y),
  };
}

function ratePanel({ models, measurements }: Analysis): View {
  const rate = ({ tokens }: AnalyzedPoint, ms: number): number => (1000 * tokens) / ms;
  const data = rows(models, (point) => ({
    value: rate(point, point.ms.value),
    ci: point.ms.ci === null ? null : [rate(point, point.ms.ci[1]), rate(point, point.ms.ci[0])],
  }));
  const x = lengthAxis(lengthsOf(models));
  const y = logAxis('value', 'tokens per second', extent(data));
  return {
    title: { text: 'Speed', subtitle: measurements.rateTitle },
    ...PANEL,
    layer: curveLayers(models, data, x, y),
  };
}

function memoryPanel({ models, measurements }: Analysis): View {
  const mib = (bytes: number | null): Estimate | null =>
    bytes === null || bytes === 0 ? null : { value: bytes / 2 ** 20, ci: null };
  const original = measurements.kind === 'original';
  const solid = rows(models, ({ memory }) => mib(original ? memory.parametersAndIds : memory.state));
  const dashed = rows(models, ({ memory }) => mib(memory.peakActivation));
  const title = original ? 'Memory: parameters + ids' : 'Memory: state (solid), peak activations (dashed)';
  if (solid.length + dashed.length === 0)
    return emptyPanel(title, 'not recorded in this file', PANEL.width, PANEL.height);
  const x = lengthAxis(lengthsOf(models));
  const y = logAxis('value', 'memory, MiB', extent([...solid, ...dashed]));
  const { color } = modelScales(models.map(({ name }) => name));
  const activations: Layer = {
    data: { values: dashed },
    mark: { type: 'line', strokeDash: [5, 4], strokeWidth: 1.5 },
    encoding: { x, y, color },
  };
  return { title, ...PANEL, layer: [...curveLayers(models, solid, x, y), activations] };
}

/** A constant and time in proportion to the counted FLOPs, added or overlapped, over each model's own lengths; of many models, none. */
function theoryCurves(models: readonly ModelAnalysis[], perMs: number): { model: string; n: number; value: number }[] {
  if (models.length > MAX_THEORY_CURVES) return [];
  return models.flatMap(({ name, points }) => {
    const costs = points.map(({ flops }) => flops ?? 0);
    if (costs.includes(0) || points.length < MIN_LENGTHS) return [];
    const fit = fitProportional(costs, points.map(({ ms }) => ms.value)); // biome-ignore format: one thought
    return points.map(({ n }, i) => ({ model: name, n, value: proportionalAt(fit, costs[i] as number) * perMs }));
  });
}
