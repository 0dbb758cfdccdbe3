/** `compare-models`: times the models across sequence lengths and writes a results file. */
import { Option } from 'commander';
import { MODEL_GROUPS } from '../src/models/groups.js';
import { defaultText, type OptionValues, parseOption } from '../src/models/options.js';
import { MODEL_NAMES, MODEL_OPTIONS, type SharedOption } from '../src/models/registry.js';
import { DEVICES } from '../src/onnx_check.js';
import { BACKENDS, DEFAULTS, type Flags, MODES } from './compare_models/flags.js';
import {
  createCommand,
  numberFromZero,
  oneOf,
  optionLines,
  parseFlags,
  positiveNumber,
  runCommand,
  type Streams,
  wholeNumber,
} from './shared/command_line.js';
import { modelFileOption } from './shared/engines/own_models.js';

const EXAMPLES = `
Exit code: 0 all cells were measured, 1 some were not (failed, timed out, skipped), 2 bad input or usage, or an export
that could not be written, 128 + signal interrupted.

  compare-models --quick                                a look, in half a minute
  compare-models --models all --seq_lengths 256-8192*2  softmax too, six lengths
  compare-models --engines tensorflow onnx --peer mine='python3 my_engine.py'
                                                        engines in turns, and one of yours
  compare-models --resume results/comparison_results.json
                                                        go on with a run that was interrupted`;

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  return withFlags(argv, streams, async (flags, safe) => {
    const { compareModels } = await import('./compare_models/run.js');
    if (flags.resume === undefined) return compareModels(flags, argv, safe);
    const { flagsOfFile } = await import('./compare_models/resume.js');
    const all = [...flagsOfFile(flags.resume), ...argv];
    return withFlags(all, streams, (resumed) => compareModels(resumed, all, safe));
  });
}

function withFlags(
  argv: readonly string[],
  streams: Streams,
  run: (flags: Flags, safe: Streams) => Promise<number>,
): Promise<number> {
  const command = createCommand('compare-models', 'Time attention models across sequence lengths.', streams);
  command.addHelpText('after', EXAMPLES);
  for (const option of [...modelOptions(), ...measuringOptions(), ...fileOptions()]) command.addOption(option);
  return runCommand<Omit<Flags, 'options'>>(command, argv, streams, (flags, _, safe) =>
    run({ ...flags, options: optionsIn(flags) }, safe),
  );
}

/** The flags that other commands take after `--`: what is measured, not how often or where to. @throws UserError */
export async function parseWorkload(argv: readonly string[], streams: Streams): Promise<Flags> {
  const command = createCommand('compare-models', 'What is measured.', streams);
  for (const option of [...modelOptions(), ...measuringOptions()]) command.addOption(option);
  const flags = await parseFlags<Omit<Flags, 'options' | keyof typeof NOT_WORKLOAD>>(command, argv);
  return { ...flags, ...NOT_WORKLOAD, options: optionsIn(flags) };
}

/** The flags of a run that is written nowhere. */
const NOT_WORKLOAD = { output_dir: DEFAULTS.output_dir, output: DEFAULTS.output, dry_run: false, no_progress: true };

/** Those of flags that are options of models. */
const optionsIn = (flags: object): OptionValues =>
  Object.fromEntries(Object.entries(flags).filter(([flag]) => MODEL_OPTIONS.some(({ name }) => name === flag)));

/** The flags that other commands take after `--`, as a part of their help: what is measured, not how often or where to. */
export function workloadHelp(): string {
  const options = [...modelOptions(), ...measuringOptions()].filter(
    ({ long, hidden }) => !hidden && !SET_BY_CALLER.includes(long ?? ''),
  );
  return `Flags of compare-models, after --:\n${optionLines(options)}`;
}

const SET_BY_CALLER = ['--runs', '--precision', '--max_time', '--exact_lengths'];

/** The flags of the models: their shape, and the options of each. */
export function modelOptions(): Option[] {
  return [
    withDefault(
      'models',
      '<names...>',
      `${MODEL_NAMES.join(', ')}, or a group (${Object.keys(MODEL_GROUPS).join(', ')}); MODEL(option=value,…) a variant of it, 3*MODEL+MODEL a hybrid of such layers, MODEL@ENGINE on that engine alone`,
    ),
    modelFileOption('a model of your own: a module that exports a mixer (docs/own_models.md); --models may name it'),
    whole('vocab_size', 1, 'V, size of the vocabulary'),
    whole('hidden_dim', 1, 'd, model dim'),
    whole('num_layers', 1, 'L, layers'),
    whole('num_heads', 1, 'H, heads; must divide d'),
    whole('ff_dim', 1, 'f, feed-forward dim'),
    ...MODEL_OPTIONS.map(flagOf),
  ];
}

