import { expect, test } from 'vitest';
import { journalLine, parseJournal } from '../../../src/bench/run/journal.js';
import { createLedger, enter, type Finding, type ResultsHead } from '../../../src/bench/run/ledger.js';
import type { CellId } from '../../../src/results/cell.js';
import type { ProcessRun, Results } from '../../../src/results/schema.js';
import { makeModel, makeResults, WASM } from '../../support/make_results.js';

const cellOf = (n: number): CellId => ({ model: 'BSBR', phase: 'prefill', n, engine: 'tensorflow' });
const PLAN = [cellOf(8), cellOf(16), cellOf(32)];
const processOf = (run: number, ms: number): ProcessRun => ({
  ...{ run, order: 0, warmup_ms: [], compile_ms: 0, samples_ms: [ms], steps: null, steps_ms: null, batch: 1 },
  ...{ peak_rss_bytes: 1, leaked_tensors: 0 },
});
const COUNTED = {
  ...{ kernels: 1, flops: 1, bytes: null, state_bytes: 1, state_allocated_bytes: 1 },
  peak_activation_bytes: null,
};
const MODEL = makeModel('BSBR');
const PEER = { ...WASM, id: 'torch', command: 'python3 peer.py', runtime: 'torch' };
const FINDINGS: readonly Finding[] = [
  { type: 'measured', cell: cellOf(8), process: processOf(0, 3) },
  { type: 'model', model: MODEL },
  { type: 'engine', engine: PEER },
  { type: 'compared', comparison: { model: 'BSBR', engine: 'torch', relative_error: 1e-6 } },
  { type: 'counted', cell: cellOf(16), counted: COUNTED },
  { type: 'measured', cell: cellOf(8), process: processOf(1, 4) },
  { type: 'failed', cell: cellOf(16), status: 'timeout', reason: 'took longer: größer' },
];

const { engines, models, comparisons, cells, seq_lengths, time_results, memory_results, param_counts, ...head } =
  makeResults({
    BSBR: { 8: [1] },
  });
const HEAD: ResultsHead = { ...head, complete: false, config: { ...head.config, runs: 2 } };

/** A ledger that goes on from `previous`, and its journal: the results after each finding, and all lines. */
function journal(previous?: Results) {
  const rule = { runs: 2, precisionPct: 0, maxTimeS: 0 };
  const { n_tokens: nTokens, batch_size: batchSize } = HEAD.config;
  const ledger = createLedger({ cells: PLAN, nTokens, batchSize, rule }, previous);
  const states = [ledger.results(HEAD)];
  const lines = [journalLine(states[0] as Results)];
  for (const finding of FINDINGS) {
    enter(ledger, finding);
    states.push(ledger.results(HEAD));
    lines.push(journalLine(finding));
  }
  return { states, lines };
}

test('a journal tells what the ledger knew after each of its lines', () => {
  const { states, lines } = journal();
  for (const [index, state] of states.entries()) {
    expect(parseJournal(lines.slice(0, index + 1).join(''), 'journal')).toEqual(state);
  }
  expect(states.at(-1)?.cells.map(({ status }) => status)).toEqual(['ok', 'timeout', 'skipped']);
});

test('a journal that is cut at any byte tells all but the line that was cut', () => {
  const { states, lines } = journal();
  const bytes = Buffer.from(lines.join(''));
  const ends = lines.map((_, index) => Buffer.byteLength(lines.slice(0, index + 1).join('')));
  for (let length = ends[0] as number; length <= bytes.length; length++) {
    const whole = ends.filter((end) => end <= length).length;
    expect(parseJournal(bytes.subarray(0, length).toString(), 'journal'), `${length} bytes`).toEqual(states[whole - 1]);
  }
  for (const length of [0, 1, (ends[0] as number) - 1]) {
    expect(() => parseJournal(bytes.subarray(0, length).toString(), 'a.json.journal')).toThrow(
      'a.json.journal: must hold a whole line, got none',
    );
  }
});

test('a journal of a run that went on holds what it went on from', () => {
  const previous = journal().states[1] as Results;
  const resumed = parseJournal(journal(previous).lines.slice(0, 1).join(''), 'journal');
  expect(resumed.cells[0]?.processes).toEqual([processOf(0, 3)]);
});

test.each<[string, string, string]>([
  ['that is no JSON', '{"type": "mea', 'line 2: is not JSON'],
  ['that is no finding', '{"type": "measured"}', 'line 2: cell: must be an object'],
  ['of another kind', '{"type": "x"}', 'line 2: type: '],
  [
    'of a cell that the first does not plan',
    JSON.stringify({ type: 'measured', cell: cellOf(64), process: processOf(0, 1) }),
    'line 2: cell: must be one of line 1',
  ],
])('a whole line %s is refused by its number', (_, line, message) => {
  const { lines } = journal();
  expect(() => parseJournal(`${lines[0]}${line}\n${lines[1]}`, 'journal')).toThrow(`journal: ${message}`);
});

test('a line that is there twice is refused, in what a run found and in what it went on from', () => {
  const { states, lines } = journal();
  const [start, measured] = lines as [string, string];
  const message = 'journal: line 3: process: each run must be there once, got 0 twice; remove the line';
  expect(() => parseJournal(`${start}${measured}${measured}`, 'journal')).toThrow(message);
  const goneOn = journalLine(states[1] as Results);
  expect(() => parseJournal(`${goneOn}${lines[2]}${measured}`, 'journal')).toThrow(message);
});
