import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { endsOf, moved, NOT_PINNED, pinnableCpus, pinned } from '../../../src/bench/run/process/pinning.js';

test.each([
  ['Cpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t1\n', [0, 7]],
  ['Cpus_allowed_list:\t3\n', [3, 3]],
  ['Cpus_allowed_list:\t1,2-4,19\n', [1, 19]],
  ['Name:\tnode\n', []],
])('the first and the last CPU of %j are %j', (status, expected) => {
  expect(endsOf(status)).toEqual(expected);
});

test('a command that is not pinned is run as it is, and one that is by taskset', () => {
  expect(pinned(null, 'node', ['a.js'])).toEqual(['node', ['a.js']]);
  expect(pinned(2, 'node', ['a.js'])).toEqual(['taskset', ['-c', '2', 'node', 'a.js']]);
});

test('more threads than one are never pinned', () => {
  expect(pinnableCpus(2)).toEqual(NOT_PINNED);
});

const { pinnedCpu: cpu, spareCpu } = pinnableCpus(1);

test.skipIf(cpu === null)('a pinned process may use that CPU alone', () => {
  const status = execFileSync(...pinned(cpu, 'cat', ['/proc/self/status']), { encoding: 'utf8' });
  expect(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1]).toBe(String(cpu));
});

test('where taskset works on Linux a CPU is found, elsewhere none', () => {
  const works = process.platform === 'linux' && spawnSync('taskset', ['-c', '0', 'true']).error === undefined;
  expect(cpu !== null).toBe(works);
});

test.skipIf(spareCpu === null)('a process that runs is moved with all its threads', async () => {
  const threads = `new (require('node:worker_threads').Worker)('setInterval(() => {}, 1e6)', { eval: true });`;
  const child = spawn(...pinned(spareCpu, process.execPath, ['-e', `${threads} console.log('here')`]));
  await once(child.stdout, 'data');
  const allowed = (): Set<string> => {
    const all = `/proc/${child.pid}/task`;
    const lists = readdirSync(all).map((id) => readFileSync(`${all}/${id}/status`, 'utf8'));
    return new Set(lists.map((text) => /^Cpus_allowed_list:\s*(.*)$/m.exec(text)?.[1] ?? ''));
  };
  expect(allowed()).toEqual(new Set([String(spareCpu)]));
  expect(moved(child.pid, cpu as number)).toBe(true);
  expect(allowed()).toEqual(new Set([String(cpu)]));
  child.kill('SIGKILL');
});
