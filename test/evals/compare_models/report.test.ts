import { expect, test } from 'vitest';
import { planText, reportText, threadsWarning, warningsOf } from '../../../evals/compare_models/report.js';
import type { Cell, Results } from '../../../src/results/schema.js';
import { SPEC } from '../../support/fake_worker.js';
import { makeResults } from '../../support/make_results.js';

const results = () => makeResults({ BSBR: { 128: [10, 11, 12, 13, 14], 4096: [300, 310, 320, 330, 340] } });
const withCell = (file: Results, change: Partial<Cell>): Results => ({
  ...file,
  cells: [{ ...(file.cells[0] as Cell), ...change }, ...file.cells.slice(1)],
});
const row = (text: string, n: string) =>
  text
    .split('\n')
    .find((line) => line.includes(`│ ${n} `))
    ?.split('│')
    .map((cell) => cell.trim());

test.each([
  ['timeout', /the notes say why: raise --cell_timeout/],
  ['failed', /the notes say why$/],
] as const)('a cell that ended as %s is warned of with the remedy that fits', (status, expected) => {
  const file = makeResults({ BSBR: { 1024: [40] } });
  const cells = file.cells.map((cell) => ({ ...cell, status, reason: 'why', summary: null, processes: [] }));
  expect(warningsOf({ ...file, cells })).toEqual([expect.stringMatching(expected)]);
});

test('a row is a model and length, with its times, intervals, rate and state', () => {
  const text = reportText(results());
  const [, model, n, time, slowest, rate, state] = row(text, '4,096') as string[];
  expect([model, n, slowest, rate, state]).toEqual(['BSBR', '4,096', '–', '–', '127 KiB']);
  expect(time).toMatch(/^3\d\d ms ± \d+$/);
  expect(text).toContain('± and [low, high] are 95 % intervals over processes');
  expect(text).not.toContain('NOISY');
});

test('a row of a peer says whether its results are ours, and no row does where there are no peers', () => {
  const own = results();
  const ofPeer = (model: string) => own.cells.map((cell) => ({ ...cell, model, engine: 'torch' }));
  const comparisons = [
    { model: 'BSBR', engine: 'torch', relative_error: 3.2e-7 },
    { model: 'Mamba', engine: 'torch', relative_error: null },
  ];
  const cells = [...own.cells, ...ofPeer('BSBR'), ...ofPeer('Mamba')];
  const text = reportText({ ...own, cells, comparisons });
  const last = (name: string) =>
    text
      .split('\n')
      .find((line) => line.includes(`${name} `))
      ?.split('│')
      .at(-2)
      ?.trim();
  expect(['BSBR@wasm', 'BSBR@torch', 'Mamba@torch'].map(last)).toEqual(['–', 'same results', 'not compared']);
  expect(text).toContain('Same results: with our weights, logits as ours (largest relative error 3e-7).');
  expect(text).toContain('Not compared: ');
  expect(reportText(own)).not.toMatch(/compared|same results/i);
});

test('fewer than 5 processes have no interval, and it is said', () => {
  const text = reportText(makeResults({ BSBR: { 128: [10, 11] } }));
  expect(row(text, '128')?.[3]).toBe('10.5 ms');
  expect(text).toContain('median over 2 processes; no intervals with fewer than 5 processes');
});

test('cells that are not as precise as asked are counted in one line, with what to do', () => {
  const asked = (precision_pct: number, values: readonly number[] = [10, 11, 12, 13, 14]) => {
    const file = makeResults({ BSBR: { 128: values, 4096: [300, 300, 300, 300, 300] } });
    const text = reportText({ ...file, config: { ...file.config, precision_pct, max_time_s: 175 } });
    return text.split('\n').filter((line) => line.startsWith('Precision'));
  };
  expect(asked(2.5)).toEqual([
    expect.stringMatching(/^Precision: 1 of 2 cells are not within the ± 2.5 %.*--max_time/),
  ]);
  expect(asked(50)).toEqual(['Precision: all 2 cells are within the ± 50 % asked for.']);
  expect(reportText(results())).not.toContain('Precision');
  expect(reportText(makeResults({ BSBR: { 128: [10, 11] } }))).not.toContain('Precision');
});

test('cells with more processes than others show in the note below the table', () => {
  const uneven = makeResults({ BSBR: { 128: [10, 11, 12, 13, 14, 15], 4096: [300, 310, 320, 330, 340] } });
  expect(reportText(uneven)).toContain('median over 5 to 6 processes; ±');
});

test('what building graphs took is told a process, and not told where none were built', () => {
  const [cell] = results().cells as [Cell];
  const compiled = withCell(results(), { processes: cell.processes.map((each) => ({ ...each, compile_ms: 1800 })) });
  expect(reportText(compiled)).toContain('Graphs: 1.8 s a process to build');
  expect(reportText(results())).not.toContain('Graphs:');
});

test('a cell without a value shows its status, and its reason below', () => {
  const text = reportText(withCell(results(), { status: 'timeout', reason: 'took too long', summary: null }));
  expect(row(text, '128')?.[3]).toBe('timeout');
  expect(text).toContain('BSBR generate n = 128: timeout: took too long');
});

test('decode shows its slowest step and its rate', () => {
  const decode = makeResults({ BSBR: { 128: [2, 2] } }, { phase: 'decode' });
  expect(row(reportText(decode), '128')).toEqual(['', 'BSBR', '128', '2.00 ms', '3.00 ms', '500', '127 KiB', '']);
});

