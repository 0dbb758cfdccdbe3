/** What both pictures share: colours, axes, the key above and the provenance below. Everything is plain data. */
import type { TopLevelSpec } from 'vega-lite';
import { integerText, timeUnit as unitOfTime } from '../../report/format.js';
import { wrap } from '../../report/wrap.js';
import { max, min } from '../../statistics.js';
import { COLOURS, FAINT, GRID, INK, LINE, PAPER } from './theme.js';

export type ConcatSpec = Extract<TopLevelSpec, { vconcat: unknown }>;
/** A part of a picture. */
export type View = ConcatSpec['vconcat'][number];
/** A part that has a frame of its own. */
export type Panel = Extract<View, { mark: unknown }> | Extract<View, { layer: unknown }>;
export type Layer = Extract<View, { layer: unknown }>['layer'][number];

/** A position on an axis, by a field of the rows. */
export interface AxisEncoding {
  readonly field: string;
  readonly type: 'quantitative';
  readonly scale: { type: 'log' | 'linear'; domain: number[]; nice: false };
  readonly axis: { title: string; format: string; values?: number[]; tickCount?: number };
}

/** Of a panel beside another. */
export const PANEL_WIDTH = 460;
/** Of the usual letters, at the size of labels. */
const CHARACTER_PX = 7.5;
const SMALL_CHARACTER_PX = 6.2;

/** Registered by png.ts; viewers of an SVG fall back to the next. */
export const CHART_FONT = 'Chart Sans';
const SHAPES = [
  'circle',
  'square',
  'triangle-up',
  'diamond',
  'cross',
  'triangle-down',
  'triangle-left',
  'triangle-right',
];

/** Colour and shape of a model by its place in the list: the same in every panel. */
export function modelScales(models: readonly string[]) {
  const domain = [...models];
  const pick = (values: readonly string[]): string[] => models.map((_, i) => values[i % values.length] as string);
  return {
    color: { field: 'model', type: 'nominal', scale: { domain, range: pick(COLOURS) }, legend: null },
    shape: { field: 'model', type: 'nominal', scale: { domain, range: pick(SHAPES) }, legend: null },
  } as const;
}

export type ModelScales = ReturnType<typeof modelScales>;

export const CONFIG = {
  font: `${CHART_FONT}, DejaVu Sans, Verdana, sans-serif`,
  background: PAPER,
  view: { stroke: LINE },
  axis: {
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 8,
    titleLimit: 560,
    labelColor: INK,
    titleColor: INK,
    gridColor: GRID,
    tickColor: LINE,
    domainColor: LINE,
    labelOverlap: 'greedy',
    labelSeparation: 8,
  },
  title: {
    fontSize: 14,
    subtitleFontSize: 12,
    color: INK,
    subtitleColor: FAINT,
    anchor: 'start',
    frame: 'group',
    offset: 8,
    subtitlePadding: 4,
  },
} as const satisfies ConcatSpec['config'];

/** Sequence lengths on a logarithmic axis: a tick at each measured one, as far as their labels have room. */
export function lengthAxis(lengths: readonly number[], width = PANEL_WIDTH): AxisEncoding {
  const [first = 1, last = 1] = [lengths[0], lengths.at(-1)];
  const values = thinned(lengths, Math.floor(width / (CHARACTER_PX * integerText(last).length + 16)));
  return {
    field: 'n',
    type: 'quantitative',
    scale: { type: 'log', domain: [first / 1.15, last * 1.15], nice: false },
    axis: { title: 'sequence length n, tokens (log scale)', values, format: ',d' },
  };
}

/** The longest, and of the others in ascending order those that are far enough apart for so many. */
function thinned(lengths: readonly number[], most: number): number[] {
  if (lengths.length <= most) return [...lengths];
  const [first = 1, last = 1] = [lengths[0], lengths.at(-1)];
  const least = (last / first) ** (1 / (most - 1));
  const kept: number[] = [];
  for (const n of lengths.toReversed())
    if (kept.length === 0 || (kept[0] ?? 0) / n >= least * (1 - 1e-9)) kept.unshift(n);
  return kept;
}

/** From zero, with a little air at the far end. */
export function linearAxis(field: string, title: string, values: readonly number[]): AxisEncoding {
  const domain = [0, max(values) * 1.07];
  const axis = { title: `${title} (linear)`, format: LARGE < (domain[1] ?? 0) ? '~s' : ',~r', tickCount: 6 };
  return { field, type: 'quantitative', scale: { type: 'linear', domain, nice: false }, axis };
}

/** A logarithmic value axis over the data with some air, at least `leastRatio` high. */
export function logAxis(field: string, title: string, values: readonly number[], leastRatio = 2): AxisEncoding {
  const domain = logDomain(values, leastRatio);
  const ticks = logTicks(domain);
  const axis = { title: `${title} (log scale)`, values: ticks, format: numberFormat(ticks) };
  return { field, type: 'quantitative', scale: { type: 'log', domain, nice: false }, axis };
}

