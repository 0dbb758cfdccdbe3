/** Results files as commands read them: what a run has found out so far is in its journal. */
import { existsSync } from 'node:fs';
import { journalOf, parseJournal } from '../../src/bench/run/journal.js';
import { readFileText, readJson } from '../../src/results/json.js';
import { parseCurrent } from '../../src/results/parse.js';
import type { Results } from '../../src/results/schema.js';

/**
 * The JSON of a results file; where there is none, what the journal of one holds whose run has not ended.
 * @param where names the file's flag in errors
 * @throws UserError naming flag, file and what is wrong with it
 */
export function readResultsJson(path: string, where: string): unknown {
  return existsSync(path) || !existsSync(journalOf(path)) ? readJson(path, where) : readJournal(path, where);
}

/** What a run goes on from. A journal is newer than the file that it stands beside. @throws UserError as above */
export function readUnfinished(path: string, where: string): Results {
  return existsSync(journalOf(path))
    ? readJournal(path, where)
    : parseCurrent(readJson(path, where), `${where}: ${path}`);
}

function readJournal(path: string, where: string): Results {
  const journal = journalOf(path);
  return parseJournal(readFileText(journal, where), `${where}: ${journal}`);
}
