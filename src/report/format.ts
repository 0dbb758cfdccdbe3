/** Numbers for readers: digits follow the interval; without one, three significant digits. */
import type { Interval } from '../statistics.js';

/** A number and its 95 % interval; null where there is none. */
export interface Estimate {
  readonly value: number;
  readonly ci: Interval | null;
}

const MAX_DECIMALS = 4;

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

/** `1.82 [1.74, 1.91]`, or `1.82` without an interval. */
export function withInterval({ value, ci }: Estimate, unit = ''): string {
  if (ci === null) return value.toFixed(significantDecimals(value, 3)) + unit;
  const decimals = decimalsOf((ci[1] - ci[0]) / 2);
  return `${value.toFixed(decimals)}${unit} [${ci[0].toFixed(decimals)}, ${ci[1].toFixed(decimals)}]`;
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

/** `12.3 ms ± 0.4`, in seconds from 10 s on. */
export function timeText({ value, ci }: Estimate): string {
  const [unit, scale] = value >= 10_000 ? ['s', 1e-3] : ['ms', 1];
  if (ci === null) return `${(value * scale).toFixed(significantDecimals(value * scale, 3))} ${unit}`;
  const halfWidth = ((ci[1] - ci[0]) / 2) * scale;
  const decimals = decimalsOf(halfWidth);
  return `${(value * scale).toFixed(decimals)} ${unit} ± ${halfWidth.toFixed(decimals)}`;
}

/** `7.67 MiB`, in B, KiB, MiB or GiB; `not recorded` for null. */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return 'not recorded';
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(significantDecimals(value, 3))} ${['B', 'KiB', 'MiB', 'GiB'][power]}`;
}

/** `4,096` */
export function integerText(n: number): string {
  return n.toLocaleString('en-US');
}
