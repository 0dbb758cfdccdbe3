/** Numbers for readers: digits follow the interval; without one, three significant digits. */
import type { Interval } from '../statistics.js';

/** A number and its 95 % interval; null where there is none. */
export interface Estimate {
  readonly value: number;
  readonly ci: Interval | null;
}

const MAX_DECIMALS = 4;
const LARGEST_PLAIN = 1e7;

/** Units of time, each from how many of its own on. Milliseconds are the usual one. */
const TIME_UNITS = [
  { unit: 'h', ms: 3.6e6, from: 3 },
  { unit: 's', ms: 1e3, from: 10 },
  { unit: 'ms', ms: 1, from: 0.1 },
  { unit: 'µs', ms: 1e-3, from: 0.5 },
] as const;
const SMALLEST_UNIT = { unit: 'ns', ms: 1e-6 } as const;

/** Decimals that show one significant digit of the half-width. */
function decimalsOf(halfWidth: number): number {
  if (halfWidth <= 0) return MAX_DECIMALS - 1;
  return Math.min(MAX_DECIMALS - 1, Math.max(0, -Math.floor(Math.log10(halfWidth))));
}

/** Decimals that show `digits` significant digits of the value. */
function significantDecimals(value: number, digits: number): number {
  if (value === 0) return digits - 1;
  return Math.min(MAX_DECIMALS, Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
}

/** Digits after the point, or a power of ten where the number would be all zeros or too long to read. */
function decimalText(value: number, decimals: number): string {
  const size = Math.abs(value);
  const plain = size < LARGEST_PLAIN && (size >= 0.5 * 10 ** -decimals || size === 0);
  return plain ? value.toFixed(decimals) : Number(value.toPrecision(3)).toExponential();
}

/** `1.82 [1.74, 1.91]`, or `1.82` without an interval. */
export function withInterval({ value, ci }: Estimate, unit = ''): string {
  if (ci === null) return decimalText(value, significantDecimals(value, 3)) + unit;
  const decimals = decimalsOf((ci[1] - ci[0]) / 2);
  const [low, high] = ci.map((end) => decimalText(end, decimals));
  return `${decimalText(value, decimals)}${unit} [${low}, ${high}]`;
}

/** `1.02 [0.98, 1.05]`, or `1.023` without an interval: an exponent then has three decimals, and never fewer than two. */
export function exponentText({ value, ci }: Estimate): string {
  const decimals = ci === null ? 3 : Math.max(2, decimalsOf((ci[1] - ci[0]) / 2));
  const [text = '', ...ends] = [value, ...(ci ?? [])].map((number) => unsigned(number.toFixed(decimals)));
  return ci === null ? text : `${text} [${ends.join(', ')}]`;
}

/** `-0.00` is zero. */
function unsigned(text: string): string {
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text;
}

/** The unit in which a time is read best. @param ms in milliseconds */
export function timeUnit(ms: number): { readonly unit: string; readonly ms: number } {
  return TIME_UNITS.find(({ ms: size, from }) => ms >= size * from) ?? SMALLEST_UNIT;
}

/** `12.3 ms ± 0.4`, or `13 ms [9, 45]` where the ends are not as far from the value; 61.5 µs, 0.5 ns, 43.2 s, 5 h. */
export function timeText({ value, ci }: Estimate): string {
  const { unit, ms } = timeUnit(value);
  const own = value / ms;
  if (ci === null) return `${decimalText(own, significantDecimals(own, 3))} ${unit}`;
  const [low, high] = [ci[0] / ms, ci[1] / ms];
  const halfWidth = (high - low) / 2;
  const decimals = decimalsOf(halfWidth);
  const [text, half, ...ends] = [own, halfWidth, low, high].map((number) => decimalText(number, decimals));
  return isEven(own, low, high) ? `${text} ${unit} ± ${half}` : `${text} ${unit} [${ends.join(', ')}]`;
}

/** Whether each end is as far from the value as the half-width says, within a quarter of it. */
function isEven(value: number, low: number, high: number): boolean {
  const halfWidth = (high - low) / 2;
  return Math.abs(high - value - halfWidth) <= halfWidth / 4;
}

/** `7.67 MiB`, in B, KiB, MiB, GiB or TiB; `not recorded` for null. */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return 'not recorded';
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(significantDecimals(value, 3))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

/** `4,096` */
export function integerText(n: number): string {
  return n.toLocaleString('en-US');
}

/** `4,096 and 8,192 tokens` */
export function tokensText(lengths: readonly number[]): string {
  return `${lengths.map(integerText).join(' and ')} tokens`;
}

/** `1 cell`, `2 cells`, `3 processes` */
export function countText(count: number, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what}${what.endsWith('s') ? 'es' : 's'}`;
}

/** `12.3 %` of a share of 0.123; at most one decimal. */
export function percentText(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}

/** `45 s`, `3 min`: about how long something takes. */
export function roughTimeText(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}

/** What decides how much work a model is, as a results file names it. */
export interface ModelShape {
  readonly hidden_dim: number;
  readonly num_heads: number;
  readonly num_layers: number;
  readonly ff_dim: number;
  readonly vocab_size: number;
  readonly batch_size: number;
  /** Of models, those that are not their own, by name. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

/** `d = 256, H = 4, L = 2, f = 512, V = 10,000, batch 1, chunk_size 64` */
export function shapeText(shape: ModelShape): string {
  const { hidden_dim: d, num_heads: H, num_layers: L, ff_dim: f, vocab_size: V, batch_size, options } = shape;
  const letters = Object.entries({ d, H, L, f, V }).map(([letter, size]) => `${letter} = ${integerText(size)}`);
  const given = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return [...letters, `batch ${integerText(batch_size)}`, ...given].join(', ');
}
