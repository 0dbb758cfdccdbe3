/** Panels of what lies behind an exponent: slopes between neighbouring lengths, and time against what was counted. */
import { exponentText, timeText } from '../../report/format.js';
import { max, min } from '../../statistics.js';
import { lengthsOf, type ModelAnalysis } from '../analysis.js';
import type { Frame } from './groups.js';
import { curveLayers, extent, type Row, rows, scaleEstimate, visible } from './layers.js';
import { DASHED, theoryCurves, titleOf } from './panels.js';
import {
  type AxisEncoding,
  emptyPanel,
  type Layer,
  lengthAxis,
  logAxis,
  modelScales,
  type Panel,
  timeUnit,
} from './parts.js';
import { FAINT, LINE } from './theme.js';

/** The exponent between two neighbouring lengths, drawn in their middle. */
export function slopesPanel({ group, models, names, width, height }: Frame): Panel {
  const title = titleOf('Local slopes: exponent between neighbouring lengths', group);
  const all = slopeRows(models);
  if (all.length === 0) return emptyPanel(title.text, 'no model has two lengths', width, height);
  const x = lengthAxis(lengthsOf(models));
  const y = exponentAxis(all);
  return { title, width, height, layer: [...powers(x, y), ...curveLayers(names, slopeRows(group.models), x, y)] };
}

function slopeRows(models: readonly ModelAnalysis[]): Row[] {
  return models.flatMap(({ name, slopes }) =>
    slopes.map((slope) => ({
      ...{ model: name, n: Math.sqrt(slope.from * slope.to), value: slope.value, added: false },
      ...{ low: slope.ci?.[0] ?? null, high: slope.ci?.[1] ?? null },
      ...{ at: `${slope.from}–${slope.to}`, text: exponentText(slope), processes: '' },
    })),
  );
}

/** With 0 to 2 in it, and the name of 2; what lies further out belongs to wide intervals, and is cut. */
function exponentAxis(data: readonly Row[]): AxisEncoding {
  const values = data.map(({ value }) => value);
  const [least, most] = [min([0, ...values]), max([2.25, ...values])];
  const [low, high] = [min(extent(data)), max(extent(data))];
  const domain = [Math.max(least - SPARE, Math.min(least, low)), Math.min(most + SPARE, Math.max(most, high))];
  const scale = { type: 'linear', domain, nice: false } as const;
  return { field: 'value', type: 'quantitative', scale, axis: { title: 'exponent', format: '~r', tickCount: 6 } };
}

/** Of the axis, for intervals. */
const SPARE = 0.5;

/** Exponents that have a name. */
function powers(x: AxisEncoding, y: AxisEncoding): Layer[] {
  const values = [
    { value: 1, label: '∝ n' },
    { value: 2, label: '∝ n²' },
  ];
  const named = values.map((one) => ({ ...one, n: x.scale.domain[0] ?? 1 }));
  return [
    { data: { values }, mark: { type: 'rule', color: LINE, strokeDash: [2, 3] }, encoding: { y } },
    {
      data: { values: named },
      mark: { type: 'text', color: FAINT, fontSize: 12, align: 'left', baseline: 'bottom', dx: 4, dy: -3 },
      encoding: { x, y, text: { field: 'label' } },
    },
  ];
}

/** Models on one line differ in FLOPs alone; the higher of two lines takes longer for each. */
export function workPanel({ group, models, names, width, height }: Frame): Panel {
  const title = titleOf('Counted against timed: FLOPs and time', group);
  const { unit, perMs } = timeUnit(max(models.flatMap(({ points }) => points.map(({ ms }) => ms.value))));
  const all = workRows(models, perMs);
  if (all.length === 0) return emptyPanel(title.text, 'no FLOPs are counted in this file', width, height);
  const counted = logAxis('flops', 'counted FLOPs of a call', all.map(({ flops }) => flops)); // biome-ignore format: one thought
  const x = { ...counted, axis: { ...counted.axis, format: '~s' } };
  const y = logAxis('value', `time, ${unit}`, extent(all));
  const theory: Layer = {
    ...visible(theoryCurves(group.models, perMs)),
    mark: { ...DASHED, clip: true },
    encoding: { x, y, color: modelScales(names).color },
  };
  return { title, width, height, layer: [...curveLayers(names, workRows(group.models, perMs), x, y), theory] };
}

/** Of points whose FLOPs were counted. */
function workRows(models: readonly ModelAnalysis[], perMs: number): (Row & { readonly flops: number })[] {
  return models.flatMap((model) =>
    model.points.flatMap((point) => {
      const flops = point.flops ?? 0;
      const own = rows([{ ...model, points: [point] }], ({ ms }) => scaleEstimate(ms, perMs), (_, { ms }) => timeText(ms)); // biome-ignore format: one thought
      return flops === 0 ? [] : own.map((row) => ({ ...row, flops }));
    }),
  );
}
