/** Tables of one's own, and our own CSV export, as measurements. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../evals/analyze_results.js';
import { exportResults } from '../../evals/compare_models/exports.js';
import { fromCsv } from '../../src/analysis/from_csv.js';
import { fromResults } from '../../src/analysis/from_results.js';
import { makeResults } from '../support/make_results.js';
import { temporaryFolder } from '../support/temporary.js';

const read = (text: string, phase: string | null = null) => fromCsv(text, 'own.csv', phase);
const timesOf = (text: string) =>
  read(text).series.map(({ name, points }) => [name, points.map(({ n, processMs }) => [n, processMs])]);

test('every row is a time; runs are processes, samples of one run become its least', () => {
  const text = 'model,n,time_ms,run\nA,256,4,0\nA,128,2,0\nA,128,3,1\nA,128,1.5,1\nB,128,7,1\n';
  expect(timesOf(text)).toEqual([
    [
      'A',
      [
        [128, [2, 1.5]],
        [256, [4, null]],
      ],
    ],
    ['B', [[128, [null, 7]]]],
  ]);
});

test.each([
  ['time', 5],
  ['time_ms', 5],
  ['Time (ms)', 5],
  ['time [s]', 5000],
  ['seconds', 5000],
  ['time_us', 0.005],
  ['latency_ns', 5e-6],
])('a column called %s has its unit', (name, ms) => {
  const [[, [[, [value]]]]] = timesOf(`Model,seq_len,${name}\nA,128,5\n`) as [[string, [[number, [number]]]]];
  expect(value).toBeCloseTo(ms, 12);
});

test('without a column of runs every row is a run, and that is said; so is a time without a unit', () => {
  expect(timesOf('model,n,time\nA,128,5\nA,128,6\n')).toEqual([['A', [[128, [5, 6]]]]]);
  const notes = read('model,n,time\nA,128,5\n').notes.join(' ');
  expect(notes).toContain('every row counts as a run of its own');
  expect(notes).toContain('names no unit and is taken for ms');
  expect(read('model,n,time_ms,run\nA,128,5,0\n').notes).toEqual([]);
});

test('quotes, CRLF, empty lines and columns of no interest change nothing', () => {
  expect(timesOf('"model","n","time_ms","comment"\r\n"A, B",128,5,"a\nb"\r\n\r\n"A, B",256,6,c\r\n')).toEqual([
    [
      'A, B',
      [
        [128, [5]],
        [256, [6]],
      ],
    ],
  ]);
});

describe('the CSV that compare-models exports', () => {
  const results = makeResults({
    A: { 128: [1, 2, 3], 256: [2, 3, 4] },
    constructor: { 128: [5, 6, 7], 256: [6, 7, 8] },
  });
  test('gives the same times as the file it came from', () => {
    const [ours, csv] = [fromResults(results, 'file', 'generate'), read(exportResults(results, 'csv'))];
    const times = ({ series }: typeof ours) =>
      series.map(({ name, points }) => [name, points.map(({ n, processMs }) => [n, processMs])]);
    expect(times(csv)).toEqual(times(ours));
    expect(csv.meaning).toContain('generate');
  });
});

describe('a phase', () => {
  const table = 'model,n,time_ms,phase\nA,128,5,prefill\nA,128,6,decode\n';
  test('is chosen where there are several, by name', () => {
    expect(read(table, 'decode').series[0]?.points[0]?.processMs).toEqual([6]);
    expect(() => read(table)).toThrow('own.csv: has the phases prefill, decode: choose one');
    expect(() => read(table, 'generate')).toThrow(
      'own.csv: no row of phase generate; the table has only prefill, decode',
    );
  });
  test('cannot be asked of a table without that column', () => {
    expect(() => read('model,n,time_ms\nA,128,5\n', 'decode')).toThrow(
      'needs a column phase to choose decode, got none',
    );
  });
});

test.each([
  ['model,n,time\nA,128,fast\n', 'own.csv: line 2, column time: must be a number above 0, got fast'],
  ['model,n,time\nA,128,1\nA,256,\n', "own.csv: line 3, column time: must be a number above 0, got ''"],
  ['model,n,time\nA,128,NaN\n', 'column time: must be a number above 0, got NaN'],
  ['model,n,time\nA,128,-1\n', 'column time: must be a number above 0, got -1'],
  ['model,length,t\nA,12.5,1\n', 'own.csv: line 2, column length: must be a whole number, got 12.5'],
  ['model,n,time\n"A\nB",128,1\nA,128,x\n', 'own.csv: line 4, column time'],
  ['model,n,time\n,128,1\n', "own.csv: line 2, column model: must name a model, got ''"],
  ['model,n,time\nA,128\n', 'own.csv: line 2: needs 3 columns as line 1, got 2'],
  ['model,n\nA,128\n', 'own.csv: line 1: needs the columns model, n and time'],
  ['model,n,time_ms,time_s\nA,1,1,1\n', 'own.csv: line 1: needs one column of times, got time_ms and time_s'],
  ['model;n;time\nA;128;1,5\n', 'own.csv: columns must be separated by commas, got semicolons'],
  ['model\tn\ttime\nA\t128\t1\n', 'own.csv: columns must be separated by commas, got tabs'],
  ['model,n,time\n', 'own.csv: needs a row under the header, got none'],
])('%j is refused by line and column', (text, message) => {
  expect(() => read(text)).toThrow(message);
});

test('analyze-results takes such a file, also with a byte order mark', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'own.CSV');
  const rows = [128, 256, 512].flatMap((n) => [0, 1].map((run) => `A,${n},${n * (1 + run / 100)},${run}`));
  writeFileSync(file, `\uFEFFmodel,n,time,run\n${rows.join('\n')}\n`);
  let stdout = '';
  const streams = { stdout: { write: (text: string) => (stdout += text) }, stderr: { write: () => undefined } };
  expect(await main(['--results_file', file, '--output_dir', folder], streams)).toBe(0);
  expect(stdout).toMatch(/\bA\W+1\.000\W/);
});
