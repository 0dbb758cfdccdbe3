import { expect, test } from 'vitest';
import { shuffledCells } from '../../../src/bench/protocol/plan.js';
import { UserError } from '../../../src/errors.js';
import { cellKey } from '../../../src/results/cell.js';
import { fakeEngine, SPEC } from '../../support/fake_worker.js';
import { WASM } from '../../support/make_results.js';
import { run, runsOf, statuses } from './run_support.js';

test('every cell is counted once and measured once a process, and each is saved at once', async () => {
  const engine = fakeEngine();
  const { error, saved, last, steps } = await run({ engine });
  expect(error).toBeNull();
  expect(last.complete).toBe(true);
  expect(runsOf(last)).toEqual(SPEC.cells.map(() => [0, 1]));
  expect(engine.asked().filter((line) => line.startsWith('count'))).toHaveLength(SPEC.cells.length);
  expect(engine.asked().filter((line) => line.startsWith('measure'))).toHaveLength(2 * SPEC.cells.length);
  expect(saved).toHaveLength(2 * SPEC.cells.length + 1);
  expect(saved.slice(0, -1).map(({ complete }) => complete)).not.toContain(true);
  expect(steps.at(-1)).toMatchObject({ done: 24, total: 24 });
});

test('the file says what the workers ran on', async () => {
  const { last } = await run({ engine: fakeEngine() });
  expect(last.engines).toEqual([WASM]);
  expect(last.machine.threads).toBe(1);
});

test('an abort leaves a valid file that is not complete, and resuming measures exactly the rest', async () => {
  const aborted = await run({
    engine: fakeEngine(),
    onProgress: ({ done, heard }, abort) => {
      if (heard.type === 'measured' && done === 7) abort();
    },
  });
  expect(aborted.error).toBeInstanceOf(Error);
  expect(aborted.last.complete).toBe(false);
  const done = runsOf(aborted.last).flat().length;
  expect(done).toBeGreaterThanOrEqual(7);
  expect(done).toBeLessThan(24);

  const engine = fakeEngine();
  const { error, last } = await run({ engine, previous: aborted.last });
  expect(error).toBeNull();
  expect(last.complete).toBe(true);
  expect(runsOf(last).map((runs) => runs.sort())).toEqual(SPEC.cells.map(() => [0, 1]));
  expect(engine.asked()).toHaveLength(24 - done); // and nothing is counted again
});

test('a complete file goes on to more processes', async () => {
  const two = await run({ engine: fakeEngine() });
  const engine = fakeEngine();
  const { last } = await run({ engine, spec: { ...SPEC, runs: 3 }, previous: two.last });
  expect(runsOf(last)).toEqual(SPEC.cells.map(() => [0, 1, 2]));
  expect(engine.asked()).toHaveLength(SPEC.cells.length);
});

test('a file measured on another version of its engine is not gone on with', async () => {
  const { last } = await run({ engine: fakeEngine() });
  const previous = { ...last, engines: [{ ...WASM, versions: { tfjs: '3.0.0' }, env: { OMP_NUM_THREADS: '1' } }] };
  const { error, saved } = await run({ engine: fakeEngine(), spec: { ...SPEC, runs: 3 }, previous });
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toBe(
    'engine wasm: versions: must be {"tfjs":"3.0.0"} as before, got {"tfjs":"4.22.0"}',
  );
  expect(saved).toEqual([]);
});

test('a model that fails its check is reported, and the others go on', async () => {
  const { last, error } = await run({
    engine: fakeEngine(`if (task === 'count' && cell.model === 'A') throw new Error('A: logits must be finite');`),
  });
  expect(error).toBeNull();
  const ofModel = (model: string) => last.cells.filter((cell) => cell.model === model);
  expect(ofModel('B').every(({ status, processes }) => status === 'ok' && processes.length === 2)).toBe(true);
  for (const { n, status, reason, processes } of ofModel('A')) {
    expect(status).toBe(n === 8 ? 'failed' : 'skipped');
    expect(reason).toContain('A: logits must be finite');
    expect(processes).toEqual([]);
  }
});

