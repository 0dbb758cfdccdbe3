import { createCanvas, loadImage } from 'canvas';
import { describe, expect, test } from 'vitest';
import { analyze } from '../../../src/analysis/analysis.js';
import { complexityAnalysis } from '../../../src/analysis/charts/charts.js';
import { complexityLogLog } from '../../../src/analysis/charts/loglog.js';
import { logTicks, modelScales } from '../../../src/analysis/charts/parts.js';
import { renderPng, renderSvg } from '../../../src/analysis/charts/png.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { makeResults, type Times, WASM } from '../../support/make_results.js';

const LENGTHS = [128, 256, 512, 1024, 2048];
const spread = (t: number): number[] => [0.98, 0.99, 1, 1.01, 1.02].map((factor) => t * factor);
const times: Times = {
  Linear: Object.fromEntries(LENGTHS.map((n) => [n, spread(2 + 0.01 * n)])),
  Square: Object.fromEntries(LENGTHS.map((n) => [n, spread(1 + 1e-4 * n * n)])),
};
const analysis = analyze(readMeasurements(makeResults(times), 'file', null), null, 'file');

/** Every value of that key anywhere in a specification. */
function collect(node: unknown, key: string): unknown[] {
  if (Array.isArray(node)) return node.flatMap((child) => collect(child, key));
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, child]) => [...(name === key ? [child] : []), ...collect(child, key)]);
}

describe('complexity_analysis', () => {
  const spec = complexityAnalysis(analysis);
  const titles = collect(spec, 'axis').map((axis) => (axis as { title?: string } | null)?.title);

  test('has four panels, and units on every axis', () => {
    const text = JSON.stringify(spec);
    for (const title of ['"Time"', 'Slowdown against Linear', '"Speed"', 'Memory: state'])
      expect(text).toContain(title);
    expect(new Set(titles.filter((title) => title !== undefined))).toEqual(
      new Set([
        'sequence length n, tokens (linear)',
        'time, ms (linear)',
        'sequence length n, tokens (log scale)',
        'time / reference’s time (log scale)',
        'tokens per second (log scale)',
        'memory, MiB (log scale)',
      ]),
    );
  });

  test('tells models apart by colour and by shape, the same in every panel', () => {
    const scales = collect(spec, 'shape').filter((shape) => typeof shape === 'object');
    expect(scales.length).toBeGreaterThan(4);
    for (const shape of scales)
      expect(shape).toMatchObject({ scale: { domain: ['Linear', 'Square'], range: ['circle', 'square'] } });
    const many = modelScales(Array.from({ length: 30 }, (_, i) => `m${i}`));
    const looks = many.color.scale.range.map((colour, i) => `${colour} ${many.shape.scale.range[i]}`);
    expect(new Set(looks).size).toBe(30);
  });

  test('draws the interval of every cell as a band, and says where it comes from', () => {
    const text = JSON.stringify(spec);
    expect(text).toContain('Bands: 95 % intervals over processes.');
    expect(text).toContain('Test CPU');
    expect(text).toContain('commit 0123456789');
    expect(text).toContain('2026-01-02');
    const rows = collect(spec, 'values').flat() as {
      model?: string;
      n?: number;
      low?: number;
      value: number;
      high?: number;
    }[];
    const bands = rows.filter((row) => typeof row.low === 'number' && typeof row.high === 'number');
    expect(bands.length).toBeGreaterThan(10);
    for (const { low = 0, value, high = 0 } of bands) expect(low <= value && value <= high).toBe(true);
  });
});

