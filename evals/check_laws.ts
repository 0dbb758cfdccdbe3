/** `check-laws`: does a model of one's own obey what every model must? */
import { Option } from 'commander';
import { check } from '../src/errors.js';
import type { LawFlags } from './check_laws/flags.js';
import { createCommand, positiveNumber, runCommand, type Streams } from './shared/command_line.js';
import { engineOptions, usableEngine } from './shared/engines/engine_option.js';

const EXAMPLES = `
Exit code: 0 all laws hold, 1 one does not, 2 bad usage, or a file that cannot be loaded.

  check-laws --new my_model.js      a model to start from, which obeys them
  check-laws my_model.js
  check-laws my_model.js --engine onnx
  compare-models --model my_model.js

What such a file exports: docs/own_models.md.`;

/** Engines whose states nobody sees. */
const IN_A_PAGE = ['browser'];

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = createCommand('check-laws', 'Hold a model of your own against the laws of all models.', streams)
    .argument('[file]', 'a module that exports a mixer, or a whole model')
    .addOption(new Option('--new <file>', 'write a model to start from, instead'))
    .addOption(
      new Option('--timeout <s>', 'seconds that a law may take').default(60).argParser(positiveNumber('--timeout')),
    )
    .addHelpText('after', EXAMPLES);
  for (const option of engineOptions('wasm', IN_A_PAGE)) command.addOption(option);
  return runCommand<LawFlags>(command, argv, streams, async (flags, [file], safe) => {
    const { engine = 'wasm', device } = flags;
    check((file === undefined) !== (flags.new === undefined), 'check-laws: needs a file, or --new and a file');
    const { checkLaws, writeTemplate } = await import('./check_laws/run.js');
    if (flags.new !== undefined) return writeTemplate(flags.new, safe);
    check(!IN_A_PAGE.includes(engine), `--engine: must run models where laws can ask for their states, got ${engine}`);
    return checkLaws(file ?? '', usableEngine(engine, device), flags, safe);
  });
}
