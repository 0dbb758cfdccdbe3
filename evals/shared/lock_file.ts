/** A file that says who writes another one, so that no two runs do. */
import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAlive } from '#scripts/alive.mjs';
import { readText } from '../../src/bench/run/environment.js';
import { check, messageOf, UserError } from '../../src/errors.js';
import { writeAll } from '../../src/write_file.js';

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When it started, in ticks of its system, since pids are given again; null where the system does not tell. */
  readonly started: string | null;
}

/**
 * Keeps other runs from writing `file`, by FILE.lock, until it is disposed of. A dead owner's lock is taken.
 * @throws UserError naming the owner that lives, or that cannot be looked for here, and the remedy
 */
export function lockFile(file: string): Disposable {
  const lock = `${file}.lock`;
  const own = JSON.stringify({ host: hostname(), pid: process.pid, started: startOf(process.pid) } satisfies Owner);
  while (!create(lock, own, file)) {
    const found = textOf(lock);
    if (found === null) continue; // released meanwhile
    const owner = ownerIn(found);
    check(
      owner !== null && isDead(owner),
      `--output: ${file} is being written by ${nameOf(owner)}; ${remedy(lock, owner)}`,
    );
    takeAway(lock, found);
  }
  return {
    [Symbol.dispose]() {
      if (textOf(lock) === own) rmSync(lock, { force: true });
    },
  };
}

function create(lock: string, text: string, file: string): boolean {
  let opened: number | null = null;
  try {
    opened = openSync(lock, 'wx');
    writeAll(opened, Buffer.from(text));
    return true;
  } catch (error) {
    if (opened !== null) rmSync(lock, { force: true });
    else if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new UserError(`--output: cannot lock ${file} (${messageOf(error)})`);
  } finally {
    if (opened !== null) closeSync(opened);
  }
}

/** Of several that find the same dead owner, one moves its lock; a lock that another has just made is put back. */
function takeAway(lock: string, found: string): void {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return; // another was faster
  }
  if (textOf(aside) === found) rmSync(aside, { force: true });
  else renameSync(aside, lock);
}

function textOf(lock: string): string | null {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return null;
  }
}

/** Null where the text is none of ours. */
function ownerIn(text: string): Owner | null {
  try {
    const { host, pid, started } = JSON.parse(text);
    return typeof host === 'string' && Number.isSafeInteger(pid) && pid > 0 ? { host, pid, started } : null;
  } catch {
    return null;
  }
}

const isDead = ({ host, pid, started }: Owner): boolean =>
  host === hostname() && (!isAlive(pid) || startOf(pid) !== started);

/** Field 22 of /proc/PID/stat; the name before it may hold anything but ends at the last parenthesis. */
const startOf = (pid: number): string | null =>
  readText(`/proc/${pid}/stat`)?.split(')').at(-1)?.trim().split(' ')[19] ?? null;

function nameOf(owner: Owner | null): string {
  if (owner === null) return 'another run';
  const elsewhere = owner.host === hostname() ? '' : ` of ${owner.host.replaceAll(/[^\w.-]/g, '?')}`;
  return `another run, process ${owner.pid}${elsewhere}`;
}

const remedy = (lock: string, owner: Owner | null): string =>
  owner?.host === hostname()
    ? 'give another name, or wait for its end'
    : `give another name, or remove ${lock} if that run is over`;
