/** Files that commands write: found to be writable before any work is done. */

import {
  accessSync,
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { EXIT } from '#scripts/ending.mjs';
import { journalOf } from '../../src/bench/run/journal.js';
import { check, messageOf } from '../../src/errors.js';
import { writeFileDurably } from '../../src/write_file.js';
import type { Streams } from './command_line.js';

/** The file that --output names: in the folder unless it is a path. @throws UserError when it names no file */
export function outputFile(folder: string, output: string): string {
  check(!/(^|[\\/])\.{0,2}$/.test(output), `--output: must be the name of a file, got ${output || "''"}`);
  return basename(output) === output ? resolve(folder, output) : resolve(output);
}

/** What decides where an output is, for errors: flags, or a variable. */
interface Source {
  readonly file: string;
  readonly folder: string;
}

/**
 * Makes the folder of a file and makes sure that the file can be written. Every command asks for all its files first.
 * @throws UserError naming the flag
 */
export function prepareOutput(file: string, source: Source = { file: '--output', folder: '--output_dir' }): void {
  const folder = dirname(file);
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    check(false, `${source.folder}: must be a folder that can be written, got ${folder} (${messageOf(error)})`);
  }
  checkReplaceable(file, source.file);
}

/** Of what is there already: nothing but a file of ours to write is ever replaced. */
function checkReplaceable(file: string, flag: string): void {
  let isFile = true;
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    isFile = found?.isFile() ?? true;
    if (found && isFile) for (const path of [file, dirname(realpathSync(file))]) accessSync(path, constants.W_OK);
  } catch (error) {
    check(false, `${flag}: must be a file that can be written, got ${file} (${messageOf(error)})`);
  }
  check(isFile, `${flag}: must be a file, got ${file}`);
}

/** Makes sure that text can be added to a file that others write too: it may be a pipe or a device. @throws UserError */
export function prepareAppending(file: string, source: string): void {
  let isFolder = false;
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    isFolder = found?.isDirectory() === true;
    accessSync(found ? file : dirname(file), constants.W_OK);
  } catch (error) {
    check(false, `${source}: must be a file that can be written, got ${file} (${messageOf(error)})`);
  }
  check(!isFolder, `${source}: must be a file, got ${file}`);
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

/** Writes what a command found. An output that cannot be written is said, and the others are written all the same. */
export interface OutputWriter {
  /** Writes a file whole or not at all. */
  write(file: string, content: string | Uint8Array): void;
  append(file: string, text: string): void;
  /** What could not be written hides no verdict and lets none pass: 2 instead of 0, any other as it is. */
  exitCode(verdict: number): number;
}

export function createOutputWriter({ stderr }: Streams): OutputWriter {
  let lost = false;
  const attempt = (file: string, write: () => void): void => {
    try {
      write();
      stderr.write(`wrote ${file}\n`);
    } catch (error) {
      lost = true;
      stderr.write(`error: cannot write ${file} (${messageOf(error)})\n`);
    }
  };
  return {
    write: (file, content) => attempt(file, () => writeFileDurably(file, content)),
    append: (file, text) => attempt(file, () => appendFileSync(file, text)),
    exitCode: (verdict) => (lost && verdict === EXIT.ok ? EXIT.usage : verdict),
  };
}

/**
 * Writes a file without losing an older one of that name: it is renamed first, with the journal of a run that did not
 * end, and back again where the new one cannot be written.
 * @returns what the older one is called now; null without one
 */
export function keepOlder(file: string, write: () => void): string | null {
  const kept = freeName(file);
  const moves = [
    { from: file, to: kept },
    { from: journalOf(file), to: journalOf(kept) },
  ].filter(({ from }) => existsSync(from));
  for (const { from, to } of moves) renameSync(from, to);
  try {
    write();
  } catch (error) {
    for (const { from, to } of moves) renameSync(to, from);
    throw error;
  }
  return moves[0]?.to ?? null;
}

/** a.previous.json, a.previous-2.json, … for a.json: the first that neither a file nor a journal has. */
function freeName(file: string): string {
  for (let count = 1; ; count++) {
    const name = file.replace(/(\.json)?$/, `.previous${count === 1 ? '' : `-${count}`}.json`);
    if (!existsSync(name) && !existsSync(journalOf(name))) return name;
  }
}
