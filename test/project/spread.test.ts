/** A call takes 100,000 arguments or so: whatever comes in by the file is never spread into one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportResults } from '../../evals/compare_models/exports.js';
import { pairCells } from '../../src/bench/gate/paired_cells.js';
import { summarize } from '../../src/bench/run/summary.js';
import { toTerminal } from '../../src/report/terminal.js';
import { max, min } from '../../src/statistics.js';
import { makeCell, makeResults } from '../support/make_results.js';

const ROOT = join(import.meta.dirname, '../..');
const MANY = 150_000;

/** Calls that grow with what is spread into them. */
const SPREAD = /\b(?:Math\.\w+|push|unshift|concat|splice|fromCharCode|fromCodePoint)\((?:[^()]|\([^()]*\))*?\.\.\./g;
const inLiteral = (call: string): boolean => /[[{][^\]}]*\.\.\.$/.test(call);

test('nothing is spread into a call that grows with it', () => {
  const found = ['src', 'evals', 'scripts', 'bin'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(ts|mjs|js)$/.test(path))
      .flatMap((path) => {
        const calls = readFileSync(join(ROOT, folder, path), 'utf8').match(SPREAD) ?? [];
        return calls.filter((call) => !inLiteral(call)).map((call) => `${folder}/${path}: ${call}`);
      }),
  );
  expect(found).toEqual([]);
});

test('max and min are those of Math, of any number of values', () => {
  const values = Array.from({ length: MANY }, (_, i) => (i * 7919) % MANY);
  expect([max(values), min(values)]).toEqual([MANY - 1, 0]);
  expect([max([1, Number.NaN, 2]), min([1, Number.NaN, 2])]).toEqual([Number.NaN, Number.NaN]);
  expect([max([]), min([])]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test('a cell of 150,000 samples is summarized, paired and exported', () => {
  const samples_ms = Array.from({ length: MANY }, (_, i) => 1 + i / MANY);
  const cell = makeCell('BSBR', 'generate', 64, [1]);
  const processes = cell.processes.map((process) => ({ ...process, samples_ms }));
  const summary = { ...summarize(processes, 1), stop_reason: 'all runs done' };
  expect([summary.range_ms[0], summary.max_ms]).toEqual([1, samples_ms.at(-1)]);
  const results = { ...makeResults({ BSBR: { 64: [1] } }), cells: [{ ...cell, processes, summary }] };
  const named = { name: 'file', results };
  expect(pairCells(named, named)).toHaveLength(1);
  expect(exportResults(results, 'csv').split('\n')).toHaveLength(MANY + 2);
});

test('150,000 cells are exported', () => {
  const cell = makeCell('BSBR', 'generate', 64, [1]);
  const cells = Array.from({ length: MANY }, (_, i) => ({ ...cell, n: i + 1 }));
  const results = { ...makeResults({ BSBR: { 64: [1] } }), cells };
  expect(exportResults(results, 'md')).toContain('up to 1 processes');
});

test('of a table of 150,000 rows the first 10,000 are printed', () => {
  const rows = Array.from({ length: MANY }, (_, i) => [String(i)]);
  const text = toTerminal([{ title: 'Many', columns: ['i'], rows, notes: [] }], (title) => title);
  expect(text).toContain('│ 9999 │');
  expect(text).toContain('140000 more rows are left out here: an export has them all.');
});
