/**
 * One CPU for the processes that measure with one thread. TensorFlow hands a call from thread to thread even when they
 * take turns; on two CPUs each hand-over wakes an idle one, which costs a prefill of 256 tokens up to a third of its time
 * (docs/decisions/005-pinning.md).
 */
import { spawnSync } from 'node:child_process';
import { readText } from '../environment.js';

/** The last CPU this process may use: the first often serves interrupts. Null where processes cannot be pinned. */
export function pinnableCpu(threads: number): number | null {
  if (threads > 1 || process.platform !== 'linux') return null;
  const cpu = lastOf(readText('/proc/self/status') ?? '');
  return cpu !== null && spawnSync('taskset', ['-c', String(cpu), 'true']).status === 0 ? cpu : null;
}

/** `Cpus_allowed_list: 0-2,5` -> 5 */
export function lastOf(status: string): number | null {
  const last = /^Cpus_allowed_list:.*?(\d+)\s*$/m.exec(status)?.[1];
  return last === undefined ? null : Number(last);
}

/** A command as it is run on a CPU. */
export function pinned(cpu: number | null, command: string, args: readonly string[]): [string, string[]] {
  return cpu === null ? [command, [...args]] : ['taskset', ['-c', String(cpu), command, ...args]];
}
