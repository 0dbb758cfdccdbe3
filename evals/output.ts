/** Files that commands write: found to be writable before any work is done. */
import { accessSync, constants, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { check, messageOf } from '../src/errors.js';

/**
 * Makes the folder of a file and makes sure that the file can be written.
 * @param keep an older file of that name is renamed to NAME.previous.json instead of being written over
 * @throws UserError naming --output_dir or --output
 */
export function prepareOutput(file: string, keep: boolean): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    check(false, `--output_dir: cannot write to ${dirname(file)} (${messageOf(error)})`);
  }
  if (!existsSync(file)) return;
  check(!statSync(file).isDirectory(), `--output: must be a file, got the folder ${file}`);
  if (keep) renameSync(file, file.replace(/(\.json)?$/, '.previous.json'));
}