test('a process that dies in a cell costs that series its longer cells, and nothing else', async () => {
  const die = `process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`;
  const { last, error } = await run({
    engine: fakeEngine(
      `if (task === 'measure' && cell.model === 'A' && cell.phase === 'generate' && cell.n === 16) { ${die} }`,
    ),
  });
  expect(error).toBeNull();
  expect(last.complete).toBe(true);
  for (const [key, status] of Object.entries(statuses(last))) {
    const expected = { 'A generate 16 wasm': 'failed', 'A generate 32 wasm': 'skipped' }[key] ?? 'ok';
    expect([key, status]).toEqual([key, expected]);
  }
  expect(Object.keys(last.time_results['A'] ?? {})).toEqual(['8']);
  expect(last.cells.filter(({ status }) => status === 'ok').every(({ processes }) => processes.length === 2)).toBe(
    true,
  );
});

test('what dies in a later process spares it longer cells, but takes no value from those that were measured', async () => {
  const die = `process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`;
  const isIt = `times === 1 && cell.model === 'A' && cell.phase === 'prefill' && cell.n === 16`;
  const engine = fakeEngine(`if (${isIt}) { ${die} }`);
  const { last } = await run({ engine });
  const expected = { 'A prefill 16 wasm': 'failed' } as Record<string, string>;
  for (const [key, status] of Object.entries(statuses(last)))
    expect([key, status]).toEqual([key, expected[key] ?? 'ok']);
  const secondOrder = shuffledCells(SPEC.cells, SPEC.workload.seed, 1).map(cellKey);
  const wasFirst = secondOrder.indexOf('A prefill 32 wasm') < secondOrder.indexOf('A prefill 16 wasm');
  expect(engine.asked().filter((line) => line === 'measure A prefill 32')).toHaveLength(wasFirst ? 2 : 1);
});

test('a limit learnt in the first process spares the longer cells in all that follow', async () => {
  const tooLong = `if (task === 'measure' && cell.model === 'A' && cell.n >= 16) throw new Error('out of memory');`;
  const engine = fakeEngine(tooLong);
  const { last } = await run({ engine, spec: { ...SPEC, runs: 5 } });
  const tried = engine.asked().filter((line) => /^measure A .* (16|32)$/.test(line));
  expect(tried.sort()).toEqual(['measure A generate 16', 'measure A prefill 16']);
  expect(statuses(last)).toMatchObject({ 'A prefill 16 wasm': 'failed', 'A prefill 32 wasm': 'skipped' });
});

test('a cell over its time is recorded as such, and the run goes on', async () => {
  const { last } = await run({
    engine: fakeEngine(
      `if (cell.model === 'B' && cell.n === 32 && cell.phase === 'prefill') await new Promise(() => setTimeout(() => {}, 1e6));`,
    ),
    cellTimeoutMs: 500,
  });
  expect(statuses(last)['B prefill 32 wasm']).toBe('timeout');
  expect(Object.values(statuses(last)).filter((status) => status === 'ok')).toHaveLength(11);
});

test('checking a model takes nothing from the time of its first cell', async () => {
  const most = 'await new Promise((done) => setTimeout(done, 2000));'; // of the three seconds of each
  const { last } = await run({
    engine: fakeEngine(`if (task === 'count') ${most}`, {
      replies: `check: async () => { ${most} return { type: 'checked' }; },`,
    }),
    spec: { ...SPEC, cells: SPEC.cells.slice(0, 1) },
    cellTimeoutMs: 3000,
  });
  expect(Object.values(statuses(last))).toEqual(['ok']);
});

test('a worker that cannot start ends the run, and nothing is saved', async () => {
  const { error, saved } = await run({ engine: fakeEngine('', { first: 'process.exit(4);' }) });
  expect((error as Error).message).toBe('wasm: its process ended with exit code 4; it said nothing');
  expect(saved).toEqual([]);
});
