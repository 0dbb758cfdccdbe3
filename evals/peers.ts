/** `npm run peers`: times this package and a PyTorch peer of the same models in turns. */
import { Option } from 'commander';
import { DEFAULTS } from './compare_models/flags.js';
import { modelOptions } from './compare_models.js';
import type { PeersFlags } from './peers/flags.js';
import { createCommand, positiveNumber, runCommand, type Streams, wholeNumber } from './shared/command_line.js';

/** The shape of `npm start`. */
const OWN_DEFAULTS: Readonly<Record<string, unknown>> = { models: ['all'], hidden_dim: 128 };
/** The peer cannot be told of it. */
const NOT_OFFERED = 'retrieval_norm';

const NEEDS = `
PYTHON names a Python with torch and numpy (default: python3); compile needs a C++ compiler too.`;

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = createCommand('peers', 'Time the models against PyTorch, in turns.', streams);
  command.usage('[options]').addHelpText('after', NEEDS);
  for (const option of [...shapeOptions(), ...ownOptions()]) command.addOption(option);
  return runCommand<PeersFlags>(command, argv, streams, async (flags, _, safe) => {
    const { runPeers } = await import('./peers/run.js');
    return runPeers(flags, argv, safe);
  });
}

function shapeOptions(): Option[] {
  return modelOptions()
    .filter((option) => option.attributeName() !== NOT_OFFERED)
    .map((option) => option.default(OWN_DEFAULTS[option.attributeName()] ?? option.defaultValue));
}

function ownOptions(): Option[] {
  const whole = (flag: string, min: number, value: number, text: string): Option =>
    new Option(`--${flag} <n>`, text).default(value).argParser(wholeNumber(`--${flag}`, min));
  const seconds = (flag: string, value: number, text: string): Option =>
    new Option(`--${flag} <s>`, text).default(value).argParser(positiveNumber(`--${flag}`));
  return [
    new Option('--seq_lengths <n...>', 'lengths of the prompt').default(['256-4096*2']),
    whole('n_tokens', 1, 3, 'tokens to generate after the prompt'),
    whole('rounds', 1, 3, 'rounds of one fresh process a side'),
    new Option('--peer_modes <modes...>', 'eager, compile or both: the faster counts')
      .choices(['eager', 'compile'])
      .default(['eager', 'compile']),
    whole('seed', 0, DEFAULTS.seed, 'of weights, tokens and order'),
    seconds('cell_timeout', DEFAULTS.cell_timeout, 'seconds that one cell of ours may take'),
    seconds('peer_timeout', 3600, 'seconds that one process of the peer may take'),
    new Option('--output_dir <dir>', 'where peers.json goes').default(DEFAULTS.output_dir),
  ];
}
