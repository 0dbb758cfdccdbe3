/** check-parity DIR: does every golden file in a folder pass, on both paths? */
import { Command, CommanderError, Option } from 'commander';
import type { Parity, Worst } from '../src/bench/parity.js';
import { messageOf, UserError } from '../src/errors.js';
import type { BackendName } from '../src/tf.js';

interface Options {
  readonly backend: BackendName | 'auto';
}

type Row = { readonly file: string; readonly model: string; readonly tokens: number; readonly parity: Parity };

const EXIT = { pass: 0, fail: 1, unreadable: 2 } as const;
const EXTENSION = '.safetensors';

/**
 * @param argv arguments after the command's name
 * @returns exit code: 0 all pass, 1 a file fails, 2 bad usage or an unreadable or empty folder or file
 */
export async function main(argv: readonly string[]): Promise<number> {
  const command = new Command('check-parity')
    .description('Checks models against golden files: prefill of every prefix, and prefill followed by steps.')
    .argument('<dir>', `folder of ${EXTENSION} files`)
    .addOption(new Option('--backend <name>', 'where to run').choices(['auto', 'tensorflow', 'wasm']).default('auto'))
    .addOption(new Option('--mode <mode>', 'how to run').choices(['eager']).default('eager'))
    .exitOverride();
  try {
    command.parse(argv, { from: 'user' });
    return await checkFolder(command.args[0] as string, command.opts<Options>());
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.pass : EXIT.unreadable;
    if (!(error instanceof UserError)) throw error;
    console.error(error.message);
    return EXIT.unreadable;
  }
}

async function checkFolder(folder: string, { backend }: Options): Promise<number> {
  const files = await goldenFiles(folder);
  const { initBackend } = await import('../src/tf.js');
  const { fallbackReason } = await initBackend(backend);
  if (fallbackReason !== null)
    console.error(`--backend: wasm is used, tensorflow cannot be loaded (${fallbackReason})`);
  const rows: Row[] = [];
  for (const file of files) {
    try {
      rows.push({ file, ...(await checkFile(folder, file)) });
    } catch (error) {
      const message = messageOf(error);
      console.error(message.startsWith(file) ? message : `${file}: ${message}`);
    }
  }
  const { passes } = await import('../src/bench/parity.js');
  if (rows.length > 0) console.log(await tableOf(rows, passes));
  if (rows.length < files.length) return EXIT.unreadable;
  return rows.every(({ parity }) => passes(parity)) ? EXIT.pass : EXIT.fail;
}

/** Names of the golden files, in order. @throws UserError when there are none */
async function goldenFiles(folder: string): Promise<string[]> {
  const { readdir } = await import('node:fs/promises');
  const names = await readdir(folder).catch((error: unknown) => {
    throw new UserError(`${folder}: must be a readable folder, got ${messageOf(error)}`);
  });
  const files = names.filter((name) => name.endsWith(EXTENSION)).sort();
  if (files.length === 0)
    throw new UserError(`${folder}: must hold ${EXTENSION} files, got none among ${names.length} files`);
  return files;
}

async function checkFile(folder: string, file: string): Promise<Omit<Row, 'file'>> {
  const { readFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const { checkParity } = await import('../src/bench/parity.js');
  const { parseFixture } = await import('../src/models/fixture.js');
  const { createModel } = await import('../src/models/registry.js');
  const fixture = parseFixture(await readFile(join(folder, file)), file);
  const model = await createModel(fixture.model, fixture.config);
  return { model: model.name, tokens: fixture.tokens, parity: checkParity(model, fixture) };
}

async function tableOf(rows: readonly Row[], passes: (parity: Parity) => boolean): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: ['file', 'model', 'prefill', 'position', 'steps', 'position', ''],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'left'],
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  const cells = ({ ratio, position }: Worst): string[] => [ratio.toExponential(1), String(position)];
  for (const { file, model, tokens, parity } of rows) {
    const steps = tokens > 1 ? cells(parity.steps) : ['-', '-']; // one token leaves none to step
    table.push([file, model, ...cells(parity.prefill), ...steps, passes(parity) ? 'ok' : 'FAIL']);
  }
  return table.toString();
}

const NO_BORDERS = Object.fromEntries([
  ['middle', ''],
  ...['top', 'mid', 'bottom', 'left', 'right'].flatMap((side) =>
    ['', '-left', '-mid', '-right'].map((part) => [side + part, '']),
  ),
]);
