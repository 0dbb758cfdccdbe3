/** What comes in is data: names that objects have of themselves, and names that a terminal or a picture would obey. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../evals/analyze_results.js';
import { reportText } from '../../evals/compare_models/report.js';
import { analyze } from '../../src/analysis/analysis.js';
import { complexityAnalysis } from '../../src/analysis/charts/charts.js';
import { renderSvg } from '../../src/analysis/charts/png.js';
import { readMeasurements } from '../../src/analysis/read_measurements.js';
import { createLedger, headOf } from '../../src/bench/run/ledger.js';
import { parseJson } from '../../src/results/json.js';
import { cellsOf } from '../support/fake_worker.js';
import { makeModel, makeResults } from '../support/make_results.js';

const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
const OBEYED = 'nul\u0000 esc\u001b[2J\r\n::error::x\u202e';
const curve = '{"128":0.001,"256":0.002,"512":0.004,"1024":0.008,"2048":0.016}';
const fileOf = (names: readonly string[]): string =>
  `{"time_results":{${names.map((name) => `${JSON.stringify(name)}:${curve}`)}},"param_counts":{"B":5}}`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'names-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const stream = { write: (part: string) => (text += part) };
  const code = await main(argv, { stdout: stream, stderr: stream });
  return { code, text };
}

test('names that every object has are names in a file of the original project: tables have their times, and no other', () => {
  const { series } = readMeasurements(parseJson(fileOf([...INHERITED, 'B'])), 'file', null);
  expect(series.map(({ name }) => name)).toEqual([...INHERITED, 'B']);
  expect(series.map(({ points }) => points.map(({ processMs }) => processMs[0]))).toEqual(
    Array(6).fill([1, 2, 4, 8, 16]),
  );
  expect(series.map(({ points }) => points[0]?.memory.parameters)).toEqual([...INHERITED.map(() => null), 20]);
});

test('they are lines in the pictures', async () => {
  const analysis = analyze(readMeasurements(parseJson(fileOf(INHERITED)), 'file', null), null, 'file');
  const svg = await renderSvg(complexityAnalysis(analysis));
  for (const name of INHERITED) expect(svg).toContain(`>${name}`);
  const lines = /class="mark-group role-scope concat_1_concat_0_layer_0_pathgroup"[\s\S]*?<\/g><g class="mark-symbol/;
  expect(lines.exec(svg)?.[0].match(/<path aria-label/g)).toHaveLength(INHERITED.length);
});

test('they are keys of the results file, with times of their own', () => {
  const names = ['constructor', '__proto__'];
  const cells = cellsOf(names, [512, 1024]);
  const rule = { runs: 1, precisionPct: 2.5, maxTimeS: 0 };
  const ledger = createLedger({ cells, nTokens: 4, batchSize: 1, rule });
  for (const name of names) ledger.addModel({ ...makeModel(name), params_without_head: 7 });
  const process = {
    run: 0,
    order: 0,
    warmup_ms: [],
    compile_ms: 0,
    steps: null,
    steps_ms: null,
    batch: 1,
    peak_rss_bytes: 1,
  };
  for (const cell of cells) ledger.addProcess(cell, { ...process, samples_ms: [cell.n], leaked_tensors: 0 });
  const file = JSON.stringify(ledger.results(headOf(makeResults({ A: { 512: [1] } }))));
  expect(file).toContain(
    '"time_results":{"constructor":{"512":0.512,"1024":1.024},"__proto__":{"512":0.512,"1024":1.024}}',
  );
  expect(file).toContain('"param_counts":{"constructor":7,"__proto__":7}');
});

test('a name that a terminal or a runner would obey is shown, in tables, pictures and files', async () => {
  const file = join(folder, 'obeyed.json');
  writeFileSync(file, fileOf([OBEYED, 'B']));
  const { code, text } = await run('--results_file', file, '--output_dir', folder, '--svg', '--html');
  expect(code).toBe(0);
  expect(text).not.toMatch(/[^\P{Cc}\n]|\u202e|^\s*::/mu);
  expect(text).toContain('nul\\x00 esc\\x1b[2J\\r\\n::error::x\\u202e');
  for (const name of ['complexity_analysis.svg', 'complexity_loglog.svg', 'report.html']) {
    const written = readFileSync(join(folder, name), 'utf8');
    expect(written).toContain('nul\\x00 esc\\x1b[2J');
    expect(written).not.toMatch(/[^\P{Cc}\n]/u);
  }
  expect(existsSync(join(folder, 'complexity_loglog.png'))).toBe(true);
});

test('an error that names a hostile value is one harmless line', async () => {
  const file = join(folder, 'hostile.json');
  writeFileSync(file, fileOf(['A', 'B']));
  const { code, text } = await run('--results_file', file, '--reference', OBEYED);
  expect(code).toBe(2);
  expect(text).toMatch(/^error: --reference: must be one of A, B, got nul\\x00 esc\\x1b\[2J ::error::x\\u202e; .*\n$/);
  const missing = await run('--results_file', 'no\u001b[2J\nsuch');
  expect(missing.text).toMatch(/^error: --results_file: cannot read no\\x1b\[2J such .*\n$/);
  const bold = await run('--results_file', 'no\u001b[1m\u001b[31msuch');
  expect(bold.text).toMatch(/^error: --results_file: cannot read no\\x1b\[1m\\x1b\[31msuch .*\n$/);
});

test('a reason of a failed cell is printable under the table of compare-models', () => {
  const results = makeResults({ [OBEYED]: { 128: [1] } });
  const [cell] = results.cells;
  const failed = { ...cell!, status: 'failed' as const, reason: 'worker said\n\u001b[31m::error::y', summary: null };
  const lines = reportText({ ...results, cells: [failed] }).split('\n');
  expect(lines.filter((line) => line.includes('worker said\\n\\x1b[31m::error::y'))).toHaveLength(1);
  expect(lines.join('\n')).not.toMatch(/[^\P{Cc}\n]|^\s*::/mu);
});
