/** The folder of an export: where model.json is, all is there that it names. */
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { check, messageOf } from '../../src/errors.js';
import { writeFileDurably } from '../../src/write_file.js';

const PAGE = 'model.json';
/** What an export may consist of; of an older one these are replaced, all other files stay. */
const OWN_FILES = /^(?:model\.json|prefill\.onnx|step(?:_\d+)?\.onnx|weights\.bin)$/;

/** Makes sure, before any work is done, that the folder is there and can be written. @throws UserError */
export function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    check(false, `--output_dir: must be a folder that can be written, got ${folder} (${messageOf(error)})`);
  }
}

/**
 * Writes an export in the place of an older one, which stays as it is until all of the new one is on the disk. Between the
 * two there is no model.json.
 * @throws UserError when it cannot be written
 */
export function writeExport(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  let fresh: string | null = null;
  try {
    fresh = mkdtempSync(join(folder, '.attnscale-export-'));
    for (const [name, bytes] of files) writeFileDurably(join(fresh, name), bytes);
    for (const name of readdirSync(folder).sort(pageFirst)) if (OWN_FILES.test(name)) rmSync(join(folder, name));
    for (const name of [...files.keys()].sort(pageFirst).reverse()) renameSync(join(fresh, name), join(folder, name));
  } catch (error) {
    check(false, `--output_dir: ${folder} cannot be written (${messageOf(error)})`);
  } finally {
    if (fresh !== null) rmSync(fresh, { recursive: true, force: true });
  }
}

const pageFirst = (a: string, b: string): number => Number(b === PAGE) - Number(a === PAGE);
