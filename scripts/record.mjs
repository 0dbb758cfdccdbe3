/** Records of file sizes, beside the files they describe. */
import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';

/** True when all files of a record beside them have the sizes noted: a cut library kills the process that loads it. */
export function isWhole(record) {
  const files = recordOf(record)?.files;
  const same = ([path, bytes]) => statSync(resolve(dirname(record), path), { throwIfNoEntry: false })?.size === bytes;
  return files !== undefined && Object.entries(files).every(same);
}

/** A record's content, or null where there is none that can be read. */
export function recordOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Notes the sizes of `paths` in `file`, together with `more`. */
export function writeRecord(file, paths, more = {}) {
  const files = Object.fromEntries(paths.map((path) => [nameFrom(dirname(file), path), statSync(path).size]));
  return writeFile(file, JSON.stringify({ ...more, files }));
}

/** Relative to near files, so that the cache can be moved as a whole. */
function nameFrom(folder, path) {
  const near = relative(folder, path);
  return near.startsWith('../../') ? path : near;
}
