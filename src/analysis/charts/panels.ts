/** Panels of one quantity against length: time, slowdown, speed, memory. */
import { bytesText, type Estimate, integerText, timeText, withInterval } from '../../report/format.js';
import { max } from '../../statistics.js';
import { type Analysis, type AnalyzedPoint, lengthsOf, type ModelAnalysis } from '../analysis.js';
import { MIN_LENGTHS } from '../fits/fit.js';
import { fitProportional, proportionalAt } from '../fits/proportional.js';
import type { MemoryBytes } from '../measurements.js';
import type { Frame, Group } from './groups.js';
import { curveLayers, extent, type Row, rows, scaleEstimate, visible } from './layers.js';
import {
  emptyPanel,
  type Layer,
  lengthAxis,
  linearAxis,
  logAxis,
  modelScales,
  type Panel,
  shortName,
  timeUnit,
} from './parts.js';

/** More dashed curves than this hide the measured ones. */
const MAX_THEORY_CURVES = 5;
export const DASHED: { type: 'line'; strokeDash: number[]; strokeWidth: number } = {
  type: 'line',
  strokeDash: [5, 4],
  strokeWidth: 1.5,
};
/** A title may be as wide as the narrowest panel. */
const TITLE_PX = 460;

export function timePanel({ group, models, names, width, height }: Frame): Panel {
  const { unit, perMs } = timeUnit(max(models.flatMap(({ points }) => points.map(({ ms }) => ms.value))));
  const time = (own: readonly ModelAnalysis[]) => rows(own, ({ ms }) => scaleEstimate(ms, perMs), (_, { ms }) => timeText(ms)); // biome-ignore format: one thought
  const x = linearAxis('n', 'sequence length n, tokens', lengthsOf(models));
  const y = linearAxis('value', `time, ${unit}`, extent(time(models)));
  const theory: Layer = {
    ...visible(theoryCurves(group.models, perMs)),
    mark: { ...DASHED, clip: true },
    encoding: { x, y, color: modelScales(names).color },
  };
  return {
    title: titleOf('Time', group),
    width,
    height,
    layer: [...curveLayers(names, time(group.models), x, y), theory],
  };
}

export function slowdownPanel({ group, models, names, width, height }: Frame, { reference }: Analysis): Panel {
  const slowdown = (own: readonly ModelAnalysis[]) => rows(own, (point) => point.slowdown, (value) => withInterval(value, 'x')); // biome-ignore format: one thought
  const x = lengthAxis(lengthsOf(models));
  const y = logAxis('value', 'time / reference’s time', extent(slowdown(models)));
  const title = titleOf(`Slowdown against ${shortName(reference)}`, group);
  return { title, width, height, layer: curveLayers(names, slowdown(group.models), x, y) };
}

export function ratePanel({ group, models, names, width, height }: Frame, { measurements }: Analysis): Panel {
  const rate = ({ tokens }: AnalyzedPoint, ms: number): number => (1000 * tokens) / ms;
  const rates = (own: readonly ModelAnalysis[]) =>
    rows(
      own,
      (point) => ({
        value: rate(point, point.ms.value),
        ci: point.ms.ci === null ? null : [rate(point, point.ms.ci[1]), rate(point, point.ms.ci[0])],
      }),
      ({ value }) => `${integerText(Math.round(value))} tokens/s`,
    );
  const x = lengthAxis(lengthsOf(models));
  const y = logAxis('value', 'tokens per second', extent(rates(models)));
  const title = { ...titleOf('Speed', group), subtitle: measurements.rateTitle };
  return { title, width, height, layer: curveLayers(names, rates(group.models), x, y) };
}

export function memoryPanel({ group, models, names, width, height }: Frame, { measurements }: Analysis): Panel {
  const mib = (bytes: number | null): Estimate | null =>
    bytes === null || bytes === 0 ? null : { value: bytes / 2 ** 20, ci: null };
  const text = ({ value }: Estimate): string => bytesText(value * 2 ** 20);
  const original = measurements.kind === 'original';
  const ofKind = (own: readonly ModelAnalysis[], kind: keyof MemoryBytes): Row[] =>
    rows(own, ({ memory }) => mib(memory[kind]), text).map((row) => ({ ...row, processes: '' }));
  const solid = (own: readonly ModelAnalysis[]) => ofKind(own, original ? 'parametersAndIds' : 'state');
  const dashed = (own: readonly ModelAnalysis[]) => ofKind(own, 'peakActivation');
  const title = titleOf(
    original ? 'Memory: parameters + ids' : 'Memory: state (solid), peak activations (dashed)',
    group,
  );
  const all = [...solid(models), ...dashed(models)];
  if (all.length === 0) return emptyPanel(title.text, 'not recorded in this file', width, height);
  const x = lengthAxis(lengthsOf(models));
  const y = logAxis('value', 'memory, MiB', extent(all));
  const { color } = modelScales(names);
  const activations: Layer = { ...visible(dashed(group.models)), mark: DASHED, encoding: { x, y, color } };
  return { title, width, height, layer: [...curveLayers(names, solid(group.models), x, y), activations] };
}

/** With the file or engine where there are several. */
export function titleOf(text: string, { title }: Group): { text: string; limit: number } {
  return { text: title === '' ? text : `${shortName(title)}: ${text}`, limit: TITLE_PX };
}

/** What dashed curves of time are; empty where none is drawn. */
export function theoryText(groups: readonly Group[], dashed = 'Dashed'): string {
  const isDrawn = groups.some(({ models }) => theoryCurves(models, 1).length > 0);
  return isDrawn ? `${dashed}: a constant beside time in proportion to the counted FLOPs.` : '';
}

/** A constant and time in proportion to the counted FLOPs, added or overlapped, over each model's own lengths; of many models, none. */
export function theoryCurves(
  models: readonly ModelAnalysis[],
  perMs: number,
): { model: string; n: number; flops: number; value: number }[] {
  if (models.length > MAX_THEORY_CURVES) return [];
  return models.flatMap(({ name, points }) => {
    const costs = points.map(({ flops }) => flops ?? 0);
    if (costs.includes(0) || points.length < MIN_LENGTHS) return [];
    const fit = fitProportional(costs, points.map(({ ms }) => ms.value)); // biome-ignore format: one thought
    return points.map(({ n }, i) => {
      const flops = costs[i] as number;
      return { model: name, n, flops, value: proportionalAt(fit, flops) * perMs };
    });
  });
}
