/** `check-laws`: does a model of one's own obey what every model must? */
import { Option } from 'commander';
import { check } from '../src/errors.js';
import type { LawFlags } from './check_laws/flags.js';
import { createCommand, positiveNumber, runCommand, type Streams } from './shared/command_line.js';

const EXAMPLES = `
Exit code: 0 all laws hold, 1 one does not, 2 bad usage, or a file that cannot be loaded.

  check-laws --new my_model.js      a model to start from, which obeys them
  check-laws my_model.js
  compare-models --model my_model.js

What such a file exports: docs/own_models.md.`;

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = createCommand('check-laws', 'Hold a model of your own against the laws of all models.', streams)
    .argument('[file]', 'a module that exports a mixer, or a whole model')
    .addOption(new Option('--new <file>', 'write a model to start from, instead'))
    .addOption(
      new Option('--timeout <s>', 'seconds that a law may take').default(60).argParser(positiveNumber('--timeout')),
    )
    .addHelpText('after', EXAMPLES);
  return runCommand<LawFlags>(command, argv, streams, async (flags, [file], safe) => {
    check((file === undefined) !== (flags.new === undefined), 'check-laws: needs a file, or --new and a file');
    const { checkLaws, writeTemplate } = await import('./check_laws/run.js');
    return flags.new === undefined ? checkLaws(file ?? '', flags, safe) : writeTemplate(flags.new, safe);
  });
}
