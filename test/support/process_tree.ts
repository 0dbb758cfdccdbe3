/** Processes of this machine, as a test of what outlives what sees them (Linux). */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of a process that is there: not one that has ended and waits for its parent. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8'); // 1234 (any name) S 1233 …
    const [, state, parent] = stat.slice(stat.lastIndexOf(')')).split(' ');
    return state === 'Z' || state === 'X' ? null : Number(parent);
  } catch {
    return null;
  }
}

export const isAlive = (pid: number): boolean => parentOf(pid) !== null;

/** All that come from a process, itself left out. */
export function descendantsOf(pid: number): number[] {
  const all = readdirSync('/proc').map(Number).filter(isAlive);
  const childrenOf = (parent: number): number[] => all.filter((child) => parentOf(child) === parent);
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Waits until `isSo`, for as long as the test has. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(50);
}
