import { describe, expect, test } from 'vitest';
import { NOT_PINNED } from '../../../src/bench/run/process/pinning.js';
import {
  EngineRefused,
  type Heard,
  type Task,
  workerLimits,
  workThrough,
  workThroughAll,
} from '../../../src/bench/run/process/session.js';
import type { Engine } from '../../../src/engines/engine.js';
import { UserError } from '../../../src/errors.js';
import type { CellId } from '../../../src/results/cell.js';
import { cellsOf, fakeEngine, plainLife } from '../../support/fake_worker.js';

const cells = cellsOf(['A'], [8, 16, 32]); // prefill, then generate
const SHAPE = { vocab_size: 64, hidden_dim: 16, num_layers: 2, num_heads: 2, ff_dim: 32 };

/** Prepares each cell, and finds out nothing. */
const taskOf = (left: readonly CellId[]): Task => ({
  cells: left,
  loading: (name) => ({ name, model: name, options: {}, shape: SHAPE, batch_size: 1, seed: 1, weights: null }),
  async work({ load, ask }, { model: name, phase, n }) {
    await load(name);
    await ask('prepare', { name, phase, n, n_tokens: 4, tokens: [[1]], steps: null });
    await ask('release', {});
    return null;
  },
});

function start(engine: Engine, { cellTimeoutMs = 60_000, startTimeoutMs = 60_000, hear = (_: Heard) => {} } = {}) {
  const heard: Heard[] = [];
  const abortion = new AbortController();
  const limits = { cellTimeoutMs, startTimeoutMs, ...NOT_PINNED, threads: 1, thorough: true };
  const settings = { ...limits, ...plainLife(abortion.signal) };
  const note = (one: Heard): void => {
    heard.push(one);
    hear(one);
  };
  return { settings, heard, note, abortion, left: () => workThrough(engine, taskOf(cells), settings, note) };
}
const textOf = (heard: readonly Heard[]): string[] =>
  heard.map((one) => ('cell' in one ? `${one.type} ${one.cell.phase} ${one.cell.n}` : one.type));
const started = (phase: string, ...lengths: number[]) => lengths.map((n) => `start ${phase} ${n}`);

test('a process says what it is and tries every cell in order', async () => {
  const { left, heard } = start(fakeEngine());
  expect(await left()).toEqual([]);
  expect(textOf(heard)).toEqual(['ready', ...started('prefill', 8, 16, 32), ...started('generate', 8, 16, 32)]);
  expect(heard[0]).toMatchObject({ engine: 'wasm', info: { runtime: 'tfjs-wasm' } });
});

test('a cell that fails spares the longer ones of its series, and the process goes on', async () => {
  const { left, heard } = start(
    fakeEngine(`if (cell.phase === 'prefill' && cell.n === 16) throw new Error('not this one');`),
  );
  expect(await left()).toEqual([]);
  expect(textOf(heard)).toEqual([
    ...['ready', ...started('prefill', 8, 16), 'failed prefill 16', ...started('generate', 8, 16, 32)],
  ]);
  expect(heard).toContainEqual({ type: 'failed', cell: cells[1], status: 'failed', reason: 'not this one' });
});

test('a model that cannot be loaded fails every series, and is asked for once', async () => {
  const replies = `load: () => { if (globalThis.asked) return { type: 'bye' }; globalThis.asked = true; throw new Error('A: no such model'); },`;
  const { left, heard } = start(fakeEngine('', { replies }));
  expect(await left()).toEqual([]);
  const reasons = heard.flatMap((one) => (one.type === 'failed' ? [one.reason] : []));
  expect(reasons).toEqual(['A: no such model', 'A: no such model']);
});

test('a process that dies in a cell leaves the cells after it, but for the longer ones', async () => {
  const { left, heard } = start(fakeEngine(`if (cell.n === 16) process.exit(3);`));
  expect(await left()).toEqual(cells.filter(({ phase }) => phase === 'generate'));
  expect(heard.at(-1)).toMatchObject({
    status: 'failed',
    reason: 'its process ended with exit code 3; it said nothing',
  });
});

test.each([
  ['hangs', 'await forever();'],
  ['stops', `process.kill(process.pid, 'SIGSTOP'); await forever();`],
])('a process that %s in a cell is over its time', async (_, body) => {
  const { left, heard } = start(fakeEngine(body), { cellTimeoutMs: 300 });
  expect(await left()).toHaveLength(3);
  expect(heard.at(-1)).toEqual({ type: 'failed', cell: cells[0], status: 'timeout', reason: 'took longer than 0.3 s' });
});

test.each([
  ['ends', 'process.exit(0);', '', 'its process ended with exit code 0; it said nothing'],
  ['ends with an error', `console.error('Error: no torch'); process.exit(1);`, '', 'exit code 1; Error: no torch'],
  ['hangs', 'await forever();', '', 'wasm: said nothing for 2 s, was it stopped?'],
  ['refuses', '', `hello: () => { throw new Error('needs a GPU'); },`, 'wasm: needs a GPU'],
  [
    'says nonsense',
    `await say('Loading...\\n');`,
    '',
    'wasm: its reply: must say JSON, a message a line, got "Loading..."',
  ],
  [
    'speaks another protocol',
    '',
    `hello: () => ({ type: 'hello', protocol: 2, engine: ${JSON.stringify({ runtime: '', versions: {}, device: '', provider: null, way: '', native_code: [], env: {} })} }),`,
    'wasm: must speak version 1 of the protocol, got 2',
  ],
])(
  'a program that %s before it has said hello is an engine refused, in one line',
  async (_, first, replies, reason) => {
    const error = await start(fakeEngine('', { first, replies }), { startTimeoutMs: 2000 })
      .left()
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EngineRefused);
    expect((error as Error).message).toContain(reason);
    expect((error as Error).message).not.toContain('\n');
  },
);

