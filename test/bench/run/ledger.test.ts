import { expect, test } from 'vitest';
import { createLedger, headOf } from '../../../src/bench/run/ledger.js';
import type { StoppingRule } from '../../../src/bench/run/precision.js';
import type { CellId } from '../../../src/results/cell.js';
import { parseResults } from '../../../src/results/parse.js';
import type { Counted, ProcessRun, Results } from '../../../src/results/schema.js';
import { cellsOf } from '../../support/fake_worker.js';
import { makeModel, makeResults, WASM } from '../../support/make_results.js';

const LENGTHS = [512, 2048];
const cells = cellsOf(['BSBR', 'LinearTransformer'], LENGTHS);
const HEAD = headOf(makeResults({ BSBR: { 512: [1] } }));
const counted: Counted = {
  kernels: 1,
  flops: 1,
  bytes: 1,
  state_bytes: 1,
  state_allocated_bytes: 1,
  peak_activation_bytes: 1,
};
const processOf = (run: number, ms = 10): ProcessRun => ({
  run,
  order: 0,
  warmup_ms: [],
  compile_ms: 0,
  samples_ms: [ms],
  steps: null,
  steps_ms: null,
  batch: 1,
  peak_rss_bytes: 1,
  leaked_tensors: 0,
});
const RULE = { runs: 3, precisionPct: 2.5, maxTimeS: 0 };
const create = (own = cells, previous?: Results, batchSize = 1, rule: StoppingRule = RULE) =>
  createLedger({ cells: own, nTokens: 4, batchSize, rule }, previous);
const find = (file: Results, { model, phase, n, engine }: CellId) =>
  file.cells.find((cell) => cell.model === model && cell.phase === phase && cell.n === n && cell.engine === engine);
const at = (index: number): CellId => cells[index] as CellId;
/** Models of d 128, L 2, H 4, f 512, V 10000, factor 2: parameters without the head, as docs/models.md says. */
const PARAMS = { BSBR: 2_007_168, LinearTransformer: 1_676_800 };

/** A ledger with every cell counted and measured by `runs` processes. */
function full(runs: number, own = cells, batchSize = 1) {
  const ledger = create(own, undefined, batchSize);
  for (const [name, params] of Object.entries(PARAMS)) {
    ledger.addModel({ ...makeModel(name), params: params + 1_290_000, params_without_head: params });
  }
  for (const cell of own) {
    ledger.addCounts(cell, counted);
    for (let run = 0; run < runs; run++) ledger.addProcess(cell, processOf(run));
  }
  return ledger;
}

test("the original's four keys hold seconds, MiB of parameters and ids, and parameters without the head", () => {
  const file = full(2).results(HEAD);
  expect(file.seq_lengths).toEqual(LENGTHS);
  expect(file.param_counts).toEqual(PARAMS);
  expect(file.time_results).toEqual({ BSBR: { 512: 0.01, 2048: 0.01 }, LinearTransformer: { 512: 0.01, 2048: 0.01 } });
  expect(file.memory_results['BSBR']?.['2048']).toBe((4 * 2_007_168 + 8 * 2048) / 2 ** 20);
  expect(file.memory_results['BSBR']?.['2048']?.toFixed(2)).toBe('7.67');
  expect(file.memory_results['LinearTransformer']?.['2048']?.toFixed(2)).toBe('6.41');
});

test("of several engines each has a row of its own in the original's keys", () => {
  const both = cells.flatMap((cell) => [cell, { ...cell, engine: 'torch' }]);
  const file = full(1, both).results(HEAD);
  const rows = ['BSBR@wasm', 'BSBR@torch', 'LinearTransformer@wasm', 'LinearTransformer@torch'];
  for (const table of [file.time_results, file.memory_results, file.param_counts])
    expect(Object.keys(table).sort()).toEqual([...rows].sort());
  expect(file.param_counts['BSBR@torch']).toBe(PARAMS.BSBR);
});

test("a model that nobody sized has no place in the original's memory", () => {
  const ledger = create();
  ledger.addProcess(cells.find(({ phase }) => phase === 'generate') as CellId, processOf(0));
  expect(ledger.results(HEAD)).toMatchObject({
    time_results: { BSBR: { 512: 0.01 } },
    memory_results: {},
    param_counts: {},
  });
});

