/** A peer that misbehaves costs its own cells and nothing else. Each is measured beside an engine of ours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { interruptible } from '../../../evals/shared/interruption.js';
import { peerEngine } from '../../../src/engines/peer.js';
import type { Cell } from '../../../src/results/schema.js';
import { cellsOf, fakeEngine, SPEC } from '../../support/fake_worker.js';
import { isAlive, until } from '../../support/process_tree.js';
import { temporaryFolder } from '../../support/temporary.js';
import { run } from './run_support.js';

/** Whoever tells the truth says this, of what takes 200 ms by the clock of `run`. */
const HONEST = `run: () => ({ type: 'ran', ms: 150, tokens: [1] }),`;
const CELLS = cellsOf(['A', 'B'], [8, 16]);
const IN_ONE = `if (cell.model === 'A' && cell.phase === 'prefill')`;

function ticks(): () => number {
  let ms = 0;
  return () => (ms += 200);
}

/** Measures ours and a peer, all of whose processes are gone when this returns. */
async function runWith(command: string, cellTimeoutMs = 60_000) {
  const spec = { ...SPEC, cells: [...CELLS, ...CELLS.map((cell) => ({ ...cell, engine: 'peer' }))] };
  const own = fakeEngine('', { replies: HONEST });
  const others = [peerEngine('peer', command)];
  const { error, last } = await interruptible(
    () => 'interrupted',
    (life) => run({ engine: own, others, spec, cellTimeoutMs, now: ticks(), life }),
  );
  expect(error).toBeNull();
  expect(last.complete).toBe(true);
  const [ours, peers] = ['wasm', 'peer'].map((engine) => last.cells.filter((cell) => cell.engine === engine));
  for (const { status, processes } of ours as Cell[]) expect([status, processes.length]).toEqual(['ok', SPEC.runs]);
  return { last, peers: peers as Cell[] };
}

/** The command of a fake program, as a person would write it. */
function peer(onCell = '', { first = '', replies = '' } = {}): string {
  const { file } = fakeEngine(onCell, { first, replies: HONEST + replies });
  return `'${process.execPath}' '${file}'`;
}
/** In one word each. */
const stateOf = ({ model, phase, n, status }: Cell): string => `${model} ${phase} ${n} ${status}`;

test('a peer that behaves is measured like ours', async () => {
  const { last, peers } = await runWith(peer());
  expect(peers.map(({ status, processes }) => [status, processes.length])).toEqual(CELLS.map(() => ['ok', 2]));
  expect(last.engines.map(({ id, command }) => [id, command === null])).toEqual([
    ['wasm', true],
    ['peer', false],
  ]);
  expect(last.comparisons).toEqual(['A', 'B'].map((model) => ({ model, engine: 'peer', relative_error: 0 })));
});

test.each([
  ['is missing', () => 'no_such_program --fast', 'exit code 127; .*no_such_program.*'],
  ['is no worker', () => `'${process.execPath}' -e ''`, 'exit code 0; it said nothing'],
  [
    'lacks a module',
    () => peer('', { first: `throw new Error('no module torch');` }),
    'exit code 1; Error: no module torch',
  ],
  ['talks first', () => peer('', { first: `await say('Loading...\\n');` }), 'must say JSON, .*, got "Loading..."'],
  ['refuses', () => peer('', { replies: `hello: () => { throw new Error('needs a GPU'); },` }), 'needs a GPU'],
])('a peer that %s is refused: each of its cells has failed, for one reason', async (_, commandOf, reason) => {
  const { peers } = await runWith(commandOf());
  for (const cell of peers) {
    expect(cell.status).toBe('failed');
    expect(cell.reason).toMatch(new RegExp(`^peer: (its process ended with |its reply: )?${reason}$`)); // one line
  }
});

