/** The results file of a run: written again after every cell. */
import { check, messageOf } from '../src/errors.js';
import type { Results } from '../src/results.js';
import { writeFileDurably } from '../src/write_file.js';
import { keepOlder } from './output.js';

export interface ResultsWriter {
  /** @throws UserError when the file cannot be written */
  write(results: Results): void;
  /** Where the results are, and what became of an older file; null before the first was written. */
  written(): string | null;
}

/** @param replace write over a file of that name; else it is renamed once there is something new */
export function createResultsWriter(file: string, replace: boolean): ResultsWriter {
  let written: string | null = null;
  return {
    write(results) {
      try {
        const kept = replace || written !== null ? null : keepOlder(file);
        writeFileDurably(file, `${JSON.stringify(results, null, 1)}\n`);
        written ??= kept === null ? file : `${file} (the older one is kept as ${kept})`;
      } catch (error) {
        check(false, `--output: cannot write ${file} (${messageOf(error)})`);
      }
    },
    written: () => written,
  };
}
