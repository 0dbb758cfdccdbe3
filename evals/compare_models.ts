/** `compare-models`: times the models across sequence lengths and writes a results file. */
import { type Command, Option } from 'commander';
import { createCommand, positiveNumber, runCommand, type Streams, wholeNumber } from './command_line.js';
import { BACKENDS, DEFAULTS, type Flags, MODES, NORMS } from './compare_flags.js';

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  return runCommand<Flags>(describe(streams), argv, streams, async (flags) => {
    const { compareModels } = await import('./compare_models_run.js');
    return compareModels(flags, argv, streams);
  });
}

function describe(streams: Streams): Command {
  const command = createCommand('compare-models', 'Time attention models across sequence lengths.', streams);
  const whole = (flag: string, min: number, value: number, text: string): Command =>
    command.option(`--${flag} <n>`, text, wholeNumber(`--${flag}`, min), value);
  command.option('--models <names...>', 'BSBR LinearTransformer DeltaNet Softmax, or all', DEFAULTS.models);
  whole('vocab_size', 1, DEFAULTS.vocab_size, 'V, size of the vocabulary');
  whole('hidden_dim', 1, DEFAULTS.hidden_dim, 'd, model dim');
  whole('num_layers', 1, DEFAULTS.num_layers, 'L, layers');
  whole('num_heads', 1, DEFAULTS.num_heads, 'H, heads; must divide d');
  whole('ff_dim', 1, DEFAULTS.ff_dim, 'f, feed-forward dim');
  whole('chunk_size', 1, DEFAULTS.chunk_size, 'C, tokens a chunk');
  whole(
    'compression_factor',
    0,
    DEFAULTS.compression_factor,
    'BSBR: chunk states are compressed to d / factor; 0: not',
  );
  command.addOption(
    new Option('--retrieval_norm <norm>', 'BSBR: norm of the retrieval').choices(NORMS).default('none'),
  );
  command.option('--seq_lengths <n...>', 'prompt lengths, or ranges such as 256-8192*2', DEFAULTS.seq_lengths);
  whole('n_tokens', 1, DEFAULTS.n_tokens, 'tokens to generate after the prompt');
  whole('batch_size', 1, DEFAULTS.batch_size, 'B, rows');
  command.option('--runs <n>', 'fresh processes (default: 5, with --quick 1)', wholeNumber('--runs', 1));
  command.option('--quick', 'one process and short samples: a look, no intervals', false);
  whole('seed', 0, DEFAULTS.seed, 'of weights, tokens, order and resampling');
  command.option('--prompt <file>', 'bytes of a file as tokens, instead of random ones');
  command.option(
    '--recompute',
    "time the original study's protocol too: the whole sequence again for each token",
    false,
  );
  command.addOption(
    new Option('--backend <name>', 'auto: tensorflow where it loads').choices(BACKENDS).default('auto'),
  );
  command.addOption(new Option('--mode <mode>', 'auto: compiled on tensorflow').choices(MODES).default('auto'));
  whole('threads', 1, DEFAULTS.threads, 'threads of the backend');
  command.option('--output_dir <dir>', 'where results go', DEFAULTS.output_dir);
  command.option('--output <file>', 'results file, in --output_dir unless it is a path', DEFAULTS.output);
  command.option('--resume <file>', 'go on with a results file that is not complete');
  command.option(
    '--cell_timeout <s>',
    'seconds a cell may take',
    positiveNumber('--cell_timeout'),
    DEFAULTS.cell_timeout,
  );
  command.option('--dry_run', 'print the plan and an estimate of its time', false);
  command.option('--no_progress', 'no progress on stderr');
  return command;
}
