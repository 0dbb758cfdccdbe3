/** `check-parity`: does every golden file in a folder pass, on both paths? */
import { Option } from 'commander';
import { MODEL_OPTIONS } from '../src/models/registry.js';
import { MODES, type ParityFlags } from './check_parity/flags.js';
import { BACKENDS } from './compare_models/flags.js';
import { createCommand, oneOf, runCommand, type Streams } from './shared/command_line.js';
import { engineOptions } from './shared/engines/engine_option.js';
import { modelFileOption } from './shared/engines/own_models.js';

const GOLDEN_FILE = `
A golden file is a safetensors file (test/fixtures holds some; more in docs/models.md) with
  __metadata__     {"fixture": TEXT}, TEXT a JSON of {"schema": 1, "model", "config"}; config has vocab_size, hidden_dim,
                   num_layers, num_heads, ff_dim and options of the model (${MODEL_OPTIONS.map(({ name }) => name).join(', ')})
  input.ids        I32 [B, T], token ids
  expected.logits  F32 [B, T, vocab_size]; position t is what prefill of the first t + 1 tokens must return
  and the model's parameters, F32, by the names of docs/models.md

Exit code: 0 every file passes, 1 one fails, 2 bad usage, or a folder or file that cannot be read.`;

/**
 * @param argv without node and script
 * @returns the exit code: 0 all pass, 1 a file fails, 2 bad usage or an unreadable or empty folder or file
 */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = createCommand(
    'check-parity',
    'Check models against golden files: prefill of every prefix, and prefill followed by steps.',
    streams,
  )
    .argument('<dir>', 'folder of .safetensors files')
    .addHelpText('after', GOLDEN_FILE);
  const before = [
    new Option('--backend <word>', 'as before --engine').argParser(oneOf('--backend', BACKENDS)).hideHelp(),
    new Option('--mode <word>', 'as before --engine').argParser(oneOf('--mode', MODES)).hideHelp(),
  ];
  const own = modelFileOption('a model of your own, which golden files may name (docs/own_models.md)');
  for (const option of [own, ...engineOptions('the first of tensorflow-eager, wasm that loads'), ...before])
    command.addOption(option);
  return runCommand<ParityFlags>(command, argv, streams, async (flags, [folder = '.'], safe) => {
    const { checkFolder } = await import('./check_parity/run.js');
    return checkFolder(folder, flags, safe);
  });
}
