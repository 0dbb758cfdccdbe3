/** The flags with which a run is repeated, whole or in part. */
import { OWN_ENGINE_IDS } from '../../src/engines/registry.js';
import { UserError } from '../../src/errors.js';
import type { CellId } from '../../src/results/cell.js';
import { isPinned } from '../../src/results/facts.js';
import type { Results } from '../../src/results/schema.js';

/** Config keys that are flags with a value. */
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

/** The flags of a run. @throws UserError when its prompt file is not known */
export function flagsOf({ config, machine, cells, tool }: Results): string[] {
  const { cell_timeout_s: cell_timeout, precision_pct: precision, max_time_s: max_time } = config;
  const values: Readonly<Record<string, unknown>> = { ...config, cell_timeout, precision, max_time };
  return [
    ...VALUE_FLAGS.flatMap((name) => (values[name] === undefined ? [] : [`--${name}`, String(values[name])])),
    ...Object.entries(config.options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...placesOf(cells),
    ...argumentsOf(tool.argv, '--device')
      .slice(-1)
      .flatMap((device) => ['--device', device]),
    ...argumentsOf(tool.argv, '--model').flatMap((file) => ['--model', file]),
    ...argumentsOf(tool.argv, '--peer').flatMap((peer) => ['--peer', peer]),
    ...['--seq_lengths', ...config.seq_lengths.map(String)],
    ...['--threads', String(machine.threads), '--seed', String(tool.seed)],
    ...(isPinned(machine) ? [] : ['--no_pin']),
    ...(config.quick ? ['--quick'] : []),
    ...(config.recompute ? ['--recompute'] : []),
    ...(config.prompt === null ? [] : ['--prompt', promptOf(tool.argv)]),
  ];
}

/** All models on all engines, or each where it ran. */
function placesOf(cells: readonly CellId[]): string[] {
  const own = OWN_ENGINE_IDS.filter((id) => cells.some(({ engine }) => engine === id));
  return own.length > 0 && runEverywhere(cells)
    ? ['--models', ...modelsOf(cells), '--engines', ...own]
    : ['--models', ...pairsOf(cells)];
}

/** Whether each model runs on each engine. */
export function runEverywhere(cells: readonly CellId[]): boolean {
  const engines = new Set(cells.map(({ engine }) => engine));
  return pairsOf(cells).length === modelsOf(cells).length * engines.size;
}

const modelsOf = (cells: readonly CellId[]): string[] => [...new Set(cells.map(({ model }) => model))];
const pairsOf = (cells: readonly CellId[]): string[] => [
  ...new Set(cells.map(({ model, engine }) => `${model}@${engine}`)),
];

/** Narrows flags to the models and lengths of some cells: a later flag overrides an earlier one. */
export function narrowed(flags: readonly string[], cells: readonly CellId[]): string[] {
  const { kept, dropped } = without(flags, ['--models', '--seq_lengths']);
  const lengths = [...new Set(cells.map(({ n }) => n))].sort((a, b) => a - b);
  const models = dropped.some((word) => word.includes('@')) ? pairsOf(cells) : modelsOf(cells);
  return [...kept, '--models', ...models, '--seq_lengths', ...lengths.map(String)];
}

function promptOf(argv: readonly string[]): string {
  const path = argumentOf(argv, '--prompt');
  if (path === null) throw new UserError('NEW: tool.argv: needs the --prompt of this run, got none');
  return path;
}

/** The value of a flag, the last where it is given twice; null without one. */
export const argumentOf = (argv: readonly string[], flag: string): string | null =>
  argumentsOf(argv, flag).at(-1) ?? null;

/** The values of a flag that may be given more than once. */
function argumentsOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, i) => {
    if (word === flag) return argv[i + 1] ?? [];
    return word.startsWith(`${flag}=`) ? word.slice(flag.length + 1) : [];
  });
}

/** Flags less those named and their values, and what these are. */
function without(flags: readonly string[], names: readonly string[]): { kept: string[]; dropped: string[] } {
  const [kept, dropped]: [string[], string[]] = [[], []];
  let dropping = false;
  for (const flag of flags) {
    if (flag.startsWith('--')) dropping = names.includes(flag.split('=')[0] as string);
    (dropping ? dropped : kept).push(flag);
  }
  return { kept, dropped };
}
