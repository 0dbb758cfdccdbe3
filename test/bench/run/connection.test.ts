import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Details } from '../../../src/bench/protocol/messages.js';
import { type Connection, connect, Failure, Lost } from '../../../src/bench/run/process/connection.js';
import { fakeEngine, plainLife } from '../../support/fake_worker.js';

const HELLO = { protocol: 1, threads: 1, thorough: true };
const CELL: Details<'prepare'> = { name: 'A', phase: 'prefill', n: 8, n_tokens: 4, tokens: [[1]], steps: null };
const LIMIT_MS = 60_000;

/** A connection that says hello before anything else. */
function start(replies = '', first = '', signal?: AbortSignal): Connection {
  const connection = connect(fakeEngine('', { first, replies }), null, plainLife(signal));
  connection.allow(LIMIT_MS, 'took too long');
  return connection;
}
const reasonOf = (asked: Promise<unknown>): Promise<unknown> => asked.catch((error: unknown) => error);

test('each request is answered by its own reply, in order, until the process says bye and ends', async () => {
  const connection = start();
  expect(await connection.ask('hello', HELLO)).toMatchObject({ id: 1, type: 'hello', protocol: 1 });
  expect(await connection.ask('prepare', CELL)).toEqual({ id: 2, type: 'prepared', compile_ms: 0 });
  expect(await connection.ask('run', { repeats: 3 })).toEqual({ id: 3, type: 'ran', ms: 0.003, tokens: [1] });
  await connection.bye();
  expect(await reasonOf(connection.ask('release', {}))).toBeInstanceOf(Lost);
});

test('what a worker refuses is said in its words, one line of them, and it goes on', async () => {
  const connection = start(`prepare: () => { throw new Error('\\n no room for this\\nat line 3'); },`);
  const error = await reasonOf(connection.ask('prepare', CELL));
  expect(error).toEqual(new Failure(' no room for this'));
  expect(await connection.ask('release', {})).toMatchObject({ type: 'released' });
  await connection.close();
});

test.each([
  ['no JSON', `await say('Hello world\\n')`, 'its reply: must say JSON, a message a line, got "Hello world"'],
  ['no message', `await say('{"id":1}\\n')`, /^its reply: "{\\"id\\":1}": type: /],
  ['another reply', `return { type: 'stepped', ms: [1] }`, 'its reply: must be ran, got stepped'],
  ['a time that is none', `return { type: 'ran', ms: -1, tokens: [] }`, /ms: must be at least 0, got -1$/],
  ['another number', `await say('{"id":9,"type":"bye"}\\n')`, 'its reply: must be for request 1, got bye for 9'],
  [
    'a line without an end',
    `for (let i = 0; i < 70; i++) await say('x'.repeat(2 ** 20))`,
    /at most 67108864 characters/,
  ],
])('a worker that answers with %s is ended, and it is said in one line', async (_, body, reason) => {
  const connection = start(`run: async () => { ${body} },`);
  const error = await reasonOf(connection.ask('run', { repeats: 1 }));
  expect(error).toBeInstanceOf(Lost);
  expect(error).toMatchObject({ status: 'failed', message: expect.stringMatching(reason) });
  await connection.close();
});

test('a worker that answers twice is found out when it is asked next', async () => {
  const connection = start(
    `run: async () => { await say('{"id":1,"type":"ran","ms":1,"tokens":[1]}\\n'); return { type: 'ran', ms: 1, tokens: [1] }; },`,
  );
  await connection.ask('run', { repeats: 1 });
  const again = await reasonOf(connection.ask('release', {}));
  expect(again).toBeInstanceOf(Lost);
  expect((again as Error).message).toMatch(
    /^its reply: must be (asked for, got ran for request 1|for request 2, got ran for 1)/,
  );
  await connection.close();
});

