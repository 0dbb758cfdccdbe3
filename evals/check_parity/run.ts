/** What check-parity does once its flags are read. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT } from '#scripts/ending.mjs';
import { openPlace } from '../../src/bench/measure/answers.js';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import type { Place } from '../../src/bench/measure/holding.js';
import { PARITY_TOLERANCE, type Parity, parityOf, passes, type Worst } from '../../src/bench/measure/parity.js';
import { findOwnEngine } from '../../src/engines/registry.js';
import { check, messageOf } from '../../src/errors.js';
import { createModel, ownOptions } from '../../src/models/registry.js';
import type { Table } from '../../src/report/table.js';
import { toTerminal } from '../../src/report/terminal.js';
import { askedBefore, enginesBefore } from '../compare_models/engines.js';
import type { Streams } from '../shared/command_line.js';
import { usableEngine } from '../shared/engines/engine_option.js';
import { addOwnModels } from '../shared/engines/own_models.js';
import { placeHost } from '../shared/engines/place_host.js';
import type { ParityFlags } from './flags.js';

type Row = { readonly file: string; readonly model: string; readonly tokens: number; readonly parity: Parity };

const EXTENSION = '.safetensors';

/** @returns the exit code; a file that cannot be read is named, and the others are checked all the same */
export async function checkFolder(folder: string, flags: ParityFlags, { stdout, stderr }: Streams): Promise<number> {
  const { engine, note } = askedEngine(flags);
  if (note !== null) stderr.write(`${note}\n`);
  const own = usableEngine(engine, flags.device);
  await addOwnModels(flags.model);
  const files = await goldenFiles(folder);
  const place = await openPlace({ ...own, device: flags.device }, placeHost, 1, true);
  const rows: Row[] = [];
  try {
    for (const file of files) {
      try {
        rows.push({ file, ...(await checkFile(folder, file, place)) });
      } catch (error) {
        const message = messageOf(error);
        stderr.write(`${message.startsWith(file) ? message : `${file}: ${message}`}\n`);
      }
    }
  } finally {
    await place.close();
  }
  if (rows.length > 0) stdout.write(`${toTerminal([tableOf(rows, engine)], (text) => text, stdout.columns)}\n`);
  if (rows.length < files.length) return EXIT.usage;
  return rows.every(({ parity }) => passes(parity)) ? EXIT.ok : EXIT.failed;
}

/** Kernel by kernel where no engine is named: such small models take less time than a graph for every prefix. */
function askedEngine({ engine, backend, mode }: ParityFlags): {
  readonly engine: string;
  readonly note: string | null;
} {
  const before = askedBefore({ backend, mode }, { flag: '--engine', value: engine, mode: 'eager' });
  if (before !== null) return { engine: before.words[0] ?? '', note: before.note };
  if (engine !== undefined) return { engine, note: null };
  const [found = ''] = enginesBefore('auto', 'eager');
  const problem = findOwnEngine('tensorflow-eager', '--engine').problem();
  return {
    engine: found,
    note: problem && `--engine: ${found} is used, tensorflow-eager cannot be loaded: ${problem}`,
  };
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

async function checkFile(folder: string, file: string, place: Place): Promise<Omit<Row, 'file'>> {
  const path = join(folder, file);
  check((await stat(path)).isFile(), `${file}: must be a regular file`);
  const fixture = parseFixture(await readFile(path), file);
  const { model, shape, options, weights, tokens } = fixture;
  const create = (way: Parameters<typeof createModel>[3]) => createModel(model, shape, ownOptions(model, options), way);
  const { walker, dispose } = await place.prepare(create, weights);
  try {
    return { model: walker.name, tokens, parity: await parityOf(walker, fixture) };
  } finally {
    dispose();
  }
}

function tableOf(rows: readonly Row[], engine: string): Table {
  const cells = ({ ratio, position }: Worst): string[] => [ratio.toExponential(1), String(position)];
  return {
    title: `Golden files on ${engine}: rms(got − expected) / rms(expected), at most ${PARITY_TOLERANCE}`,
    columns: ['File', 'Model', 'Prefill', 'at position', 'Steps', 'at position', ''],
    rows: rows.map(({ file, model, tokens, parity }) => {
      const steps = tokens > 1 ? cells(parity.steps) : ['–', '–']; // one token leaves none to step
      return [file, model, ...cells(parity.prefill), ...steps, passes(parity) ? 'ok' : 'FAIL'];
    }),
    notes: ['The largest ratio of each path, and the position (from 0) where it is.'],
  };
}
