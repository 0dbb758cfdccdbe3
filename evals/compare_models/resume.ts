/** --resume: going on with a results file, only where it was made by the same plan on the same machine. */

import { cpuModel } from '../../src/bench/run/environment.js';
import { createLedger } from '../../src/bench/run/ledger.js';
import type { RunLabel, RunSpec } from '../../src/bench/run/run.js';
import { check } from '../../src/errors.js';
import { cellKey, isMeasured } from '../../src/results/cell.js';
import { isPinned } from '../../src/results/facts.js';
import type { Results } from '../../src/results/schema.js';
import { readUnfinished } from '../shared/read_results.js';
import { argumentOf, flagsOf } from './rerun.js';

/** Config keys that say how many processes there are to be. */
const SAMPLING = ['runs', 'precision_pct', 'max_time_s'] as const;
/** Config keys that may change: those, and patience. */
const MAY_CHANGE: readonly string[] = [...SAMPLING, 'cell_timeout_s'];

/** The flags with which a file was made, where later ones count. @throws UserError when it is not a results file */
export function flagsOfFile(file: string): string[] {
  const results = readUnfinished(file, '--resume');
  check(results.cells.length > 0, `--resume: ${file}: cells: must be at least one, got none; measure without --resume`);
  const formats = argumentOf(results.tool.argv, '--export');
  return [
    ...flagsOf(results),
    ...(formats === null ? [] : ['--export', formats]),
    ...(results.tool.argv.includes('--analyze') ? ['--analyze'] : []),
  ];
}

/** @throws UserError when the file is not a results file, or of another plan, version or machine */
export function readPrevious(file: string, label: RunLabel, spec: RunSpec, pinnedCpu: number | null): Results {
  const previous = readUnfinished(file, '--resume');
  const expectSame = (what: string, then: unknown, now: unknown): void =>
    check(text(then) === text(now), `--resume: ${file} was made with ${what} ${text(then)}, got ${text(now)}`);
  const [then, now] = [flatOf(previous.config), flatOf(label.config)];
  for (const key of Object.keys({ ...then, ...now })) {
    if (!MAY_CHANGE.includes(key)) expectSame(`--${key}`, then[key] ?? 'not given', now[key] ?? 'not given');
  }
  expectSame('--models', modelsOf(previous.cells), modelsOf(spec.cells));
  expectSame('--model', filesOf(previous.models), filesOf(spec.workload.models));
  expectSame('--seed', previous.tool.seed, label.tool.seed);
  expectSame('--threads', previous.machine.threads, spec.threads);
  expectSame('processes', pinText(isPinned(previous.machine)), pinText(pinnedCpu !== null));
  expectSame('engines', enginesOf(previous.cells), enginesOf(spec.cells));
  expectSame('Node', previous.tool.node, label.tool.node);
  expectSame('attnscale', previous.tool.version, label.tool.version);
  expectSame('commit', previous.git?.commit ?? 'none', label.git?.commit ?? 'none');
  expectSame('the processor', previous.machine.cpu_model, cpuModel());
  const { runs } = previous.config;
  check(spec.runs >= runs, `--runs: must be at least the ${runs} of ${file}, got ${spec.runs}`);
  const planned = new Set(spec.cells.map(cellKey));
  const other = previous.cells.find((cell) => !planned.has(cellKey(cell)));
  check(other === undefined, `--resume: ${file} holds ${other && cellKey(other)}, which its flags do not ask for`);
  return previous;
}

/** The lengths that the run of a file added. @throws UserError when it is not a results file */
export function addedIn(file: string): readonly number[] {
  return readUnfinished(file, '--resume').config.added_lengths ?? [];
}

/** Whether going on would measure nothing: the run ended, by the same rule, and no cell lacks counts or a process. */
export function isFinished(previous: Results, wanted: Results['config'], spec: RunSpec): boolean {
  const { complete, config, engines } = previous;
  const isPeer = new Set(engines.filter(({ command }) => command !== null).map(({ id }) => id));
  const { cells, workload, runs } = spec;
  const ledger = createLedger({ cells, ...workload, rule: spec }, previous);
  const isWhole = (cell: RunSpec['cells'][number]): boolean =>
    (isPeer.has(cell.engine) || !ledger.isUncounted(cell)) &&
    Array.from({ length: runs }, (_, run) => run).every((run) => !ledger.isOpen(cell, run));
  const isSame = SAMPLING.every((key) => config[key] === wanted[key]);
  return complete && isSame && previous.cells.every(isMeasured) && cells.every(isWhole);
}

const pinText = (pinned: boolean): string => (pinned ? 'pinned to a CPU' : 'not pinned (--no_pin)');

/** With the options of models beside the rest: each is a flag. */
const flatOf = ({ options, ...config }: Results['config']): Readonly<Record<string, unknown>> => ({
  ...config,
  ...options,
});

const modelsOf = (cells: readonly { readonly model: string }[]): string[] => [
  ...new Set(cells.map(({ model }) => model)),
];

/** Hashes of the files of one's own. */
const filesOf = (models: readonly { readonly files?: Readonly<Record<string, string>> | undefined }[]): string[] => [
  ...new Set(models.flatMap(({ files = {} }) => Object.entries(files).map((entry) => entry.join(' of ')))),
];

const enginesOf = (cells: readonly { readonly engine: string }[]): string[] => [
  ...new Set(cells.map(({ engine }) => engine)),
];

const text = (value: unknown): string =>
  Array.isArray(value) ? value.join(' ') : typeof value === 'string' ? value : JSON.stringify(value);
