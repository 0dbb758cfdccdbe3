/**
 * Ends the processes that a command started, and all that these started: when the command asks, when one of them has ended,
 * and when the command is gone, however it ended. The command forks it (evals/shared/interruption.ts) and tells it
 * { keep: pid, mark }, { forget: pid, mark } of one that has ended, and { end: pid }. A mark is in the environment of all
 * that comes from a process: by it what has lost its parent is found, on Linux.
 * It leads a session of its own, so that what is sent to the command's group does not reach it. The signals that end
 * commands are its arguments: CommonJS, and nothing of ours is loaded, so that it listens before its first message can come.
 * A module that loads others would miss the end of a command that is gone by then.
 */
const { execFileSync, spawnSync } = require('node:child_process');
const { readdirSync, readFileSync } = require('node:fs');

const kept = new Map();

process.on('message', ({ keep, forget, end, mark }) => {
  if (keep) kept.set(keep, mark);
  if (forget) kept.delete(forget);
  if (forget) endMarked(mark);
  if (end) endTree(end); // and its marked ones once it is forgotten
});
// what ends all processes of a job ends the command, and that ends this one
for (const signal of process.argv.slice(2)) process.on(signal, () => {});
process.on('disconnect', () => {
  for (const [pid, mark] of kept) {
    endTree(pid);
    endMarked(mark);
  }
});

/** What is ended is there for a moment yet, and what was not looked at may have started others. */
const MOST_ROUNDS = 20;
/** A process that has just been started has no environment for a moment: it is looked for again. */
const LATER_MS = [100, 1000];

/** Ends what carries a mark, or one that begins with it. */
function endMarked(mark) {
  if (process.platform !== 'linux') return;
  endMarkedNow(mark);
  for (const ms of LATER_MS) setTimeout(() => endMarkedNow(mark), ms);
}

function endMarkedNow(mark) {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const marked = allPids().filter((pid) => isMarked(pid, mark));
    if (marked.length === 0) return;
    marked.forEach(endTree);
  }
}

function isMarked(pid, mark) {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`)}`.includes(`\0ATTNSCALE_STARTED_BY=${mark}`);
  } catch {
    return false; // it has ended, or is another user's
  }
}

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
  return allPids().map((pid) => [pid, parentOf(pid)]);
}

const allPids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8'); // 1234 (any name) S 1233 …
    return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]);
  } catch {
    return null; // it has ended meanwhile
  }
}
