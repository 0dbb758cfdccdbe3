/** Figures of what lies behind an exponent, and which of all figures a page has. */
import { describe, expect, test } from 'vitest';
import { analyze } from '../../../src/analysis/analysis.js';
import { figuresOf } from '../../../src/analysis/charts/figures.js';
import { type Frame, groupsOf, namesOf } from '../../../src/analysis/charts/groups.js';
import { slopesPanel, workPanel } from '../../../src/analysis/charts/growth.js';
import { isEmptyPanel, type Panel } from '../../../src/analysis/charts/parts.js';
import { renderSvg } from '../../../src/analysis/charts/png.js';
import { fromCsv } from '../../../src/analysis/from_csv.js';
import type { Measurements } from '../../../src/analysis/measurements.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { makeResults, type Times } from '../../support/make_results.js';

const LENGTHS = [64, 128, 512, 1024];
/** Five processes, each off by as many percent, in another order at each length. */
const curve = (ms: (n: number) => number, percent: number) =>
  Object.fromEntries(
    LENGTHS.map((n, k) => [n, [0, 1, 2, 3, 4].map((i) => ms(n) * (1 + (percent / 100) * (((i * (k + 1)) % 5) - 2)))]),
  );
const times: Times = { Square: curve((n) => n * n * 1e-4, 0.1), Line: curve((n) => n / 100, 0.1) };
const measured = readMeasurements(makeResults(times), 'file', null);
const analyzed = (measurements: Measurements) => analyze(measurements, null, 'file');

const frameOf = ({ models }: ReturnType<typeof analyzed>): Frame => {
  const groups = groupsOf(models);
  return { group: groups[0]!, models, names: namesOf(groups), width: 400, height: 300 };
};
interface DrawnRow {
  readonly model: string;
  readonly n: number;
  readonly value: number;
  readonly flops: number;
  readonly at: string;
}
/** Of the layer with the symbols. */
const symbolsOf = (panel: Panel): DrawnRow[] =>
  (panel as { layer: { mark: { type?: string }; data: { values: DrawnRow[] } }[] }).layer
    .filter(({ mark }) => mark.type === 'point')
    .flatMap(({ data }) => data.values);
const domainOf = (panel: Panel): number[] =>
  (panel as unknown as { layer: { encoding: { y: { scale: { domain: number[] } } } }[] }).layer.at(-1)!.encoding.y.scale
    .domain;

describe('local slopes', () => {
  test('stand in the middle of two neighbouring lengths, which they name', () => {
    const rows = symbolsOf(slopesPanel(frameOf(analyzed(measured))));
    const square = rows.filter(({ model }) => model === 'Square');
    expect(square.map(({ at }) => at)).toEqual(['64–128', '128–512', '512–1024']);
    for (const { value } of square) expect(value).toBeCloseTo(2, 9);
    expect(square[1]?.n).toBeCloseTo(256, 9);
  });
  test('have an axis that a wide interval does not stretch', () => {
    const close = { 100: [80, 90, 100, 110, 120], 110: [121, 99, 132, 110, 88] };
    const noisy = analyzed(readMeasurements(makeResults({ A: close }), 'file', null));
    expect(noisy.models[0]?.slopes.at(-1)?.ci?.[1]).toBeGreaterThan(2.75);
    const [low = 0, high = 0] = domainOf(slopesPanel(frameOf(noisy)));
    expect(low).toBeGreaterThanOrEqual(-0.5);
    expect(low).toBeLessThanOrEqual(0);
    expect(high).toBeLessThanOrEqual(2.75);
    expect(high).toBeGreaterThanOrEqual(2.25);
  });
});

describe('counted against timed', () => {
  test('a symbol a cell, at its FLOPs and its time', () => {
    const rows = symbolsOf(workPanel(frameOf(analyzed(measured))));
    expect(rows.map(({ flops, n }) => flops / n)).toEqual(Array(8).fill(1e6));
    expect(rows.find(({ model, n }) => model === 'Line' && n === 512)?.value).toBeCloseTo(5.12, 9);
  });
  test('cells that were not counted are left out; without any there is no such figure', () => {
    const counted = makeResults(times).cells[0]!.counted;
    const some = makeResults(times, { counted: (model, n) => (model === 'Line' ? null : { ...counted!, flops: n }) });
    expect(
      new Set(symbolsOf(workPanel(frameOf(analyzed(readMeasurements(some, 'file', null))))).map(({ model }) => model)),
    ).toEqual(new Set(['Square']));
    const none = analyzed(readMeasurements(makeResults(times, { counted: () => null }), 'file', null));
    expect(isEmptyPanel(workPanel(frameOf(none)))).toBe(true);
    expect(figuresOf(none).map(({ title }) => title)).not.toContain('Counted against timed: FLOPs and time');
  });
});

test('a page has its figures in the order of its questions, and none that the file says nothing of', () => {
  const titles = (measurements: Measurements) => figuresOf(analyzed(measurements)).map(({ title }) => title);
  expect(titles(measured)).toEqual([
    'Time, both axes logarithmic',
    'Local slopes: exponent between neighbouring lengths',
    'Slowdown against Line',
    'Cross-overs: the length from which on another model is faster',
    'Memory: state (solid), peak activations (dashed)',
    'Counted against timed: FLOPs and time',
    'Time',
    'Speed: emitted tokens per second (time includes the prompt)',
  ]);
  const table = fromCsv('model,n,time_ms\nA,64,1\nA,128,2\nB,64,2\nB,128,3\n', 'file', null);
  expect(titles(table)).toEqual([
    'Time, both axes logarithmic',
    'Local slopes: exponent between neighbouring lengths',
    'Slowdown against A',
    'Time',
    expect.stringMatching(/^Speed/),
  ]);
});

test.each([slopesPanel, workPanel])('%o is drawn as any other panel', async (panel) => {
  const frame = frameOf(analyzed(measured));
  const spec = { ...panel(frame), params: [{ name: 'hidden', value: [] }] } as Parameters<typeof renderSvg>[0];
  const svg = await renderSvg(spec);
  expect(svg).not.toMatch(/NaN|undefined/);
  expect(svg.match(/aria-roledescription="(point|symbol)[^"]*"/g)?.length).toBeGreaterThanOrEqual(6);
});