test('the ids of every row count as memory', () => {
  const memory = full(1, cells, 3).results(HEAD).memory_results['BSBR']?.['2048'];
  expect(memory).toBe((4 * 2_007_168 + 3 * 8 * 2048) / 2 ** 20);
});

test('a ledger gives a valid results file at every moment', () => {
  const ledger = create();
  const check = () => parseResults(JSON.parse(JSON.stringify(ledger.results(HEAD))), 'ledger');
  expect(check().cells.map(({ status }) => status)).toEqual(cells.map(() => 'skipped'));
  ledger.addCounts(at(0), counted);
  ledger.addProcess(at(0), processOf(0));
  expect(find(check(), at(0))).toMatchObject({ status: 'ok', reason: null, summary: { value_ms: 10 } });
  ledger.addCasualty({ cell: at(1), status: 'timeout', reason: 'too slow' });
  expect(check().time_results).toEqual({});
});

test('longer cells of the series of a casualty are skipped, others are not', () => {
  const long = cellsOf(['A', 'B'], [8, 16, 32, 64]);
  const ledger = create(long);
  for (const cell of long) ledger.addCounts(cell, counted);
  const cell = { model: 'A', phase: 'prefill', n: 16, engine: 'wasm' } as const;
  ledger.addCasualty({ cell, status: 'failed', reason: 'out of memory' });
  const { cells: after } = ledger.results(HEAD);
  for (const { model, phase, n, status, reason } of after) {
    const hit = model === 'A' && phase === 'prefill' && n >= 16;
    expect(ledger.isOpen({ model, phase, n, engine: 'wasm' }, 0)).toBe(!hit);
    if (!hit) expect(reason).toBe('not measured yet');
    else if (n === 16) expect({ status, reason }).toEqual({ status: 'failed', reason: 'out of memory' });
    else expect({ status, reason }).toEqual({ status: 'skipped', reason: 'n = 16 did not finish: out of memory' });
  }
});

test('longer cells that were measured before a casualty keep their values', () => {
  const ledger = full(2);
  ledger.addCasualty({ cell: at(0), status: 'timeout', reason: 'too slow' });
  const file = ledger.results(HEAD);
  expect(find(file, at(0))).toMatchObject({ status: 'timeout', summary: null });
  expect(find(file, at(1))).toMatchObject({ n: 2048, status: 'ok', reason: null, summary: { value_ms: 10 } });
  expect(ledger.isOpen(at(1), 2)).toBe(true);
});

test('the first casualty of a series keeps its reason', () => {
  const ledger = create();
  ledger.addCounts(at(0), counted);
  ledger.addCasualty({ cell: at(0), status: 'timeout', reason: 'first' });
  ledger.addCasualty({ cell: at(0), status: 'failed', reason: 'second' });
  expect(find(ledger.results(HEAD), at(0))).toMatchObject({ status: 'timeout', reason: 'first' });
});

test('counts and casualties are those of one engine', () => {
  const both = cells.flatMap((cell) => [cell, { ...cell, engine: 'torch' }]);
  const ledger = create(both);
  ledger.addCounts(at(0), counted);
  ledger.addCasualty({ cell: at(0), status: 'failed', reason: 'x' });
  const other = { ...at(0), engine: 'torch' };
  expect([at(0), other].map((cell) => ledger.isUncounted(cell))).toEqual([false, true]);
  expect([at(0), other].map((cell) => ledger.isOpen(cell, 0))).toEqual([false, true]);
});

test('engines and comparisons are there once, the last that was said of each', () => {
  const ledger = create();
  const comparison = { model: 'BSBR', engine: 'torch', relative_error: null };
  for (const engine of [WASM, { ...WASM, id: 'torch' }, { ...WASM, threads: 2 }]) ledger.addEngine(engine);
  for (const relative_error of [null, 1e-6]) ledger.addComparison({ ...comparison, relative_error });
  const file = ledger.results(HEAD);
  expect(file.engines.map(({ id, threads }) => [id, threads])).toEqual([
    ['wasm', 2],
    ['torch', 1],
  ]);
  expect(file.comparisons).toEqual([{ ...comparison, relative_error: 1e-6 }]);
  expect(create(cells, file).results(HEAD)).toMatchObject({ engines: file.engines, comparisons: file.comparisons });
});

