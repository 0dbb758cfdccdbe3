/** Measuring again by running compare-models in fresh processes: of one checkout, or of two in turns. */
import { UserError } from '../../errors.js';
import { type Random, shuffled } from '../../random.js';
import type { CellId } from '../../results/cell.js';
import { isPinned } from '../../results/facts.js';
import type { Results } from '../../results/schema.js';
import type { Measured } from './gate.js';

/** Runs a checkout's compare-models until `runs` processes are in `file`, and reads it. */
export type RunCompareModels = (
  checkout: string,
  flags: readonly string[],
  file: string,
  runs: number,
) => Promise<Results>;

/** Config keys that are flags of compare-models with a value. */
const VALUE_FLAGS = [
  'vocab_size',
  'hidden_dim',
  'num_layers',
  'num_heads',
  'ff_dim',
  'n_tokens',
  'batch_size',
  'runs',
  'cell_timeout',
  'precision',
  'max_time',
] as const;

/** The flags with which compare-models repeats a run. @throws UserError when its prompt file is not known */
export function flagsOf({ config, machine, cells, tool }: Results): string[] {
  const { cell_timeout_s: cell_timeout, precision_pct: precision, max_time_s: max_time } = config;
  const values: Readonly<Record<string, unknown>> = { ...config, cell_timeout, precision, max_time };
  return [
    ...VALUE_FLAGS.flatMap((name) => (values[name] === undefined ? [] : [`--${name}`, String(values[name])])),
    ...Object.entries(config.options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...['--models', ...new Set(cells.map(({ model }) => model))],
    ...['--seq_lengths', ...config.seq_lengths.map(String)],
    ...engineFlags(cells),
    ...['--threads', String(machine.threads), '--seed', String(tool.seed)],
    ...(isPinned(machine) ? [] : ['--no_pin']),
    ...(config.quick ? ['--quick'] : []),
    ...(config.recompute ? ['--recompute'] : []),
    ...(config.prompt === null ? [] : ['--prompt', promptOf(tool.argv)]),
  ];
}

function engineFlags(cells: readonly CellId[]): string[] {
  const ids = new Set(cells.map(({ engine }) => engine));
  if (ids.has('wasm')) return ['--backend', 'wasm', '--mode', 'eager'];
  const mode = ids.size > 1 ? 'both' : ids.has('tensorflow') ? 'compiled' : 'eager';
  return ['--backend', 'tensorflow', '--mode', mode];
}

/** Narrows flags to the models and lengths of some cells: a later flag overrides an earlier one. */
export function narrowed(flags: readonly string[], cells: readonly CellId[]): string[] {
  const models = [...new Set(cells.map(({ model }) => model))];
  const lengths = [...new Set(cells.map(({ n }) => n))].sort((a, b) => a - b);
  return [
    ...without(flags, ['--models', '--seq_lengths']),
    '--models',
    ...models,
    '--seq_lengths',
    ...lengths.map(String),
  ];
}

/** Measures two checkouts in turns, a process each, the order of every pair thrown by `rng`, so that drift meets both alike. */
export async function measureInTurns(
  checkouts: { readonly base: string; readonly new: string },
  files: { readonly base: string; readonly new: string },
  flags: readonly string[],
  runs: number,
  rng: Random,
  compareModels: RunCompareModels,
): Promise<Measured & { readonly base: Results }> {
  const latest: Partial<Record<'base' | 'new', Results>> = {};
  for (let run = 1; run <= runs; run++) {
    for (const side of shuffled(['base', 'new'] as const, rng)) {
      latest[side] = await compareModels(checkouts[side], flags, files[side], run);
    }
  }
  const { base, new: next } = latest;
  if (base === undefined || next === undefined) throw new UserError(`--runs: must be at least 1, got ${runs}`);
  return { base, new: next };
}

function promptOf(argv: readonly string[]): string {
  const path = argumentOf(argv, '--prompt');
  if (path === null) throw new UserError('NEW: tool.argv: needs the --prompt of this run, got none');
  return path;
}

/** The value of a flag, the last where it is given twice; null without one. */
export function argumentOf(argv: readonly string[], flag: string): string | null {
  const at = argv.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (at < 0) return null;
  return argv[at] === flag ? (argv[at + 1] ?? null) : (argv[at] as string).slice(flag.length + 1);
}

/** Flags less those named and their values. */
function without(flags: readonly string[], names: readonly string[]): string[] {
  let dropping = false;
  return flags.filter((flag) => {
    if (flag.startsWith('--')) dropping = names.includes(flag.split('=')[0] as string);
    return !dropping;
  });
}
