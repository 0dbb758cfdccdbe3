/** Nothing that a command starts outlives it, and nothing of it stays, whatever ends it. With real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { readJson } from '../../../src/results/json.js';
import { parseResults } from '../../../src/results/parse.js';
import { type Build, build } from '../../support/built.js';
import { commandOf, descendantsOf, isAlive, until } from '../../support/process_tree.js';
import { temporaryFolder } from '../../support/temporary.js';

const isLinux = process.platform === 'linux'; // processes are looked for in /proc
let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

let folder = '';
let temporary = '';
beforeEach(() => {
  folder = temporaryFolder();
  temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  return () => vi.unstubAllEnvs();
});

/** A cell that takes minutes, in calls that never return to the event loop. */
const LONG = '--engines wasm --models Softmax --seq_lengths 32768 --hidden_dim 256'.split(' ');
/** Waits for ever without looking at its messages, and has a child that does the same. */
const HANGING = `
if (process.argv[2] !== 'grandchild') require('node:child_process').spawn(process.execPath, [__filename, 'grandchild']);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;

/** A folder that looks like a checkout, whose engines' program hangs. */
function checkout(name: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, 'dist', 'evals'), { recursive: true });
  writeFileSync(join(path, 'package.json'), '{}');
  writeFileSync(join(path, 'dist', 'evals', 'compare_worker.js'), HANGING);
  return path;
}

type Start = () => ChildProcess;
/** Each command, and what the last process that it starts is called. */
const COMMANDS: Readonly<Record<string, { readonly start: Start; readonly last: string }>> = {
  'compare-models': { start: () => built.start('compare_models', LONG, folder).child, last: 'compare_worker' },
  'compare-models, a peer and what that starts': {
    start: () => {
      const file = join(folder, 'peer.cjs');
      writeFileSync(file, HANGING);
      const command = `slow='${process.execPath}' '${file}'; true`; // a shell that stays, and what it started
      return built.start('compare_models', ['--models', 'Softmax@slow', '--peer', command], folder).child;
    },
    last: 'peer.cjs grandchild',
  },
  'check-regressions --ab': {
    start: () => {
      const both = [checkout('base'), checkout('new')];
      return built.start('check_regressions', ['--ab', ...both, '--', '--engines', 'wasm'], folder).child;
    },
    last: 'compare_worker.js grandchild',
  },
  'calibrate, and compare-models that it starts': {
    start: () => built.start('calibrate', ['--', ...LONG], folder).child,
    last: 'compare_worker',
  },
  'check_gate.mjs, check-regressions and compare-models': {
    start: () => {
      const script = fileURLToPath(new URL('../../../scripts/check_gate.mjs', import.meta.url));
      return spawn(process.execPath, [script, '--', ...LONG], { cwd: folder });
    },
    last: 'compare_worker',
  },
};

/** Starts a command and ends it once all that it starts is there. @returns how it ended, and what it had started */
async function endedBy(signal: NodeJS.Signals, { start, last }: { readonly start: Start; readonly last: string }) {
  const command = start();
  const ended = new Promise<number | null>((done) => command.on('exit', (code) => done(code)));
  let started: number[] = [];
  await until(() => {
    if (command.exitCode !== null) throw new Error(`the command ended with ${command.exitCode}`);
    started = descendantsOf(command.pid as number);
    return started.some((pid) => commandOf(pid).includes(last));
  });
  command.kill(signal);
  return { code: await ended, started };
}

describe.skipIf(!isLinux).each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const)('%s ends', (signal) => {
  const exitCode = signal === 'SIGKILL' ? null : 128 + constants.signals[signal];
  const check = async (command: (typeof COMMANDS)[string]) => {
    const { code, started } = await endedBy(signal, command);
    expect(code).toBe(exitCode);
    await until(() => !started.some(isAlive));
    if (signal !== 'SIGKILL') expect(readdirSync(temporary)).toEqual([]);
  };
  test.each(Object.keys(COMMANDS))('%s', (name) => check(COMMANDS[name]!));
});

describe.skipIf(!isLinux)('the process that ends the others', () => {
  const keeperOf = ({ pid }: ChildProcess): number =>
    descendantsOf(pid as number).find((child) => commandOf(child).includes('keeper.cjs')) as number;
  /** A command to whose keeper `attack` is done before it is ended itself. */
  const attacked = (attack: (keeper: number) => Promise<void>): Start => {
    const command = COMMANDS['check-regressions --ab']!.start();
    const kill = command.kill.bind(command);
    command.kill = (signal) => {
      attack(keeperOf(command)).then(() => kill(signal));
      return true;
    };
    return () => command;
  };

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('outlives %s, which a whole job gets', async (signal) => {
    const start = attacked(async (keeper) => {
      process.kill(keeper, signal);
      await sleep(500);
    });
    const { started } = await endedBy('SIGKILL', { start, last: 'compare_worker.js grandchild' });
    await until(() => !started.some(isAlive));
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGKILL', null], // nobody but a new keeper can end its children
  ] as const)('is started again at once where it was killed: the command gets %s', async (signal, ending) => {
    const start = attacked(async (keeper) => {
      process.kill(keeper, 'SIGKILL');
      await until(() => !isAlive(keeper));
      await sleep(1000); // for the command to notice
    });
    const { code, started } = await endedBy(signal, { start, last: 'compare_worker.js grandchild' });
    expect(code).toBe(ending);
    await until(() => !started.some(isAlive));
  });
});

const SHAPE = '--hidden_dim 16 --num_heads 2 --ff_dim 32 --vocab_size 64 --chunk_size 8 --n_tokens 3';
const PLAN = `--engines wasm --models LinearTransformer Softmax ${SHAPE} --seq_lengths 8 16 --runs 2 --quick`.split(
  ' ',
);
const readFile = () => parseResults(readJson(join(folder, 'results', 'comparison_results.json'), 'results'), 'results');
/** Resolves when a run has said that something was measured. */
const measuring = ({ stderr }: ChildProcess) =>
  new Promise<void>((done) => {
    stderr?.on('data', (text: string) => text.includes(' measured') && done());
  });

/** compare-models as people start it, in the group of its own that a shell gives it. */
function startBin(argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const script = fileURLToPath(new URL('../../../bin/compare_models.js', import.meta.url));
  const child = spawn(process.execPath, [script, ...argv], {
    ...{ cwd: folder, detached: true, env: { ...process.env, ...env } },
  });
  child.stderr?.setEncoding('utf8');
  return child;
}

describe.skipIf(!isLinux)('a run of compare-models', () => {
  test.each(['SIGTERM', 'SIGHUP'] as const)(
    'that %s ends leaves a valid file and says how to go on',
    async (signal) => {
      const { child, ended } = built.start('compare_models', PLAN, folder);
      await measuring(child);
      child.kill(signal);
      const { code, stderr } = await ended;
      expect(code).toBe(128 + constants.signals[signal]);
      expect(stderr).toMatch(/interrupted: what was measured is in [^\n]*--resume [^\n]*\n$/);
      expect(readFile().complete).toBe(false);
    },
  );

  test('that is stopped for longer than a cell may take, and continued, has no cell over its time', async () => {
    const timeout = 8;
    const run = startBin([...PLAN, '--cell_timeout', String(timeout)]);
    const ended = new Promise((done) => run.on('close', done));
    await measuring(run);
    process.kill(-(run.pid as number), 'SIGSTOP');
    await sleep(1000 * (timeout + 2));
    process.kill(-(run.pid as number), 'SIGCONT');
    expect(await ended).toBe(0);
    expect(readFile().cells.map(({ status, reason }) => [status, reason])).toEqual(Array(12).fill(['ok', null]));
  });

  test.each([
    ['/usr/bin/nohup', 0],
    ['/usr/bin/node', 129],
  ])('that %s started ends with %i when its terminal is gone', async (starter, code) => {
    const run = startBin(PLAN, { _: starter }); // as bash says it
    const ended = new Promise((done) => run.on('close', done));
    await measuring(run);
    process.kill(-(run.pid as number), 'SIGHUP'); // as bash sends it
    expect(await ended).toBe(code);
    expect(readFile().complete).toBe(code === 0);
  });
});

describe('a compare-models that takes too long', () => {
  test.each([
    ['its own limit', ['--process_timeout', '0.2'], [], '4'],
    ['ten times what a cell may take', [], ['--cell_timeout', '0.02'], '4'],
  ])('is ended after %s a process, in one line', async (_, own, compareFlags, limit) => {
    const argv = ['--runs', '20', ...own, '--', ...LONG, ...compareFlags];
    const { code, stderr } = await built.start('calibrate', argv, folder).ended;
    expect(code).toBe(2);
    const reason = `compare-models: must measure within ${limit} s (--process_timeout), got no end`;
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(`error: ${reason}`);
    expect(readdirSync(temporary)).toEqual([]);
  });
});
