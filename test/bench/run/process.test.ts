import { expect, test } from 'vitest';
import type { WorkerMessage, WorkerOrder } from '../../../src/bench/protocol/messages.js';
import { cellsAfter, runProcess, workerLimits } from '../../../src/bench/run/process.js';
import { UserError } from '../../../src/errors.js';
import { cellsOf, fakeWorker, SPEC } from '../../support/fake_worker.js';

const cells = cellsOf(['A'], [8, 16]);
const [first, second] = cells as [(typeof cells)[0], (typeof cells)[0]];
const { workload, rules, threads } = SPEC;
const ORDER: WorkerOrder = { task: 'measure', run: 0, cells, workload, rules, threads };

function run(
  workerFile: string,
  cellTimeoutMs = 60_000,
  onMessage: (message: WorkerMessage) => void = () => undefined,
  startTimeoutMs = 60_000,
) {
  const messages: WorkerMessage[] = [];
  const signal = new AbortController();
  const limits = { cellTimeoutMs, startTimeoutMs };
  const settings = { workerFile, ...limits, pinnedCpu: null, signal: signal.signal, keep: () => undefined };
  const ended = runProcess(ORDER, settings, (message) => {
    messages.push(message);
    onMessage(message);
  });
  return { ended, messages, signal };
}
/** The event loop is kept alive. */
const FOREVER = 'await new Promise(() => setTimeout(() => {}, 1e6));';
const kinds = (messages: readonly WorkerMessage[]) => messages.map(({ type }) => type);

test('a worker that does all its cells has no casualty, and every message is heard in order', async () => {
  const { ended, messages } = run(fakeWorker());
  expect(await ended).toBeNull();
  const cell = ['start', 'measured'];
  expect(kinds(messages)).toEqual(['ready', ...cells.flatMap(() => cell), 'done']);
});

test('a worker killed in a cell leaves that cell as a casualty, probably out of memory', async () => {
  const die = `process.kill(process.pid, 'SIGKILL'); ${FOREVER}`;
  const { ended, messages } = run(fakeWorker(`if (cell.n === 16) { ${die} }`));
  expect(await ended).toEqual({
    cell: second,
    status: 'failed',
    reason: 'its process ended with SIGKILL (out of memory?); it said nothing',
  });
  expect(kinds(messages)).toEqual(['ready', 'start', 'measured', 'start']);
});

test.each([
  ['alone', '', 'it said nothing'],
  ['after its own words', 'console.error("no room left");', 'no room left'],
])('lines of the TensorFlow log, %s, are not what a worker said last', async (_, words, said) => {
  const log = [
    'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR',
    'I0000 00:00:1795668695.606100    3826 device_compiler.h:186] Compiled cluster using XLA!',
    '2026-11-26 05:05:36.941774: E external/local_xla/xla/stream_executor_internal.h:177] SetPriority unimplemented.',
  ];
  const { ended } = run(fakeWorker(`${words} console.error(${JSON.stringify(log.join('\n'))}); process.exit(3);`));
  expect(await ended).toMatchObject({ reason: `its process ended with exit code 3; ${said}` });
});

test('a worker that hangs in a cell is ended after the timeout', async () => {
  const { ended } = run(fakeWorker(FOREVER), 200);
  expect(await ended).toEqual({ cell: first, status: 'timeout', reason: 'took longer than --cell_timeout 0.2 s' });
});

test('a timeout of years is not over at once', async () => {
  expect(await run(fakeWorker('await new Promise((done) => setTimeout(done, 50));'), 1e12).ended).toBeNull();
});

test('a worker that exits in a cell is told with its exit code and its error', async () => {
  const { ended } = run(fakeWorker(`console.error('RangeError: too much\\n    at somewhere'); process.exit(3);`));
  expect(await ended).toEqual({
    cell: first,
    status: 'failed',
    reason: 'its process ended with exit code 3; RangeError: too much',
  });
});

test('an error that a worker does not catch is told, not the line of the runtime under it', async () => {
  const { ended } = run(fakeWorker(`setTimeout(() => { throw new TypeError('no such thing'); }); ${FOREVER}`));
  await expect(ended).resolves.toMatchObject({
    reason: 'its process ended with exit code 1; TypeError: no such thing',
  });
});

test('a worker that fails a cell and goes on has no casualty', async () => {
  const { ended, messages } = run(fakeWorker(`if (cell.phase === 'prefill') throw new Error('not this one');`));
  expect(await ended).toBeNull();
  expect(messages).toContainEqual({ type: 'failed', cell: first, reason: 'not this one' });
});

test.each([
  ['process.exit(0);', 'exit code 0'],
  [`console.error('Error: cannot find it'); process.exit(1);`, 'exit code 1 outside a cell; Error: cannot find it'],
  [`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`, 'SIGKILL'],
])('a worker that ends before its first cell is an error: %s', async (body, message) => {
  await expect(run(fakeWorker('', body)).ended).rejects.toThrow(message);
});

test.each([
  ['hangs', FOREVER],
  ['stops', `process.kill(process.pid, 'SIGSTOP'); ${FOREVER}`],
])('a worker that %s before its first cell is ended, and an error for people in one line', async (_, body) => {
  const error = await run(fakeWorker('', body), 60_000, undefined, 3000).ended.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toMatch(/^worker: said nothing for 3 s outside a cell, was it stopped\?[^\n]*$/);
});

test('a worker that stops in a cell is over its time', async () => {
  const { ended } = run(fakeWorker(`process.kill(process.pid, 'SIGSTOP'); ${FOREVER}`), 500);
  expect(await ended).toMatchObject({ cell: first, status: 'timeout' });
});

test('a worker that does not end when it has done all is ended, and counts as done', async () => {
  const { ended, messages } = run(fakeWorker('setInterval(() => {}, 1000);'));
  expect(await ended).toBeNull();
  expect(kinds(messages).at(-1)).toBe('done');
});

test('to start a worker has as long as a cell may take, but half a minute at least', () => {
  expect(workerLimits(0.5)).toEqual({ cellTimeoutMs: 500, startTimeoutMs: 30_000 });
  expect(workerLimits(120)).toEqual({ cellTimeoutMs: 120_000, startTimeoutMs: 120_000 });
});

test('a worker that refuses its order is an error for people', async () => {
  const { ended } = run(
    fakeWorker('', `await send({ type: 'refused', reason: '--backend: cannot' }); process.exit(0);`),
  );
  const error = await ended.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toBe('--backend: cannot');
});

test('what hears the messages may end the process with an error', async () => {
  const { ended, messages } = run(fakeWorker(), 60_000, ({ type }) => {
    if (type === 'measured') throw new UserError('disk full');
  });
  await expect(ended).rejects.toThrow('disk full');
  expect(kinds(messages)).toEqual(['ready', 'start', 'measured']);
});

test('an abort ends the process in the middle of a cell', async () => {
  const { ended, signal } = run(fakeWorker(FOREVER));
  setTimeout(() => signal.abort(), 300);
  await expect(ended).rejects.toThrow('aborted');
});

test('a worker file that is missing is an error', async () => {
  await expect(run('/nowhere/worker.mjs').ended).rejects.toThrow('exit code 1 outside a cell');
});

test('the cells after a cell are those that come later in the order', () => {
  expect(cellsAfter(cells, first)).toEqual(cells.slice(1));
  expect(cellsAfter(cells, cells.at(-1) as typeof first)).toEqual([]);
});
