/** What check-parity does once its flags are read. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT } from '#scripts/ending.mjs';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { createModes } from '../../src/bench/measure/modes.js';
import { checkParity, PARITY_TOLERANCE, type Parity, passes, type Worst } from '../../src/bench/measure/parity.js';
import { check, messageOf } from '../../src/errors.js';
import { createModel, ownOptions } from '../../src/models/registry.js';
import type { Table } from '../../src/report/table.js';
import { toTerminal } from '../../src/report/terminal.js';
import { initBackend } from '../../src/tf.js';
import type { Streams } from '../shared/command_line.js';
import type { ParityFlags } from './flags.js';

type Row = { readonly file: string; readonly model: string; readonly tokens: number; readonly parity: Parity };

const EXTENSION = '.safetensors';

/** @returns the exit code; a file that cannot be read is named, and the others are checked all the same */
export async function checkFolder(folder: string, flags: ParityFlags, { stdout, stderr }: Streams): Promise<number> {
  const files = await goldenFiles(folder);
  const { backend, fallbackReason } = await initBackend(flags.backend);
  if (fallbackReason !== null)
    stderr.write(`--backend: wasm is used, tensorflow cannot be loaded: ${fallbackReason}\n`);
  const isNative = backend === 'tensorflow';
  check(flags.mode === 'eager' || isNative, '--mode: compiled needs the tensorflow backend, got wasm; use eager');
  const rows: Row[] = [];
  for (const file of files) {
    try {
      rows.push({ file, ...(await checkFile(folder, file, flags)) });
    } catch (error) {
      const message = messageOf(error);
      stderr.write(`${message.startsWith(file) ? message : `${file}: ${message}`}\n`);
    }
  }
  if (rows.length > 0) stdout.write(`${toTerminal([tableOf(rows, flags, backend)], (text) => text, stdout.columns)}\n`);
  if (rows.length < files.length) return EXIT.usage;
  return rows.every(({ parity }) => passes(parity)) ? EXIT.ok : EXIT.failed;
}

/** Names of the golden files, in order. @throws UserError when there are none */
async function goldenFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    check(false, `${folder}: must be a readable folder, got ${messageOf(error)}`);
  });
  const files = names.filter((name) => name.endsWith(EXTENSION)).sort();
  check(files.length > 0, `${folder}: must hold ${EXTENSION} files, got none among ${names.length} files`);
  return files;
}

async function checkFile(folder: string, file: string, { mode }: ParityFlags): Promise<Omit<Row, 'file'>> {
  const path = join(folder, file);
  check((await stat(path)).isFile(), `${file}: must be a regular file`);
  const fixture = parseFixture(await readFile(path), file);
  const modes = createModes();
  const { model: name, shape, options } = fixture;
  const model = await createModel(name, shape, ownOptions(name, options), modes.runners[mode]);
  const parity = await checkParity(model, fixture);
  modes.dispose();
  return { model: model.name, tokens: fixture.tokens, parity };
}

function tableOf(rows: readonly Row[], { mode }: ParityFlags, backend: string): Table {
  const cells = ({ ratio, position }: Worst): string[] => [ratio.toExponential(1), String(position)];
  return {
    title: `Golden files on ${backend}, ${mode}: rms(got − expected) / rms(expected), at most ${PARITY_TOLERANCE}`,
    columns: ['File', 'Model', 'Prefill', 'at position', 'Steps', 'at position', ''],
    rows: rows.map(({ file, model, tokens, parity }) => {
      const steps = tokens > 1 ? cells(parity.steps) : ['–', '–']; // one token leaves none to step
      return [file, model, ...cells(parity.prefill), ...steps, passes(parity) ? 'ok' : 'FAIL'];
    }),
    notes: ['The largest ratio of each path, and the position (from 0) where it is.'],
  };
}
