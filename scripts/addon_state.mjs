/** What may be said of a linked addon without loading it. The set-up and the program ask the same. */
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { cutFile, isUnchanged, recordOf } from './record.mjs';
import { trustProblem } from './trust.mjs';

/** Beside every addon that was proved. */
export const READY = 'ready.json';

/**
 * Why an addon must not be loaded, or null. One that the set-up did not make has no record, and its files are not
 * compared with anything.
 * @param {string} link to the addon, or the addon itself
 */
export function addonProblem(link) {
  let path = link;
  try {
    path = realpathSync(link);
    const record = join(dirname(path), READY);
    const hasRecord = existsSync(record);
    for (path of [path, ...(hasRecord ? [record, ...filesOf(record)] : [])]) {
      accessSync(path, constants.R_OK);
      const problem = trustProblem(realpathSync(path));
      if (problem !== null) return problem;
    }
    if (!hasRecord) return null;
    const cut = cutFile(record);
    if (cut !== null) return `${cut} is not whole`;
    return isUnchanged(record) ? null : `${dirname(record)} has changed since it was checked`;
  } catch (error) {
    return error.code === 'ENOENT' ? `${path} is not whole` : `${path} cannot be read (${error.code ?? error.message})`;
  }
}

const filesOf = (record) => Object.keys(recordOf(record)?.files ?? {}).map((name) => resolve(dirname(record), name));
