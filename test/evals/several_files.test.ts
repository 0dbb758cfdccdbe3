/** Several results files side by side: last week's and today's, two machines, two sizes of a model. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csvParse } from 'd3-dsv';
import { afterAll, expect, test } from 'vitest';
import { labelsOf } from '../../evals/analyze_results/labels.js';
import { main } from '../../evals/analyze_results.js';
import type { Results } from '../../src/results/schema.js';
import { makeResults } from '../support/make_results.js';
import { runMain } from '../support/run_main.js';

const folder = mkdtempSync(join(tmpdir(), 'several-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LENGTHS = [64, 128, 256, 512];
/** Five processes, 1 % apart, in an order of their own. */
const file = (order: readonly number[], a: number, b: number): Results => {
  const curve = (factor: number) =>
    Object.fromEntries(LENGTHS.map((n) => [n, order.map((i) => factor * n * (1 + i / 100))]));
  return makeResults({ A: curve(a), B: curve(b) });
};
const [MONDAY, TUESDAY] = [file([-2, -1, 0, 1, 2], 1, 2), file([1, -2, 2, 0, -1], 1, 1)];
const elsewhere = { ...TUESDAY, machine: { ...TUESDAY.machine, cpu_model: 'Another CPU' } };

async function run(files: Readonly<Record<string, unknown>>, ...flags: string[]) {
  const output = mkdtempSync(join(folder, 'output-'));
  const paths = Object.entries(files).map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  });
  return { output, ...(await runMain(main, [...paths, '--output_dir', output, ...flags])) };
}

test('a row says which file it is of, and each file is compared within itself', async () => {
  const { code, stdout, output } = await run({ 'monday.json': MONDAY, 'tuesday.json': TUESDAY }, '--reference', 'A');
  expect(code).toBe(0);
  expect(stdout).toContain('Slowdown: time over that of A in the same file at the same n');
  expect(stdout).toMatch(/│ B · monday +│ 2\.000x/);
  expect(stdout).toMatch(/│ A · tuesday +│ 1x/);
  expect(stdout).toMatch(/^monday: Fastest: At n = 512 A is the fastest/m);
  expect(stdout).toMatch(/^tuesday: Fastest: At n = 512 A .* and B cannot be told apart/m);
  expect(stdout).toMatch(/│ A · monday, B · monday +│ none in range/);
  expect(stdout).not.toContain('each is compared with');
  expect(readdirSync(output)).toEqual(['complexity_analysis.png', 'complexity_loglog.png']);
});

test('--against answers for each file, also for one that has no such model', async () => {
  const alone = makeResults({ C: { 64: [1] } });
  const { stdout } = await run({ 'monday.json': MONDAY, 'alone.json': alone }, '--against', 'A');
  expect(stdout).toMatch(/^monday: B against A: In generate it is slower than A at every measured n, 64 to 512\./m);
  expect(stdout).toMatch(/^alone: Against A: A was not measured\.$/m);
});

test('on one machine there are ratios, with the interval of processes that share nothing', async () => {
  const { stdout, output } = await run({ 'monday.json': MONDAY, 'tuesday.json': TUESDAY }, '--export', 'csv');
  expect(stdout).toContain('Files: time over that of monday, same machine, engine, model, phase and n');
  expect(stdout).toMatch(/│ B +│ generate │ 512 +│ 1024 ms ± \d+ +│ 0\.50x \[0\.4\d, 0\.5\d\] │/);
  expect(stdout).toMatch(
    /^Files: At n = 512 times of tuesday over those of monday are 0\.50 \[.*\] \(B\) and 1\.00 \[/m,
  );
  const rows = csvParse(readFileSync(join(output, 'analysis_files.csv'), 'utf8'));
  expect(rows).toHaveLength(2 * LENGTHS.length);
  expect(rows[0]).toMatchObject({ file: 'tuesday', reference: 'monday', model: 'A' });
  const points = csvParse(readFileSync(join(output, 'analysis.csv'), 'utf8'));
  expect(new Set(points.map((row) => row['file']))).toEqual(new Set(['monday', 'tuesday']));
});

test('of two machines there is a plain note and no ratio', async () => {
  const { stdout } = await run({ 'here.json': MONDAY, 'there.json': elsewhere });
  expect(stdout).toContain('there has not the machine or an engine of here');
  expect(stdout).toContain('machine.cpu_model Another CPU instead of Test CPU.');
  expect(stdout).not.toContain('Files: time over');
});

test('of two sizes of a model the ratios are given, and the difference', async () => {
  const wide = { ...TUESDAY, config: { ...TUESDAY.config, hidden_dim: 256 }, config_hash: 'wide' };
  const { stdout } = await run({ 'narrow.json': MONDAY, 'wide.json': wide });
  expect(stdout).toContain('wide measured other work than narrow: config.hidden_dim 256 instead of 128.');
  expect(stdout).toContain('Files: time over that of narrow');
});

test('tables of two files have no machine to compare; files of two kinds have other columns', async () => {
  const csv = 'model,n,time_ms\nA,64,1\nA,128,2\n';
  const { stdout } = await run({ 'a.csv': csv, 'b.csv': csv });
  expect(stdout).toContain('b and a are not compared: not both say on which machine they were measured.');
  expect(await run({ 'a.csv': csv, 'monday.json': MONDAY })).toMatchObject({
    code: 2,
    stderr: 'error: FILE: files side by side must be of one kind, got csv, attnscale\n',
  });
});

test('files are called by as much of their paths as tells them apart', () => {
  expect(labelsOf(['/x/a.json', '/x/b.json'])).toEqual(['a', 'b']);
  expect(labelsOf(['/x/base/results.json', '/x/new/results.json'])).toEqual(['base/results', 'new/results']);
  expect(labelsOf(['/x/a.json', '/x/a.json'])).toEqual(['a', 'a (2)']);
});
