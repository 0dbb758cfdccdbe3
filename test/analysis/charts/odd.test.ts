/** Pictures of what is seldom measured: many lengths, wide ranges, long names and characters without a font. */
import { describe, expect, test } from 'vitest';
import {
  lengthAxis,
  linearAxis,
  logAxis,
  logDomain,
  logTicks,
  shortName,
  timeUnit,
} from '../../../src/analysis/charts/parts.js';
import { renderPng, renderSvg, undrawable } from '../../../src/analysis/charts/png.js';

const ascending = (count: number): number[] => Array.from({ length: count }, (_, i) => 16 + i * (i + 3));

describe('the axis of lengths', () => {
  test.each([400, 20_000])('has ticks that have room, of %i lengths, the longest among them', (count) => {
    const lengths = ascending(count);
    const { values = [] } = lengthAxis(lengths, 460).axis;
    const width = 7.5 * lengths.at(-1)!.toLocaleString('en-US').length;
    const at = (n: number): number => (460 * Math.log(n / lengths[0]!)) / Math.log(lengths.at(-1)! / lengths[0]!);
    expect(values.at(-1)).toBe(lengths.at(-1));
    expect(values.length).toBeGreaterThan(2);
    for (const [i, n] of values.slice(1).entries()) expect(at(n) - at(values[i]!)).toBeGreaterThan(width);
  });
  test('has every length where there is room, one length alone among them', () => {
    expect(lengthAxis([128, 256, 512]).axis.values).toEqual([128, 256, 512]);
    expect(lengthAxis([512]).axis.values).toEqual([512]);
  });
});

test('axes over a wide range have short labels', () => {
  expect(logAxis('value', 'x', [1e-9, 1e9]).axis.format).toBe('~e');
  expect(logAxis('value', 'x', [0.01, 5000]).axis.format).toBe(',~r');
  expect(linearAxis('n', 'n', [1, 1e9]).axis.format).toBe('~s');
  expect(linearAxis('n', 'n', [1, 1e5]).axis.format).toBe(',~r');
});

test('the unit of an axis is that of its largest time, up to seconds', () => {
  expect([1e-4, 0.05, 12, 30_000, 1e8].map((ms) => timeUnit(ms).unit)).toEqual(['ns', 'µs', 'ms', 's', 's']);
  expect(2e-4 * timeUnit(2e-4).perMs).toBeCloseTo(200, 9);
});

test('a long name leaves room for what stands behind it, also where its characters are drawn as codes', () => {
  expect(shortName('LinearTransformer')).toBe('LinearTransformer');
  expect(shortName('x'.repeat(200))).toBe(`${'x'.repeat(48)}…`);
  expect([...shortName('注意力'.repeat(30))].length).toBe(6);
});

const spec = (text: string) =>
  ({ data: { values: [{ text }] }, mark: 'text', encoding: { text: { field: 'text' } } }) as const;

test('a character that no font has is drawn as its code in a PNG, and as it is in an SVG', async () => {
  const nowhere = '\u{10fffd}'; // for private use, at the end of all planes
  expect(undrawable(['Mödel Ψ', `a${nowhere}`])).toEqual([nowhere]);
  expect((await renderPng(spec(`a${nowhere}`))).equals(await renderPng(spec('a\\u{10fffd}')))).toBe(true);
  expect(await renderSvg(spec(`a${nowhere}`))).toContain(`a${nowhere}`);
});

test.each([[5e-324], [1e308], [1.7e308]])('a logarithmic axis around %f has finite ends and ticks', (value) => {
  const domain = logDomain([value], 2);
  expect(domain.every((end) => end > 0 && Number.isFinite(end))).toBe(true);
  expect(logTicks(domain).every(Number.isFinite)).toBe(true);
});