function flagOf({ name, option, models }: SharedOption): Option {
  const text = `${models.join(', ')}: ${option.help} (default: ${defaultText(option)})`;
  return new Option(`--${name} <${option.placeholder}>`, text).argParser((value) =>
    parseOption(option, value, `--${name}`),
  );
}

function measuringOptions(): Option[] {
  return [
    withDefault('seq_lengths', '<n...>', 'lengths of the prompt; 256-8192*2 is 256 512 … 8192'),
    new Option(
      '--exact_lengths',
      'only these: else one or two longer ones are added to 3 or 4, for the fit, where --max_time allows',
    ),
    whole('n_tokens', 1, 'tokens to generate after the prompt'),
    whole('batch_size', 1, 'B, rows'),
    new Option('--runs <n>', 'fresh processes (default: 5, or 1 with --quick)').argParser(wholeNumber('--runs', 1)),
    withDefault(
      'precision',
      '<pct>',
      'more processes for cells whose 95 % interval is wider than ± this percentage, up to 3 x --runs',
    ).argParser(positiveNumber('--precision')),
    withDefault(
      'max_time',
      '<s>',
      'add processes, and lengths, only while the run is expected to end within these seconds; 0 for never',
    ).argParser(numberFromZero('--max_time')),
    new Option('--quick', 'one process and short samples: a look, no intervals').default(false),
    whole('seed', 0, 'of weights, tokens, order and resampling'),
    new Option('--prompt <file>', 'bytes of a file as tokens, instead of random ones'),
    new Option('--recompute', "also the original study's way: the whole sequence again for each token").default(false),
    new Option(
      '--engines <ids...>',
      'what runs the models: tensorflow (compiled), tensorflow-eager, onnx (compiled), onnx:op (with its own LinearAttention), browser (ONNX in a page of headless Chromium), wasm; auto: the first of tensorflow, onnx, wasm that loads (default: auto)',
    ),
    withDefault(
      'device',
      '<word>',
      'where onnx and browser run them: cpu, webgpu or cuda; the others run on cpu',
    ).argParser(oneOf('--device', DEVICES)),
    new Option(
      '--peer <name=command>',
      "an engine of someone else's beside those: a program that speaks the protocol (docs/protocol.md); repeatable",
    )
      .default([])
      .argParser((word, others: readonly string[]) => [...others, word]),
    new Option('--backend <word>', 'as before --engines').argParser(oneOf('--backend', BACKENDS)).hideHelp(),
    new Option('--mode <word>', 'as before --engines').argParser(oneOf('--mode', MODES)).hideHelp(),
    whole('threads', 1, 'threads of an engine'),
    new Option('--no_pin', 'let the system move the measuring processes between CPUs').default(false),
    withDefault('cell_timeout', '<s>', 'seconds that one model, phase and length may take in a process').argParser(
      positiveNumber('--cell_timeout'),
    ),
  ];
}

function fileOptions(): Option[] {
  return [
    withDefault('output_dir', '<dir>', 'where results go'),
    withDefault('output', '<file>', 'results file, in --output_dir unless it is a path'),
    new Option(
      '--resume <file>',
      'go on with a results file, with its flags; --runs may be more, --precision, --max_time and --cell_timeout others',
    ),
    new Option('--export <formats>', 'also csv, md, junit, gab, bmf, github; several with commas'),
    new Option('--analyze', 'then the tables and pictures of analyze-results, in the folder of the results file'),
    new Option('--report', 'as --analyze, and the report to hand on: report.html, one file with everything in it'),
    new Option('--dry_run', 'print the plan and an estimate of its time').default(false),
    new Option('--no_progress', 'no progress on stderr').default(false),
  ];
}

const withDefault = (flag: keyof typeof DEFAULTS, value: string, text: string): Option =>
  new Option(`--${flag} ${value}`, text).default(DEFAULTS[flag]);

const whole = (flag: keyof typeof DEFAULTS, min: number, text: string): Option =>
  withDefault(flag, '<n>', text).argParser(wholeNumber(`--${flag}`, min));
