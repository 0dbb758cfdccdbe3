/** What analyze-results writes for other programs: numbers in columns with units, the configuration beside them. */
import { csvParse } from 'd3-dsv';
import { describe, expect, test } from 'vitest';
import { ANALYSIS_FORMATS, type AnalysisFormat, exportAnalysis } from '../../evals/analyze_results/exports.js';
import { analyze } from '../../src/analysis/analysis.js';
import { fromCsv } from '../../src/analysis/from_csv.js';
import { readMeasurements } from '../../src/analysis/read_measurements.js';
import { buildTables, preamble } from '../../src/analysis/tables/tables.js';
import { makeResults } from '../support/make_results.js';

const LENGTHS = [128, 256, 512, 1024, 2048];
const file = makeResults({
  'Slow, =1': Object.fromEntries(LENGTHS.map((n) => [n, [0.98, 0.99, 1, 1.01, 1.02].map((f) => f * 0.02 * n)])),
  Fast: Object.fromEntries(LENGTHS.map((n) => [n, [0.98, 0.99, 1, 1.01, 1.02].map((f) => f * (3 + 0.01 * n))])),
});
const analysis = analyze(readMeasurements(file, 'file', null), null, 'file');
const exported = (format: AnalysisFormat) =>
  exportAnalysis([{ label: 'file', analysis, ratios: [] }], [], buildTables(analysis), preamble(analysis), format);

describe('CSV', () => {
  const [points, fits] = exported('csv').map(({ text }) => csvParse(text) as object[]) as [object[], object[]];
  test('has a row a model and length, times in ms, as they were measured', () => {
    expect(points).toHaveLength(2 * LENGTHS.length);
    expect(points[4]).toMatchObject({ model: 'Slow, =1', engine: 'wasm', n: '2048', processes: '5' });
    const { time_ms, time_low_ms, time_high_ms, slowdown } = points[4] as Record<string, string>;
    expect([time_ms, time_low_ms, time_high_ms, slowdown].every((text) => Number.isFinite(Number(text)))).toBe(true);
    expect(Number(time_ms)).toBeCloseTo(40.96, 9);
    expect(Number(time_low_ms)).toBeLessThan(40.96);
    expect(Number(time_high_ms)).toBeGreaterThan(40.96);
    expect(Number(slowdown)).toBeCloseTo(40.96 / 23.48, 9);
  });
  test('has the configuration in every row, by the names of its flags', () => {
    const { hidden_dim, num_heads, num_layers, ff_dim, vocab_size, batch_size } = file.config;
    const config = { hidden_dim, num_heads, num_layers, ff_dim, vocab_size, batch_size };
    const texts = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)]));
    for (const row of [...points, ...fits]) expect(row).toMatchObject({ ...texts, phase: 'generate', threads: '1' });
  });
  test('has a row a model with its exponents', () => {
    expect(fits.map((row) => (row as { model: string }).model)).toEqual(['Slow, =1', 'Fast']);
    expect(Number((fits[0] as Record<string, string>)['loglog_exponent'])).toBeCloseTo(1, 6);
    expect(fits[1]).toMatchObject({ loglog_misleads: 'true', lengths: '5', n_least: '128', n_most: '2048' });
  });
  test('is a table that analyze-results reads again, with the same times', () => {
    const again = fromCsv(exported('csv')[0]!.text, 'file', null);
    expect(again.series.map(({ name }) => name)).toEqual(['Slow, =1', 'Fast']);
    const times = again.series[0]!.points.map(({ processMs }) => processMs[0]);
    expect(times).toEqual(analysis.models[0]!.points.map(({ ms }) => ms.value));
  });
});

test('every format has its files, and every document names the shape of the models', () => {
  expect(ANALYSIS_FORMATS.flatMap((format) => exported(format).map(({ name }) => name))).toEqual([
    ...['analysis.md', 'analysis.csv', 'analysis_fits.csv', 'analysis.tex'],
  ]);
  for (const format of ['md', 'tex'] as const) expect(exported(format)[0]?.text).toContain('V = 10,000');
});
