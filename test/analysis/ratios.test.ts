/** Engines of one run, measured in turns: one machine, one process after the other. */
import { csvParse } from 'd3-dsv';
import { expect, test } from 'vitest';
import { exportAnalysis } from '../../evals/analyze_results/exports.js';
import { analyze } from '../../src/analysis/analysis.js';
import { fromCsv } from '../../src/analysis/from_csv.js';
import { engineRatios } from '../../src/analysis/ratios.js';
import { readMeasurements, readPhases } from '../../src/analysis/read_measurements.js';
import { engineTables } from '../../src/analysis/tables/ratios.js';
import type { Results } from '../../src/results/schema.js';
import type { Phase } from '../../src/results/words.js';
import { makeResults, type Times, WASM } from '../support/make_results.js';

/** Five processes, 4 % apart, slow in the same processes on every engine. */
const spread = (ms: number): number[] => [0.96, 0.98, 1, 1.02, 1.04].map((factor) => factor * ms);
const cellsOf = (engine: string, phase: Phase, times: Times): Results['cells'] =>
  makeResults(times, { phase }).cells.map((cell) => ({ ...cell, engine }));
const file: Results = {
  ...makeResults({ A: { 64: [1] } }),
  engines: ['tensorflow', 'wasm', 'torch'].map((id) => ({ ...WASM, id })),
  cells: [
    ...cellsOf('tensorflow', 'prefill', { A: { 64: spread(2), 128: spread(4) }, B: { 64: spread(1) } }),
    ...cellsOf('wasm', 'prefill', { A: { 64: spread(10), 256: spread(40) } }),
    ...cellsOf('torch', 'prefill', { A: { 64: spread(1) } }),
    ...cellsOf('tensorflow', 'decode', { A: { 64: spread(3) } }),
    ...cellsOf('torch', 'decode', { A: { 64: spread(6) } }),
  ],
};
const ratios = engineRatios(readPhases(file, 'file'), 'tensorflow');

test('a ratio is of the same model, phase and length, with the interval of processes that were measured in turns', () => {
  const found = ratios.map(({ model, phase, n, side, ratio }) => [model, phase, n, side, ratio.value]);
  expect(found).toEqual([
    ['A', 'prefill', 64, 'wasm', 5],
    ['A', 'prefill', 64, 'torch', 0.5],
    ['A', 'decode', 64, 'torch', 2],
  ]);
  for (const { ratio, referenceMs } of ratios) {
    expect(ratio.ci?.map((end) => end / ratio.value)).toEqual([expect.closeTo(1, 9), expect.closeTo(1, 9)]);
    expect((referenceMs.ci as [number, number])[1]).toBeGreaterThan(referenceMs.value); // though each time has its spread
  }
});

test('processes that share nothing leave the ratio an interval as wide as both', () => {
  const shuffled = [1.02, 0.96, 1.04, 0.98, 1];
  const other = { ...file, cells: file.cells.map((cell) => ({ ...cell })) };
  other.cells.splice(3, 3, ...cellsOf('wasm', 'prefill', { A: { 64: shuffled.map((factor) => 10 * factor) } }));
  const [{ ratio }] = engineRatios(readPhases(other, 'file'), 'tensorflow') as [(typeof ratios)[number]];
  expect(ratio.value).toBeCloseTo(5, 9);
  const [low, high] = ratio.ci as [number, number];
  expect([low < 4.95, high > 5.05]).toEqual([true, true]);
});

test('the table has a column an engine, and a row a cell that the reference measured', () => {
  const [table, ...others] = engineTables(ratios);
  expect(others).toEqual([]);
  expect(table?.columns).toEqual(['Model', 'Phase', 'n', 'tensorflow', 'wasm', 'torch']);
  expect(table?.rows).toEqual([
    ['A', 'prefill', '64', '2.00 ms ± 0.09', '5.000x [5.000, 5.000]', '0.500x [0.500, 0.500]'],
    ['A', 'decode', '64', '3.0 ms ± 0.1', '–', '2.000x [2.000, 2.000]'],
  ]);
});

test('a file of one engine, or of the original project, has no such table', () => {
  const one = makeResults({ A: { 64: spread(1) } });
  expect(engineTables(engineRatios(readPhases(one, 'file'), 'wasm'))).toEqual([]);
  const original = { time_results: { A: { 64: 1 } } };
  expect(engineTables(engineRatios(readPhases(original, 'file'), ''))).toEqual([]);
});

test("a table of one's own with a column of engines is compared too", () => {
  const rows = ['A,64,wasm,prefill,10', 'A,64,torch,prefill,5', 'A,128,torch,prefill,9'];
  const own = fromCsv(`model,n,engine,phase,time_ms\n${rows.join('\n')}\n`, 'file', null);
  const found = engineRatios([own], 'wasm').map(({ phase, side, n, ratio }) => [phase, side, n, ratio]);
  expect(found).toEqual([['prefill', 'torch', 64, { value: 0.5, ci: null }]]);
});

test('CSV has a row a ratio, each with its own phase', () => {
  const analysis = analyze(readMeasurements(file, 'file', 'prefill'), null, 'file');
  const [, , engines] = exportAnalysis([{ label: 'file', analysis, ratios }], [], [], [], 'csv');
  expect(engines?.name).toBe('analysis_engines.csv');
  const rows = csvParse(engines?.text ?? '');
  expect(rows.map(({ phase, engine, reference, ratio }) => [phase, engine, reference, ratio])).toEqual([
    ['prefill', 'wasm', 'tensorflow', '5'],
    ['prefill', 'torch', 'tensorflow', '0.5'],
    ['decode', 'torch', 'tensorflow', '2'],
  ]);
  expect(rows[0]).toMatchObject({ reference_ms: '2', time_ms: '10', hidden_dim: '128' });
});
