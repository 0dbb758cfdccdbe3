import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { lastOf, pinnableCpu, pinned } from '../../../src/bench/run/process/pinning.js';

test.each([
  ['Cpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t1\n', 7],
  ['Cpus_allowed_list:\t3\n', 3],
  ['Cpus_allowed_list:\t0,2-4,9\n', 9],
  ['Name:\tnode\n', null],
])('the last CPU of %j is %j', (status, expected) => {
  expect(lastOf(status)).toBe(expected);
});

test('a command that is not pinned is run as it is, and one that is by taskset', () => {
  expect(pinned(null, 'node', ['a.js'])).toEqual(['node', ['a.js']]);
  expect(pinned(2, 'node', ['a.js'])).toEqual(['taskset', ['-c', '2', 'node', 'a.js']]);
});

test('more threads than one are never pinned', () => {
  expect(pinnableCpu(2)).toBeNull();
});

const cpu = pinnableCpu(1);

test.skipIf(cpu === null)('a pinned process may use that CPU alone', () => {
  const status = execFileSync(...pinned(cpu, 'cat', ['/proc/self/status']), { encoding: 'utf8' });
  expect(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1]).toBe(String(cpu));
});

test('where taskset works on Linux a CPU is found, elsewhere none', () => {
  const works = process.platform === 'linux' && spawnSync('taskset', ['-c', '0', 'true']).error === undefined;
  expect(cpu !== null).toBe(works);
});
