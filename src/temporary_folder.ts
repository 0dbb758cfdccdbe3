/** Folders for files that live a moment. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from './errors.js';

/**
 * Makes a folder of our own, for the caller to remove.
 * @throws UserError naming TMPDIR where none can be made
 */
export function makeTemporaryFolder(prefix: string, parent = tmpdir()): string {
  try {
    return mkdtempSync(join(parent, prefix));
  } catch (error) {
    throw new UserError(`TMPDIR: must name a folder that can be written, got ${parent} (${messageOf(error)})`);
  }
}
