/** The results file of a run: a journal while it goes on, whole once it has ended. */
import { closeSync, fsyncSync, openSync, readFileSync, rmSync } from 'node:fs';
import { journalLine, journalOf, parseJournal } from '../../src/bench/run/journal.js';
import type { Finding } from '../../src/bench/run/ledger.js';
import { messageOf, UserError } from '../../src/errors.js';
import type { Results } from '../../src/results/schema.js';
import { writeAll, writeFileDurably } from '../../src/write_file.js';
import { keepOlder } from '../shared/output.js';

export interface ResultsWriter {
  /** Adds a finding to the journal, which begins with the first cell. @throws UserError when it cannot be written */
  note(finding: Finding, before: () => Results): void;
  /** Writes the whole file; the journal goes. @throws UserError when it cannot be written: the journal stays */
  save(results: Results): void;
  /** Makes the file of the journal of a run that has broken off; where that fails the journal stays. */
  breakOff(): void;
  /** Where the results are, and what became of an older file; null before the first cell. */
  written(): string | null;
}

/** What a cut of the power may lose; a kill loses nothing. */
const SYNC_MS = 1000;

/**
 * @param replace write over a file of that name, which is gone on with; else it is renamed once there is something new
 * @param now in ms
 */
export function createResultsWriter(file: string, replace: boolean, now: () => number): ResultsWriter {
  const journal = journalOf(file);
  let opened: number | null = null;
  let syncedAt = Number.NEGATIVE_INFINITY;
  let kept: string | null = null;
  let isWritten = false;

  const put = (path: string, content: string): void => {
    const write = (): void => writeFileDurably(path, content);
    if (replace || isWritten) write();
    else kept = keepOlder(file, write);
    isWritten = true;
  };
  const open = (before: Results): number => {
    put(journal, journalLine(before));
    return openSync(journal, 'a');
  };
  const append = (finding: Finding, before: () => Results): void => {
    opened ??= open(before());
    writeAll(opened, Buffer.from(journalLine(finding)));
    if (now() - syncedAt < SYNC_MS) return;
    fsyncSync(opened);
    syncedAt = now();
  };
  const finish = (results: Results): void => {
    put(file, `${JSON.stringify(results, null, 1)}\n`);
    rmSync(journal, { force: true });
    close();
  };
  const close = (): void => {
    if (opened !== null) closeSync(opened);
    opened = null;
  };
  const orSay = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      const rest = isWritten ? `; what was measured is in ${journal}: make room, then --resume ${file} goes on` : '';
      throw new UserError(`--output: cannot write ${file} (${messageOf(error)})${rest}`);
    }
  };
  return {
    note(finding, before) {
      const isFirst = finding.type === 'measured' || finding.type === 'failed';
      if (opened !== null || isFirst) orSay(() => append(finding, before));
    },
    save: (results) => orSay(() => finish(results)),
    breakOff() {
      if (opened === null) return;
      try {
        finish(parseJournal(readFileSync(journal, 'utf8'), journal));
      } catch {
        close(); // the disk is full: --resume reads the journal
      }
    },
    written: () => (isWritten ? `${file}${kept === null ? '' : ` (the older one is kept as ${kept})`}` : null),
  };
}