test('a cell with a casualty has no value, but keeps what was measured of it', () => {
  const ledger = full(2);
  ledger.addCasualty({ cell: at(1), status: 'failed', reason: 'x' });
  expect(find(ledger.results(HEAD), at(1))).toMatchObject({ status: 'failed', summary: null, processes: [{}, {}] });
});

test('a resumed ledger keeps what was measured and counted, and opens what was not', () => {
  const half = create();
  half.addModel(makeModel('BSBR'));
  half.addCounts(at(0), counted);
  half.addProcess(at(0), processOf(0, 7));
  const file = parseResults(JSON.parse(JSON.stringify(half.results(HEAD))), 'half');
  const resumed = create(cells, file);
  expect(resumed.results(HEAD)).toEqual(half.results(HEAD));
  expect([resumed.isOpen(at(0), 0), resumed.isOpen(at(0), 1), resumed.isOpen(at(1), 0)]).toEqual([false, true, true]);
  expect([resumed.isUncounted(at(0)), resumed.isUncounted(at(1))]).toEqual([false, true]);
});

test('what failed in a resumed file is tried again', () => {
  const ledger = full(1);
  ledger.addCasualty({ cell: at(1), status: 'timeout', reason: 'too slow' });
  const resumed = create(cells, ledger.results(HEAD));
  expect(find(resumed.results(HEAD), at(1))).toMatchObject({ status: 'ok', processes: [{ run: 0 }] });
  expect(resumed.isOpen(at(1), 1)).toBe(true);
});

test('progress counts what is measured, and what can still be', () => {
  const ledger = create();
  expect(ledger.progress([0])).toEqual({ done: 0, total: 3 * cells.length });
  ledger.addProcess(at(0), processOf(0));
  ledger.addCasualty({ cell: at(1), status: 'failed', reason: 'x' });
  expect(ledger.progress([0])).toEqual({ done: 1, total: 3 * (cells.length - 1) });
});

/** A cell that always needs more, one that is precise, one that cannot be measured. */
function unequal() {
  const ledger = create(cells.slice(0, 3), undefined, 1, { runs: 5, precisionPct: 2.5, maxTimeS: 60 });
  for (let run = 0; run < 5; run++) {
    ledger.addProcess(at(0), processOf(run, 10 + run));
    ledger.addProcess(at(1), processOf(run, 10));
  }
  ledger.addCasualty({ cell: at(2), status: 'failed', reason: 'x' });
  return ledger;
}

test('processes beyond the first are open to cells that are not precise alone', () => {
  const ledger = unequal();
  expect([at(0), at(1), at(2)].map((cell) => ledger.isOpen(cell, 5))).toEqual([true, false, false]);
  expect(ledger.progress([3, 4])).toEqual({ done: 10, total: 10 });
  expect(ledger.progress([5])).toEqual({ done: 10, total: 11 });
  ledger.addProcess(at(0), processOf(5, 10));
  expect(ledger.progress([5])).toEqual({ done: 11, total: 11 });
  expect([5, 6].map((run) => ledger.isOpen(at(0), run))).toEqual([false, true]);
});

test('every measured cell says why it has no more processes, once the run is over', () => {
  const reasons = (complete: boolean) =>
    unequal()
      .results({ ...HEAD, complete })
      .cells.map(({ summary }) => summary?.stop_reason);
  expect(reasons(false)).toEqual(['5 processes so far', 'precise to 0 %', undefined]);
  expect(reasons(true)).toEqual(['time was up (60 s), precise to 18 %', 'precise to 0 %', undefined]);
});

test("the original study's keys hold what was asked for, not what the run added", () => {
  const { cells: all, ...file } = full(1).results({ ...HEAD, config: { ...HEAD.config, added_lengths: [2048] } });
  expect(new Set(all.map(({ n }) => n))).toEqual(new Set(LENGTHS));
  expect(file.seq_lengths).toEqual([512]);
  expect(file.time_results).toEqual({ BSBR: { 512: 0.01 }, LinearTransformer: { 512: 0.01 } });
  expect(Object.keys(file.memory_results['BSBR'] ?? {})).toEqual(['512']);
});
