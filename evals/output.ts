/** Files that commands write: found to be writable before any work is done. */
import { accessSync, constants, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { check, messageOf } from '../src/errors.js';

/** The file that --output names: in the folder unless it is a path. @throws UserError when it names no file */
export function outputFile(folder: string, output: string): string {
  check(!/(^|[\\/])\.{0,2}$/.test(output), `--output: must be the name of a file, got ${output || "''"}`);
  return basename(output) === output ? resolve(folder, output) : resolve(output);
}

/**
 * Makes the folder of a file and makes sure that the file can be written.
 * @throws UserError naming --output_dir or --output
 */
export function prepareOutput(file: string): void {
  const folder = dirname(file);
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    check(false, `--output_dir: must be a folder that can be written, got ${folder} (${messageOf(error)})`);
  }
  check(!existsSync(file) || statSync(file).isFile(), `--output: must be a file, got ${file}`);
}

/** Not mkdir's `recursive`: that never returns where the system refuses, as in /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) {
    check(statSync(folder).isDirectory(), 'it is not a folder');
    return;
  }
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

/** Renames an older file of that name instead of letting it be written over. @returns its new name, null without one */
export function keepOlder(file: string): string | null {
  if (!existsSync(file)) return null;
  const kept = file.replace(/(\.json)?$/, '.previous.json');
  renameSync(file, kept);
  return kept;
}