/** Least and largest value with a tenth to spare, widened evenly to `leastRatio`. */
export function logDomain(values: readonly number[], leastRatio: number): [number, number] {
  const [low, high] = [min(values) / 1.1, max(values) * 1.1];
  const widen = Math.sqrt(Math.max(1, leastRatio / (high / low)));
  // At the ends of what a number can be, the spare room would be 0 and Infinity.
  return [Math.max(Number.MIN_VALUE, low / widen), Math.min(Number.MAX_VALUE, high * widen)];
}

/** Round numbers in the range, about four to nine of them: powers of ten, then 1-2-5, then finer. */
export function logTicks([low, high]: readonly [number, number]): number[] {
  const decades = Math.log10(high / low);
  const step = Math.max(1, Math.ceil(decades / 8));
  const digits = decades > 4 ? [1] : decades > 1 ? [1, 2, 5] : decades > 0.5 ? [1, 1.5, 2, 3, 4, 5, 7] : FINE_DIGITS;
  const first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => first + i);
  return powers
    .filter((power) => power % step === 0)
    .flatMap((power) => digits.map((digit) => Number((digit * 10 ** power).toPrecision(3))))
    .filter((tick) => tick >= low && tick <= high * (low / high) ** EDGE);
}

/** Share of the axis below its end without a tick: a label there would push the panel's title up. */
const EDGE = 0.03;
const FINE_DIGITS = [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9];

/** From here on a linear axis says 20M, since 20,000,000 takes the room of three labels. */
const LARGE = 1e7;

/** Digits with commas, or powers of ten where those would be long. */
function numberFormat(values: readonly number[]): string {
  const sizes = values.filter((value) => value !== 0).map(Math.abs);
  return sizes.some((size) => size >= 1e9 || size < 1e-5) ? '~e' : ',~r';
}

/** The unit of an axis, by its largest value: nanoseconds to seconds. */
export function timeUnit(largestMs: number): { unit: string; perMs: number } {
  const { unit, ms } = unitOfTime(Math.min(largestMs, LARGEST_IN_SECONDS_MS));
  return { unit, perMs: 1 / ms };
}

const LARGEST_IN_SECONDS_MS = 1e6;

const ROW_PX = 22;
/** A longer name would push what stands behind it out of the picture. */
const LONGEST_NAME = 48;
/** Of `\u{1f680}`: how a character is drawn that no font has. */
const CODE_LENGTH = 9;

/** Characters that a text takes at most. */
const drawnLength = (text: string): number =>
  [...text].reduce((sum, char) => sum + (char > '\u2fff' ? CODE_LENGTH : 1), 0);

/** A name that leaves room for more on its line. */
export function shortName(name: string): string {
  if (drawnLength(name) <= LONGEST_NAME) return name;
  const kept = [...name].slice(0, LONGEST_NAME);
  while (drawnLength(kept.join('')) > LONGEST_NAME) kept.pop();
  return `${kept.join('')}…`;
}

/** The key: symbol and text of every model, in as many columns as the longest text allows. */
export function key(entries: readonly { model: string; text: string }[], width: number): View {
  const longest = max(entries.map(({ text }) => drawnLength(text))) * CHARACTER_PX + 44;
  const columns = Math.max(1, Math.min(entries.length, Math.floor(width / longest)));
  const values = entries.map((entry, i) => ({
    ...entry,
    x: 10 + (i % columns) * Math.floor(width / columns),
    y: 12 + Math.floor(i / columns) * ROW_PX,
  }));
  const x = { field: 'x', type: 'quantitative', scale: null, axis: null } as const;
  const y = { field: 'y', type: 'quantitative', scale: null, axis: null } as const;
  const scales = modelScales(entries.map(({ model }) => model));
  return {
    width,
    height: Math.ceil(entries.length / columns) * ROW_PX,
    view: { stroke: null },
    data: { values },
    layer: [
      { mark: { type: 'point', filled: true, size: 90, opacity: 1 }, encoding: { x, y, ...scales } },
      {
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 14, fontSize: 13, color: INK, limit: width - 30 },
        encoding: { x, y, text: { field: 'text' } },
      },
    ],
  };
}

/** Small print, each text from a line of its own on. */
export function footer(texts: readonly string[], width: number): View {
  const lines = texts.flatMap((text) => wrap(text, Math.floor(width / SMALL_CHARACTER_PX)).split('\n'));
  return {
    width,
    height: 16 * lines.length,
    view: { stroke: null },
    data: { values: lines.map((text, i) => ({ text, y: 8 + 16 * i })) },
    mark: { type: 'text', align: 'left', baseline: 'middle', fontSize: 11, color: FAINT, limit: width },
    encoding: {
      x: { value: 0 },
      y: { field: 'y', type: 'quantitative', scale: null, axis: null },
      text: { field: 'text' },
    },
  };
}

/** A panel that has nothing to show says so. */
export function emptyPanel(title: string, reason: string, width: number | 'container', height: number): Panel {
  return {
    title,
    width,
    height,
    data: { values: [{ reason }] },
    mark: { type: 'text', fontSize: 13, color: FAINT },
    encoding: { text: { field: 'reason' } },
  };
}

/** Whether a panel shows nothing but why. */
export const isEmptyPanel = (panel: Panel): boolean => !('layer' in panel);