test.each([
  ['killed', `process.kill(process.pid, 'SIGKILL'); await forever();`, 'SIGKILL (out of memory?); it said nothing'],
  ['killed, and its shell says so', 'process.exit(137);', 'exit code 137 (out of memory?); it said nothing'],
  ['over', 'process.exit(0);', 'exit code 0; it said nothing'],
  [
    'over with an error',
    `console.error('RangeError: too much\\n    at x'); process.exit(3);`,
    'exit code 3; RangeError: too much',
  ],
  ['over with words', `console.error('no room left\\n'); process.exit(3);`, 'exit code 3; no room left'],
  [
    'over by what it does not catch',
    `setTimeout(() => { throw new TypeError('no such thing'); }); await forever();`,
    'exit code 1; TypeError: no such thing',
  ],
])('a worker that is %s is lost, with its last words', async (_, body, reason) => {
  const connection = start(`run: async () => { ${body} },`);
  const error = await reasonOf(connection.ask('run', { repeats: 1 }));
  expect(error).toEqual(new Lost('failed', `its process ended with ${reason}`));
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
  const connection = start('', `${words} console.error(${JSON.stringify(log.join('\n'))}); process.exit(3);`);
  const error = await reasonOf(connection.ask('hello', HELLO));
  expect(error).toMatchObject({ message: `its process ended with exit code 3; ${said}` });
});

test('a worker that floods stderr is answered all the same', async () => {
  const connection = start('', `for (let i = 0; i < 200; i++) process.stderr.write('x'.repeat(1e5) + '\\n');`);
  expect(await connection.ask('hello', HELLO)).toMatchObject({ type: 'hello' });
  await connection.bye();
});

test.each([
  ['hangs', 'await forever();'],
  ['stops', `process.kill(process.pid, 'SIGSTOP'); await forever();`],
  ['never returns', 'for (;;);'],
])('a worker that %s is over its time, ended, and gone', async (_, body) => {
  const connection = start(`run: async () => { ${body} },`);
  connection.allow(500, 'took longer than 0.5 s');
  expect(await reasonOf(connection.ask('run', { repeats: 1 }))).toEqual(new Lost('timeout', 'took longer than 0.5 s'));
  await connection.close();
});

test('no time passes for a worker that is asked nothing', async () => {
  const connection = start();
  connection.allow(300, 'took longer than 0.3 s');
  await sleep(1000);
  expect(await connection.ask('hello', HELLO)).toMatchObject({ type: 'hello' });
  await connection.bye();
});

test('a limit of years is not over at once', async () => {
  const connection = start(
    `run: () => new Promise((done) => setTimeout(done, 50, { type: 'ran', ms: 1, tokens: [1] })),`,
  );
  connection.allow(1e12, 'took too long');
  expect(await connection.ask('run', { repeats: 1 })).toMatchObject({ ms: 1 });
  await connection.close();
});

test.each([
  ['does not end', `setInterval(() => {}, 1000);`, ''],
  ['does not say bye', '', 'bye: () => forever(),'],
])('a worker that %s when it has done all is ended', async (_, first, replies) => {
  const connection = start(replies, first);
  await connection.ask('hello', HELLO);
  await connection.bye();
});

test('an abort ends the process in the middle of a request', async () => {
  const abortion = new AbortController();
  const connection = start('run: () => forever(),', '', abortion.signal);
  await connection.ask('hello', HELLO);
  setTimeout(() => abortion.abort(), 100);
  await expect(connection.ask('run', { repeats: 1 })).rejects.toThrow('aborted');
  await connection.close();
});

test.each([
  ['is not there', ['/nowhere/engine'], /^could not be started \(spawn \/nowhere\/engine ENOENT\)$/],
  [
    'a shell does not find',
    ['sh', '-c', 'no-such-engine --x'],
    /^its process ended with exit code 127; .*no-such-engine.*not found/,
  ],
] as const)('a program that %s is lost', async (_, program, reason) => {
  const connection = connect({ id: 'x', command: null, builds: false, program }, null, plainLife());
  const error = await reasonOf(connection.ask('hello', HELLO));
  expect((error as Error).message).toMatch(reason);
});

test('a child that holds the pipes of a worker that is gone holds nobody up', async () => {
  const child = `(await import('node:child_process')).spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20_000)'], { stdio: 'inherit' });`;
  const connection = start(`run: async () => { ${child} process.exit(3); },`);
  const error = await reasonOf(connection.ask('run', { repeats: 1 }));
  expect((error as Error).message).toBe('its process ended with exit code 3; it said nothing');
});
