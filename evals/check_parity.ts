/** `check-parity`: does every golden file in a folder pass, on both paths? */
import { Option } from 'commander';
import { createCommand, runCommand, type Streams } from './command_line.js';
import { BACKENDS } from './compare_flags.js';

export interface ParityFlags {
  readonly backend: (typeof BACKENDS)[number];
  readonly mode: 'eager' | 'compiled';
}

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
    .addOption(new Option('--backend <name>', 'where to run').choices(BACKENDS).default('auto'))
    .addOption(
      new Option('--mode <mode>', 'how to run; compiled builds a graph for every prefix')
        .choices(['eager', 'compiled'])
        .default('eager'),
    );
  return runCommand<ParityFlags>(command, argv, streams, async (flags, [folder = '.'], safe) => {
    const { checkFolder } = await import('./check_parity_run.js');
    return checkFolder(folder, flags, safe);
  });
}
