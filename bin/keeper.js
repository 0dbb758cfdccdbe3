/**
 * Ends the processes that a command started: when the command asks, and when it is gone, however it ended. The command
 * forks it (evals/shared/interruption.ts) and tells it { keep: pid }, { forget: pid } of one that has ended, and { end: pid }.
 * It leads a session of its own, so that what is sent to the command's group does not reach it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { SIGNALS } from '../scripts/ending.mjs';

const kept = new Set();

process.on('message', ({ keep, forget, end }) => {
  if (keep) kept.add(keep);
  if (forget) kept.delete(forget);
  if (end) endTree(end);
});
// what ends all processes of a job ends the command, and that ends this one
for (const signal of SIGNALS) process.on(signal, () => {});
process.on('disconnect', () => kept.forEach(endTree));

/** Ends a process and all that come from it. It is stopped first: it starts no others while these are looked for. */
function endTree(pid) {
  if (process.platform === 'win32') return spawnSync('taskkill', ['/pid', String(pid), '/t', '/f']);
  if (!send(pid, 'SIGSTOP')) return; // it has ended
  childrenOf(pid).forEach(endTree);
  send(pid, 'SIGKILL');
}

function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function childrenOf(pid) {
  return parents()
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child);
}

/** Every process with its parent. */
function parents() {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number));
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => [Number(pid), parentOf(pid)]);
}

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8'); // 1234 (any name) S 1233 …
    return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]);
  } catch {
    return null; // it has ended meanwhile
  }
}