test('of a peer that is refused every cell fails, and nobody throws; ours is an error', async () => {
  const own = fakeEngine('', { first: 'process.exit(4);' });
  const { settings, heard, note } = start(own);
  await workThroughAll({ ...own, command: 'x' }, cells, settings, note, taskOf);
  expect(heard.map((one) => ('status' in one ? one.status : one.type))).toEqual(cells.map(() => 'failed'));
  await expect(workThroughAll(own, cells, settings, note, taskOf)).rejects.toThrow(EngineRefused);
});

test('what was left by one process is tried by others', async () => {
  const engine = fakeEngine(`if (cell.n === 16) process.exit(3);`);
  const { settings, heard, note } = start(engine);
  await workThroughAll(engine, cells, settings, note, taskOf);
  expect(textOf(heard).filter((line) => line.startsWith('failed'))).toEqual([
    'failed prefill 16',
    'failed generate 16',
  ]);
  expect(engine.asked()).toHaveLength(4);
});

const PREFILLS = cells.filter(({ phase }) => phase === 'prefill'); // 8, 16, 32
/** How often a process was asked for a cell by then, as a finding. */
function rounds(): Task {
  const visits = new Map<CellId, number>();
  const { loading, work } = taskOf(PREFILLS);
  return {
    ...{ cells: PREFILLS, rounds: 3, loading },
    async work(worker, cell, position) {
      await work(worker, cell, position);
      visits.set(cell, (visits.get(cell) ?? 0) + 1);
      return { type: 'measured', cell, process: { order: visits.get(cell) } as never };
    },
  };
}
const found = (heard: readonly Heard[]): string[] =>
  heard.flatMap((one) => {
    if (one.type === 'measured') return [`${one.cell.n}: ${one.process.order}`];
    return one.type === 'failed' ? [`${one.cell.n}: ${one.status}`] : [];
  });
const work = async (engine: Engine) => {
  const { settings, heard, note } = start(engine);
  return { left: await workThrough(engine, rounds(), settings, note), heard };
};

describe('in rounds', () => {
  test('all cells are worked on in turns, and told of after the last round', async () => {
    const { left, heard } = await work(fakeEngine());
    expect(left).toEqual([]);
    const round = started('prefill', 8, 16, 32);
    const last = PREFILLS.flatMap(({ n }) => [...started('prefill', n), `measured prefill ${n}`]);
    expect(textOf(heard)).toEqual(['ready', ...round, ...round, ...last]);
    expect(heard.flatMap((one) => (one.type === 'start' ? [one.isLast] : []))).toEqual([
      ...Array(6).fill(false),
      ...Array(3).fill(true),
    ]);
    expect(found(heard)).toEqual(['8: 3', '16: 3', '32: 3']);
  });

  test('a cell that fails in a later one is not visited again, nor are longer ones, which keep what is known', async () => {
    const { left, heard } = await work(fakeEngine(`if (cell.n === 16 && times === 1) throw new Error('no more');`));
    expect(left).toEqual([]);
    expect(found(heard)).toEqual(['32: 1', '16: failed', '8: 3']);
  });

  test('of a process that dies, what it measured is told, and only the others are left', async () => {
    const { left, heard } = await work(fakeEngine(`if (cell.n === 8 && times === 1) process.exit(3);`));
    expect(left).toEqual([]);
    expect(found(heard)).toEqual(['16: 1', '32: 1', '8: failed']);
    const early = await work(fakeEngine(`if (cell.n === 32) process.exit(3);`));
    expect(early.left).toEqual([]);
    expect(found(early.heard)).toEqual(['32: failed', '8: 1', '16: 1']);
  });

  test('an abort tells what was measured by then', async () => {
    const engine = fakeEngine(`if (cell.n === 16 && times === 1) await forever();`);
    const { settings, heard, note, abortion } = start(engine, {
      hear: (one) =>
        heard.filter(({ type }) => type === 'start').length === 5 && one.type === 'start' && abortion.abort(),
    });
    await expect(workThrough(engine, rounds(), settings, note)).rejects.toThrow();
    expect(found(heard)).toEqual(['8: 2', '16: 1', '32: 1']);
  });
});

test('what hears of it may end the process with an error', async () => {
  const hear = (one: Heard): void => {
    if (one.type === 'start') throw new UserError('disk full');
  };
  const { left, heard } = start(fakeEngine(), { hear });
  await expect(left()).rejects.toThrow('disk full');
  expect(textOf(heard)).toEqual(['ready', 'start prefill 8']);
});

test('an abort ends the process in the middle of a cell', async () => {
  const { left, abortion } = start(fakeEngine('await forever();'));
  setTimeout(() => abortion.abort(), 1000);
  await expect(left()).rejects.toThrow('aborted');
});

test('to start a process has as long as a cell may take, but half a minute at least', () => {
  expect(workerLimits(0.5)).toEqual({ cellTimeoutMs: 500, startTimeoutMs: 30_000 });
  expect(workerLimits(120)).toEqual({ cellTimeoutMs: 120_000, startTimeoutMs: 120_000 });
});
