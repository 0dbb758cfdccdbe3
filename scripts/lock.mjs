/** A lock file that survives the death of its holder. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './alive.mjs';

const BEAT_MS = 2_000;
const SILENCE_MS = 60_000;

/** Lock files that this process holds, with the text that proves it. */
const held = new Map();

/**
 * Runs `task` while this process alone holds `file`.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} task
 * @param {() => void} onWait called once when another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(file, task, onWait = () => {}) {
  const token = `${hostname()} ${process.pid} ${randomUUID()}`;
  mkdirSync(dirname(file), { recursive: true });
  await acquire(file, token, onWait);
  held.set(file, token);
  const release = () => owns(file, token) && rmSync(file, { force: true });
  const beat = setInterval(() => owns(file, token) && utimesSync(file, new Date(), new Date()), BEAT_MS);
  process.once('exit', release);
  try {
    return await task();
  } finally {
    clearInterval(beat);
    process.off('exit', release);
    held.delete(file);
    release();
  }
}

/** Keeps every lock of this process held while the process `pid` lives, for the case that this one is killed before. */
export function shareLocks(pid) {
  for (const [file, token] of held) if (owns(file, token)) appendFileSync(file, ` ${pid}`);
}

async function acquire(file, token, onWait) {
  let waited = false;
  while (true) {
    if (!isHeld(file)) rmSync(file, { force: true });
    if (create(file, token)) {
      // Two waiters may both find a dead holder, and the slower one then removes the lock of the faster.
      await sleep(50);
      if (owns(file, token)) return;
    }
    if (!waited && isHeld(file)) {
      waited = true;
      onWait();
    }
    await sleep(200);
  }
}

function create(file, token) {
  try {
    writeFileSync(file, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const owns = (file, token) => textOf(file).startsWith(token);

/** A lock counts while its file is touched and, on this machine, one of its processes lives. */
function isHeld(file) {
  const [host, holder, , ...children] = textOf(file).split(' ');
  const touched = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (touched === undefined || Date.now() - touched > SILENCE_MS) return false;
  return host !== hostname() || [holder, ...children].map(Number).some(isAlive);
}