test('engines are told apart only where there are two', () => {
  const both = results();
  const compiled = both.cells.map((cell) => ({ ...cell, engine: 'tensorflow' }));
  expect(reportText({ ...both, cells: [...both.cells, ...compiled] })).toContain('BSBR@tensorflow');
  expect(reportText(both)).not.toContain('@');
});

test('a noisy machine is on the table and among the warnings, with what to do', () => {
  const file = results();
  const noisy = { ...file, machine: { ...file.machine, noisy: true, noise_cv: 0.23 } };
  expect(reportText(noisy)).toContain('[NOISY MACHINE]');
  expect(warningsOf(noisy)).toEqual([expect.stringMatching(/varied by 23 %.*close other programs/)]);
  expect(warningsOf(file)).toEqual([]);
});

test('leaked tensors are warned of', () => {
  const file = results();
  const [cell] = file.cells as [Cell];
  const leaking = withCell(file, { processes: cell.processes.map((one) => ({ ...one, leaked_tensors: 2 })) });
  expect(warningsOf(leaking)).toEqual([expect.stringContaining('BSBR generate left tensors behind')]);
});

test('far samples are warned of, and fewer than five processes promise nothing', () => {
  const stray = (times: Record<number, number[]>) => {
    const file = makeResults({ BSBR: times });
    const cells = file.cells.map((cell) => ({
      ...cell,
      summary: { ...cell.summary!, outliers: { mild: 3, severe: 1 } },
    }));
    return warningsOf({ ...file, cells: [cells[0]!, ...file.cells.slice(1)] });
  };
  expect(stray({ 128: [10], 256: [20] })).toEqual([
    expect.stringMatching(/^1 of 2 cells .*so few processes cannot tell whether .*--runs 5 or more$/),
  ]);
  const [enough] = stray({ 128: [10, 10, 10, 10, 10], 256: [20] });
  expect(enough).toMatch(/median over processes, and its interval says how far it holds$/);
  expect(enough).not.toContain('so few');
});

test('a time far above that of a longer prompt of its own series is not to be believed', () => {
  const file = makeResults({ BSBR: { 1024: [30], 2048: [1184], 4096: [63.9] }, Softmax: { 512: [900], 8192: [950] } });
  expect(warningsOf(file)).toEqual([
    expect.stringMatching(/^BSBR generate takes 1184 ms at n = 2,048 but 63.9 ms at n = 4,096: .*measure again$/),
  ]);
  const cells = [...file.cells, ...results().cells.map((cell) => ({ ...cell, engine: 'tensorflow' }))];
  expect(warningsOf({ ...file, cells })).toEqual([expect.stringMatching(/^BSBR@wasm generate takes/)]);
  expect(warningsOf(makeResults({ BSBR: { 1024: [40], 2048: [30], 4096: [60] } }))).toEqual([]);
});

test('the table says of what shape the models were, and of what its rate is', () => {
  const text = reportText(results());
  expect(text).toMatch(/^Models: d = \d+, H = \d+, L = \d+, f = \d+, V = [\d,]+, batch \d+\.$/m);
  const other = results();
  const given = reportText({ ...other, config: { ...other.config, options: { chunk_size: 64 } } });
  expect(given).toContain(', batch 1, chunk_size 64.');
  expect(text).toContain('Tokens/s (decode)');
});

test('the plan tells what would be measured, and a time that grows with the processes', () => {
  const seconds = (runs: number) =>
    Number(/^time +about (\d+) s$/m.exec(planText({ ...SPEC, runs }, [], null, 'f'))?.[1]);
  expect(planText(SPEC, [], null, 'somewhere.json')).toContain(
    'processes    1 that checks and counts; 2 that measure 12 cells each',
  );
  expect(planText(SPEC, [], null, 'somewhere.json')).toMatch(/^results +somewhere\.json$/m);
  expect(seconds(8)).toBeGreaterThan(seconds(2));
});

test('the plan tells which processes may be added, or why none', () => {
  const added = (change: object) => /^precision +(.+)$/m.exec(planText({ ...SPEC, ...change }, [], null, 'f'))?.[1];
  expect(added({ runs: 5, maxTimeS: 175 })).toBe(
    'up to 10 more processes for cells not within ± 2.5 %, while the run is expected to end within 175 s',
  );
  expect(added({ runs: 5, maxTimeS: 0 })).toBe('no processes are added (--max_time 0)');
  expect(added({ runs: 1, maxTimeS: 175 })).toBe('no processes are added (fewer than 5 give no interval)');
});

test('more threads than cores are said, with what to do', () => {
  expect(threadsWarning(64, 2)).toBe(
    'warning: --threads: 64 threads share 2 cores: they wait for each other, so times are longer and vary more; use at most --threads 2',
  );
  expect(threadsWarning(2, 1)).toContain('2 threads share 1 core:');
  expect([threadsWarning(2, 2), threadsWarning(1, 2)]).toEqual([null, null]);
});

test('lengths that the run added have a mark in the table, and a note', () => {
  const plain = makeResults({ A: { 512: [1], 1024: [2], 2048: [3] } });
  const text = reportText({ ...plain, config: { ...plain.config, seq_lengths: [512, 1024], added_lengths: [2048] } });
  expect(text).toMatch(/2,048 \+\s/);
  expect(text).not.toMatch(/1,024 \+/);
  expect(text).toContain('+: 2,048 tokens were added for the fit.');
});