describe('complexity_loglog', () => {
  const spec = complexityLogLog(analysis);

  test('has a tick at every measured length, every process, guide slopes and exponents with intervals', () => {
    expect(collect(spec, 'values')).toContainEqual(LENGTHS);
    const rows = collect(spec, 'values').flat() as { model?: string; n?: number; value?: number }[];
    for (const ms of spread(2 + 0.01 * 128)) {
      expect(rows).toContainEqual({ model: 'Linear', n: 128, value: expect.closeTo(ms, 9) });
    }
    const text = JSON.stringify(spec);
    expect(text).toContain('slope 1 (∝ n)');
    expect(text).toContain('slope 2 (∝ n²)');
    expect(text).toMatch(/Square {3}exponent 2\.00\d* \[[\d.]+, [\d.]+\] on top of a constant 1\.00 ms/);
  });

  test('draws curves through the points', () => {
    const rows = collect(spec, 'values').flat() as { model?: string; n?: number; value?: number }[];
    const near = rows.filter(({ model, n = 0 }) => model === 'Square' && Math.abs(n - 512) < 15);
    expect(near.length).toBeGreaterThan(6);
    for (const { value } of near) expect(value).toBeGreaterThan(0.9 * (1 + 1e-4 * 512 ** 2 * 0.95));
  });

  test('a model that is not identified says so instead of an exponent', () => {
    const short = Object.fromEntries(Object.entries(times.Square ?? {}).slice(0, 4));
    const few = analyze(readMeasurements(makeResults({ Square: short }), 'file', null), null, 'file');
    const spec = complexityLogLog(few);
    expect(JSON.stringify(spec)).toMatch(/Square {3}exponent not identified \(log-log slope/);
    const drawn = collect(spec, 'values').flat() as { model?: string; n?: number; label?: string }[];
    const curve = drawn.filter(({ model, label }) => model === 'Square' && label === undefined);
    expect(curve.filter(({ n }) => n !== undefined && !LENGTHS.includes(n))).toEqual([]);
  });
});

test('log ticks are round, within the range, and neither too few nor too many', () => {
  for (const range of [
    [1, 2],
    [0.03, 9],
    [0.5, 5],
    [70, 8000],
    [1e-3, 1e6],
    [3, 3.9],
  ] as const) {
    const ticks = logTicks(range);
    expect(ticks.length, String(range)).toBeGreaterThanOrEqual(2);
    expect(ticks.length, String(range)).toBeLessThanOrEqual(13);
    expect(ticks.every((tick) => tick >= range[0] && tick <= range[1])).toBe(true);
  }
});

describe('pictures', () => {
  test.each([
    ['analysis', complexityAnalysis(analysis)],
    ['loglog', complexityLogLog(analysis)],
  ])('%s: the PNG is large, white at its corners and drawn inside', async (_name, spec) => {
    const png = await renderPng(spec);
    const image = await loadImage(png);
    expect(image.width).toBeGreaterThan(2000);
    const context = createCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    expect([...data.slice(0, 4)]).toEqual([255, 255, 255, 255]);
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4)
      colours.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
    for (const used of [0x0072b2, 0xd55e00]) expect(colours.has(used)).toBe(true);
  });

  test('text is drawn with the font of the package: the picture is the same twice', async () => {
    const [first, second] = [await renderPng(complexityLogLog(analysis)), await renderPng(complexityLogLog(analysis))];
    expect(first.equals(second)).toBe(true);
  });

  test('SVG holds the same text', async () => {
    const svg = await renderSvg(complexityLogLog(analysis));
    expect(svg).toMatch(/^<svg /);
    expect(svg).toContain('Time against sequence length');
    expect(svg).not.toContain('NaN');
  });
});

test('a run of many engines names them all below, in lines that fit', () => {
  const file = makeResults(times);
  const engines = ['tensorflow', 'tensorflow-eager', 'wasm', 'torch', 'torch-compiled'].map((id) => ({
    ...{ ...WASM, id },
    versions: { tfjs: '4.22.0', tensorflow: '2.15.1' },
  }));
  const many = analyze(readMeasurements({ ...file, engines }, 'file', null), null, 'file');
  for (const spec of [complexityAnalysis(many), complexityLogLog(many)]) {
    const texts = collect(spec, 'text').filter((text) => typeof text === 'string');
    expect(texts.join(' ')).toMatch(/tensorflow-eager \(tfjs 4\.22\.0, tensorflow 2\.15\.1\).* torch-compiled \(/);
    expect(texts.filter((text) => text.length * 6.2 > 1040)).toEqual([]);
  }
});
