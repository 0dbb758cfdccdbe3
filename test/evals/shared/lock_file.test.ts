import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { lockFile } from '../../../evals/shared/lock_file.js';
import { isAlive, until } from '../../support/process_tree.js';
import { temporaryFolder } from '../../support/temporary.js';

let file = '';
beforeEach(() => {
  file = join(temporaryFolder(), 'a.json');
});
const lockOf = () => `${file}.lock`;
const put = (owner: unknown) => writeFileSync(lockOf(), typeof owner === 'string' ? owner : JSON.stringify(owner));
const own = () => JSON.parse(readFileSync(lockOf(), 'utf8'));

test('a file is locked until the lock is disposed of, and nothing stays', () => {
  {
    using _lock = lockFile(file);
    expect(own()).toMatchObject({ host: hostname(), pid: process.pid });
    expect(() => lockFile(file)).toThrow(
      `--output: ${file} is being written by another run, process ${process.pid}; give another name, or wait for its end`,
    );
  }
  expect(readdirSync(dirname(file))).toEqual([]);
  lockFile(file)[Symbol.dispose]();
});

test('the lock of a process that is dead, or whose pid is another one by now, is taken', () => {
  const dead = { host: hostname(), pid: spawnSync(process.execPath, ['--version']).pid, started: '1' };
  const reused = { host: hostname(), pid: process.ppid, started: '1' };
  for (const owner of [dead, ...(existsSync('/proc/1/stat') ? [reused] : [])]) {
    put(owner);
    using _lock = lockFile(file);
    expect(own().pid).toBe(process.pid);
    expect(readdirSync(dirname(file))).toEqual(['a.json.lock']);
  }
});

test.runIf(existsSync('/proc/self/stat'))(
  'the lock of a process that has ended and is not reaped is taken',
  async () => {
    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = Number((await once(parent.stdout, 'data'))[0]);
      await until(() => !isAlive(pid));
      const started = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21]; // the name has no blank
      put({ host: hostname(), pid, started });
      using _lock = lockFile(file);
      expect(own().pid).toBe(process.pid);
    } finally {
      parent.kill();
    }
  },
);

test.each<[string, unknown, string]>([
  ['of another machine', { host: 'else\u001bwhere', pid: 7, started: null }, 'process 7 of else?where'],
  ['that says nothing', '', 'another run'],
  ['that is none of ours', '{"pid": "7"}', 'another run'],
  ['of no process', { host: hostname(), pid: 0, started: null }, 'another run'],
])('a lock %s is not taken, and the remedy named', (_, owner, name) => {
  put(owner);
  const before = readFileSync(lockOf(), 'utf8');
  expect(() => lockFile(file)).toThrow(`${name}; give another name, or remove ${lockOf()} if that run is over`);
  expect(readFileSync(lockOf(), 'utf8')).toBe(before);
});

test('a lock that is another’s by now stays', () => {
  const lock = lockFile(file);
  put({ host: hostname(), pid: process.ppid, started: null });
  lock[Symbol.dispose]();
  expect(own().pid).toBe(process.ppid);
});

test('a folder without room for a lock is refused', () => {
  file = join(temporaryFolder(), 'none', 'a.json');
  expect(() => lockFile(file)).toThrow(/^--output: cannot lock \S+ \(ENOENT/);
});