/** What it does in a prefill of A. */
const DEEDS: Readonly<Record<string, [onCell: string, reason: string]>> = {
  dies: [`${IN_ONE} process.exit(3);`, 'its process ended with exit code 3; it said nothing'],
  'is killed': [
    `${IN_ONE} process.kill(process.pid, 'SIGKILL'), await forever();`,
    'its process ended with (exit code 137|SIGKILL) \\(out of memory\\?\\); .*', // by the shell that is used
  ],
  'says garbage': [
    `${IN_ONE} await say('\\u0000<html>\\n');`,
    'its reply: must say JSON, a message a line, got .*html.*',
  ],
  'answers another question': [
    `${IN_ONE} await say('{"id":1,"type":"bye"}\\n');`,
    'its reply: must be for request \\d+, got bye for 1',
  ],
  'runs ahead of the clock': [
    `replies.run = () => ({ type: 'ran', ms: cell.model === 'A' && cell.phase === 'prefill' ? 1e6 : 150, tokens: [1] });`,
    'its clock must not run ahead of ours, got 1000000 ms for what took 200 ms',
  ],
  'leaves most of the work out of its time': [
    `replies.run = () => ({ type: 'ran', ms: cell.model === 'A' && cell.phase === 'prefill' ? 50 : 150, tokens: [1] });`,
    'its clock must count all of what it does, got 50 ms for what took 200 ms',
  ],
};

test.each(Object.keys(DEEDS))(
  'a peer that %s fails that cell, spares the longer one, and has the others',
  async (deed) => {
    const [onCell, reason] = DEEDS[deed] as [string, string];
    const { peers } = await runWith(peer(onCell));
    const [first, longer, ...others] = peers as [Cell, Cell, ...Cell[]];
    expect([first.status, longer.status]).toEqual(['failed', 'skipped']);
    expect(first.reason).toMatch(new RegExp(`^${reason}$`));
    for (const cell of others) expect([cell.status, cell.processes.length]).toEqual(['ok', SPEC.runs]);
  },
);

test('a peer that answers twice fails every cell that it does so in', async () => {
  const twice = `
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (text, done) => write(text.includes('"ran"') ? text + text : text, done);`;
  const { peers } = await runWith(peer('', { first: twice }));
  expect(peers.map(({ status }) => status)).toEqual(CELLS.map(({ n }) => (n === 8 ? 'failed' : 'skipped')));
  const again = /^its reply: must be (asked for, got ran for request \d+, which|for request \d+, got ran)[^\n]*$/;
  for (const { n, reason } of peers) if (n === 8) expect(reason).toMatch(again);
});

test('a peer that hangs is over its time', async () => {
  const { peers } = await runWith(peer(`${IN_ONE} await forever();`), 4000);
  expect(peers.slice(0, 2).map(stateOf)).toEqual(['A prefill 8 timeout', 'A prefill 16 skipped']);
  expect(peers[0]?.reason).toBe('took longer than 4 s');
});

test('a peer that floods stderr is measured', async () => {
  const { peers } = await runWith(peer(`for (let i = 0; i < 50; i++) process.stderr.write('x'.repeat(1e5) + '\\n');`));
  expect(new Set(peers.map(({ status }) => status))).toEqual(new Set(['ok']));
});

test('a peer whose children would outlive it leaves none behind', async () => {
  const pids = join(temporaryFolder(), 'pids');
  const child = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6);`;
  const start = `
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { detached: true, stdio: 'inherit' });
    child.unref();
    appendFileSync(${JSON.stringify(pids)}, child.pid + '\\n');`;
  const { peers } = await runWith(peer('', { first: start }));
  expect(new Set(peers.map(({ status }) => status))).toEqual(new Set(['ok']));
  const started = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
  expect(started).toHaveLength(SPEC.runs);
  await until(() => !started.some(isAlive));
});

test('a peer with our weights and other logits is refused by the model', async () => {
  const wrong = `logits: ({ name, tokens }) => ({ type: 'logits', logits: tokens.map(() => [1, 2, name === 'A' ? 4 : 3]) }),`;
  const { last, peers } = await runWith(peer('', { replies: wrong }));
  expect(peers.map(({ status }) => status)).toEqual(['failed', 'skipped', 'failed', 'skipped', 'ok', 'ok', 'ok', 'ok']);
  expect(peers[0]?.reason).toBe('logits: must be ours to a relative error of 0.001, got 0.27');
  expect(last.comparisons).toEqual([{ model: 'B', engine: 'peer', relative_error: 0 }]);
});

test.each([
  ['has other weights', `load: () => ({ type: 'loaded', period: null, same_weights: false }),`],
  ['shows no logits', `logits: () => { throw new Error('cannot'); },`],
])('a peer that %s is measured, and not compared', async (_, replies) => {
  const { last, peers } = await runWith(peer('', { replies }));
  expect(new Set(peers.map(({ status }) => status))).toEqual(new Set(['ok']));
  expect(last.comparisons.map(({ relative_error }) => relative_error)).toEqual([null, null]);
});
