/** Files that are whole or not there: no full disk, no kill and no cut of the power leaves half of one. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isAlive } from '#scripts/alive.mjs';

/** Temporary files lie beside the target, since no rename leaves its file system, and tell their writer. */
const PREFIX = `.attnscale-${hostname().replaceAll(/[^\w-]/g, '_')}-`;
const TEMPORARY = new RegExp(`^${PREFIX}(\\d+)\\.tmp$`);

/**
 * Writes a file whole or not at all: on the disk when it returns; on an error an older file is as it was. It keeps the
 * mode and the owner of an older file, and follows a symbolic link. What killed writers left beside it is removed.
 * @throws Error of the file system, or where `path` is there and no file
 */
export function writeFileDurably(path: string, content: string | Uint8Array): void {
  const older = statSync(path, { throwIfNoEntry: false });
  if (older?.isFile() === false) throw new Error(`${path} is not a file`);
  const target = older ? realpathSync(path) : endOfLink(path);
  const folder = dirname(target);
  removeAbandoned(folder);
  const temporary = join(folder, `${PREFIX}${process.pid}.tmp`);
  try {
    writeNew(temporary, typeof content === 'string' ? Buffer.from(content) : content, older);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/** Where a chain of links that ends at no file leads; the path itself where it is no link. */
function endOfLink(path: string): string {
  let link: string;
  try {
    link = readlinkSync(path);
  } catch {
    return path;
  }
  return endOfLink(resolve(realpathSync(dirname(path)), link));
}

function writeNew(path: string, bytes: Uint8Array, older: Stats | undefined): void {
  const file = openSync(path, 'wx');
  try {
    writeAll(file, bytes);
    if (older) takeAfter(file, older);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes all bytes at the end of an open file. A full disk takes a part of them first, and says so at the rest. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    const taken = writeSync(file, bytes, written);
    if (taken === 0) throw new Error(`only ${written} of ${bytes.length} bytes could be written`);
    written += taken;
  }
}

function takeAfter(file: number, { mode, uid, gid }: Stats): void {
  try {
    fchownSync(file, uid, gid);
  } catch {
    // only root may give a file away
  }
  fchmodSync(file, mode & 0o7777);
}

/** What systems answer that cannot sync a folder; there the rename reaches the disk when they see fit. */
const CANNOT_SYNC = ['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'];

/** Brings the names of a folder to the disk. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    if (!CANNOT_SYNC.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Removes the temporary files of dead writers of this machine; one of our own pid is of an earlier process. */
function removeAbandoned(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      const pid = Number(TEMPORARY.exec(name)?.[1] ?? Number.NaN);
      if (pid === process.pid || (pid > 0 && !isAlive(pid))) rmSync(join(folder, name), { force: true });
    }
  } catch {
    // a folder that cannot be read, or another user's file: no reason not to write
  }
}
