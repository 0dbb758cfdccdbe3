/**
 * One CPU for the processes that measure with one thread. TensorFlow hands a call from thread to thread even when they
 * take turns; on two CPUs each hand-over wakes an idle one, which costs a prefill of 256 tokens up to a third of its time
 * (docs/decisions/005-pinning.md).
 */
import { spawnSync } from 'node:child_process';
import { readText } from '../environment.js';

/** CPUs that processes may be pinned to. */
export interface PinnableCpus {
  /** Where they measure; null where they cannot be pinned. */
  readonly pinnedCpu: number | null;
  /** Where another one may get ready while nobody measures; null where there is none. */
  readonly spareCpu: number | null;
}

export const NOT_PINNED: PinnableCpus = { pinnedCpu: null, spareCpu: null };

/** The last CPU this process may use, since the first often serves interrupts, and the first. */
export function pinnableCpus(threads: number): PinnableCpus {
  if (threads > 1 || process.platform !== 'linux') return NOT_PINNED;
  const [first, last] = endsOf(readText('/proc/self/status') ?? '');
  if (last === undefined || spawnSync('taskset', ['-c', String(last), 'true']).status !== 0) return NOT_PINNED;
  return { pinnedCpu: last, spareCpu: first === undefined || first === last ? null : first };
}

/** The first and the last: `Cpus_allowed_list: 0-2,5` -> [0, 5] */
export function endsOf(status: string): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\d.*)$/m.exec(status)?.[1];
  const all = list?.match(/\d+/g)?.map(Number) ?? [];
  return all.length === 0 ? [] : [all[0] as number, all.at(-1) as number];
}

/** A command as it is run on a CPU. */
export function pinned(cpu: number | null, command: string, args: readonly string[]): [string, string[]] {
  return cpu === null ? [command, [...args]] : ['taskset', ['-c', String(cpu), command, ...args]];
}

/** Moves a process to a CPU, with all its threads. @returns whether it is there */
export const moved = (pid: number | undefined, cpu: number): boolean =>
  pid !== undefined && spawnSync('taskset', ['-a', '-c', '-p', String(cpu), String(pid)]).status === 0;
