/** A folder for files that a command needs only while it runs. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../src/temporary_folder.js';

export interface TemporaryFolder extends Disposable {
  /** The path of a file in it; the first makes the folder. @throws UserError naming TMPDIR */
  file(name: string): string;
}

/** Nothing is made before it is needed: two stored files are compared without. Disposing of it removes the folder. */
export function openTemporaryFolder(): TemporaryFolder {
  let folder: string | null = null;
  return {
    file(name) {
      folder ??= makeTemporaryFolder('attnscale-');
      return join(folder, name);
    },
    [Symbol.dispose]() {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
    },
  };
}
