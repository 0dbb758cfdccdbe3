import { readFileSync } from 'node:fs';

/**
 * Whether a process of this machine runs. One that has ended and is not reaped yet does not, though it can be signalled:
 * in a container whose first process reaps nobody it stays so for good.
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return !hasEnded(pid);
}

/** Linux alone tells: 1234 (any name) Z 1233 … */
function hasEnded(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return ['Z', 'X'].includes(stat.charAt(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
