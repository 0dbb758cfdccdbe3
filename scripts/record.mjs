/** Records of files, beside the files they describe: their sizes, their hashes, and when they were last compared. */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** The first file of a record that has not the size noted: a cut library kills the process that loads it. Else null. */
export function cutFile(record) {
  return firstFile(record, (path, { files }, name) => statSync(path, { throwIfNoEntry: false })?.size !== files[name]);
}

/** True when all files have their sizes, and nothing has touched them since their hashes were compared. */
export function isUnchanged(record) {
  if (cutFile(record) !== null) return false;
  return firstFile(record, (path, { stamps }, name) => stampOf(path) !== stamps?.[name]) === null;
}

/**
 * True when all files are those that were noted: by their hashes, which are compared once a change. A record of an older
 * version has sizes alone: the hashes are then noted.
 */
export async function isProved(record) {
  if (cutFile(record) !== null) return false;
  if (isUnchanged(record)) return true;
  const { sha256: noted, ...rest } = recordOf(record);
  const sha256 = {};
  for (const name of Object.keys(rest.files)) {
    sha256[name] = await hashOf(resolve(dirname(record), name));
    if (noted && sha256[name] !== noted[name]) return false;
  }
  await writeFile(record, JSON.stringify({ ...rest, sha256, stamps: eachFile(record, rest.files, stampOf) }));
  return true;
}

/** A record's content, or null where there is none that can be read. */
export function recordOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Notes `paths` in `file`, together with `more`. */
export async function writeRecord(file, paths, more = {}) {
  const files = Object.fromEntries(paths.map((path) => [nameFrom(dirname(file), path), statSync(path).size]));
  const stamps = eachFile(file, files, stampOf);
  const sha256 = {};
  for (const name of Object.keys(files)) sha256[name] = await hashOf(resolve(dirname(file), name));
  await writeFile(file, JSON.stringify({ ...more, files, sha256, stamps }));
}

/** The first file for which `holds`; the record itself where it cannot be read. */
function firstFile(record, holds) {
  const content = recordOf(record);
  if (!content?.files) return record;
  const name = Object.keys(content.files).find((each) => holds(resolve(dirname(record), each), content, each));
  return name === undefined ? null : resolve(dirname(record), name);
}

const eachFile = (record, files, noteOf) =>
  Object.fromEntries(Object.keys(files).map((name) => [name, noteOf(resolve(dirname(record), name))]));

/** Changes with the file: a copy, a replacement and a write all show. */
function stampOf(path) {
  const { mtimeMs, size, ino } = statSync(path);
  return `${mtimeMs} ${size} ${ino}`;
}

async function hashOf(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Relative to near files, so that the cache can be moved as a whole. */
function nameFrom(folder, path) {
  const near = relative(folder, path);
  return near.startsWith('../../') ? path : near;
}
