/** What is to be measured: cells, their order in a process, and the rules of sampling. Plain data, sent to the workers. */
import { group } from 'd3-array';
import { random, shuffled } from '../../random.js';
import { type CellId, seriesKey } from '../../results/cell.js';
import type { Options } from '../../results/schema.js';
import type { Details } from './messages.js';

/** When to stop warming up and sampling (docs/method.md, A.4). */
export interface SamplingRules {
  readonly warmup: {
    readonly minCalls: number;
    readonly minMs: number;
    readonly maxCalls: number;
    readonly maxMs: number;
  };
  /** Warm when the last `minCalls` calls are within this fraction of each other. */
  readonly warmSpread: number;
  readonly samples: { readonly minCount: number; readonly minMs: number; readonly maxMs: number };
  /** Times that a process goes through its cells, with a share of the samples each (docs/decisions/011-rounds.md). */
  readonly rounds: number;
  /** Calls are batched until a sample takes this long. */
  readonly minSampleMs: number;
  /** Whether compiled mode takes its time to build fast graphs. */
  readonly compileThoroughly: boolean;
}

/** A model as a row of results. */
export interface ModelRow {
  /** What cells call it. */
  readonly name: string;
  readonly model: string;
  /** All that the model has. */
  readonly options: Options;
  /** Hashes of the files of one's own that it is made of. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Everything that cells share. */
export interface Workload {
  readonly models: readonly ModelRow[];
  readonly shape: Details<'load'>['shape'];
  readonly nTokens: number;
  readonly batchSize: number;
  readonly seed: number;
  /** Bytes used as tokens, from the start again where the prompt is longer; null for random tokens. */
  readonly promptBytes: readonly number[] | null;
}

/** The least number of tokens, of at least `least`, that is a whole number of a model's periods. */
export const wholePeriods = (period: number | null, least: number): number =>
  Math.ceil(least / (period ?? 1)) * (period ?? 1);

/** Steps of one repeat of a decode cell: whole periods, since a step that ends one costs more than others. */
export const decodeSteps = (period: number | null): number => wholePeriods(period, 32);

/** Single steps that are timed, each alone: those of one period. */
export const singleSteps = (period: number | null): number => Math.min(period ?? 32, 128);

/**
 * Lengths of prefill at which a model is checked before it is timed, the longest last: one token, whole periods, and two of
 * those with some more. 64 tokens are worked on by chunks, in models that work so.
 */
export function checkedLengths(period: number | null): [first: number, whole: number, late: number, longest: number] {
  const whole = wholePeriods(period, 64);
  return [1, whole, 2 * whole + 1, 2 * whole + 4];
}

/** What makes the tokens. */
export type Prompt = Pick<Workload, 'batchSize' | 'seed' | 'promptBytes'> & {
  readonly shape: { readonly vocab_size: number };
};

/** The prompt of a cell, the same for every model: ids [B, n]. */
export function promptTokens({ batchSize, seed, promptBytes, shape }: Prompt, n: number): number[][] {
  const rng = random(seed, 'tokens');
  const id = (_: unknown, i: number): number =>
    promptBytes === null ? rng.integer(shape.vocab_size) : (promptBytes[i % promptBytes.length] as number);
  return Array.from({ length: batchSize }, () => Array.from({ length: n }, id));
}

/** How a model is asked for. @param weights a file of them; null: made from the seed */
export function loadOf(workload: Workload, name: string, weights: string | null): Details<'load'> {
  const { shape, batchSize: batch_size, seed } = workload;
  const { files: _, ...row } = rowOf(workload, name);
  return { ...row, shape, batch_size, seed, weights };
}

/** What a cell is asked for with. */
export const workOf = ({ model: name, phase, n }: CellId, workload: Workload): Details<'count'> => ({
  ...{ name, phase, n, n_tokens: workload.nTokens, tokens: promptTokens(workload, n) },
});

export function rowOf({ models }: Workload, name: string): ModelRow {
  const row = models.find((model) => model.name === name);
  if (row === undefined) throw new Error(`plan: no model is called ${name}`);
  return row;
}

/** Lower floors than the method's first draft: see docs/decisions/003-sampling-floors.md. */
export const DEFAULT_RULES: SamplingRules = {
  warmup: { minCalls: 2, minMs: 50, maxCalls: 10, maxMs: 2000 },
  warmSpread: 0.05,
  samples: { minCount: 5, minMs: 100, maxMs: 3000 },
  rounds: 4,
  minSampleMs: 10,
  compileThoroughly: true,
};

/** A look: graphs are built fast rather than to be fast, so that a run of this kind is compared with its own kind only. */
export const QUICK_RULES: SamplingRules = {
  warmup: { minCalls: 1, minMs: 0, maxCalls: 3, maxMs: 300 },
  warmSpread: 0.1,
  samples: { minCount: 2, minMs: 30, maxMs: 500 },
  rounds: 1,
  minSampleMs: 5,
  compileThoroughly: false,
};

/**
 * The rules of two processes that take turns. Their ratio of one moment varies by some 12 %, that of so many by 1 to 2 %;
 * processes differ by more than half of that anyhow (docs/decisions/010-pairs.md).
 */
export const inPairs = ({ samples, ...rules }: SamplingRules): SamplingRules => ({
  ...rules,
  samples: { ...samples, minCount: 8 * samples.minCount },
  rounds: 1,
});

/** What takes as long to be got ready has more than a moment of the machine in each of its samples. */
const LONG_MS = 500;

/** Whether all samples of a cell are taken in the first round. @param readyMs time to get it ready, but for its graphs */
export const takesOneRound = ({ rounds }: SamplingRules, readyMs: number): boolean =>
  rounds === 1 || readyMs >= LONG_MS;

/** What is asked for in one of the rounds. */
export function inRound({ samples: { minCount, minMs, maxMs }, rounds, ...rules }: SamplingRules): SamplingRules {
  const samples = { minCount: Math.ceil(minCount / rounds), minMs: minMs / rounds, maxMs: maxMs / rounds };
  return { ...rules, samples, rounds: 1 };
}

/**
 * The cells in the order in which process `run` measures them: shuffled, n within a series too, so that a machine that
 * slows down along a process does not bend every curve alike. The first process alone goes up in n: a cell that cannot
 * be measured spares it, and all after it, the longer ones (docs/decisions/003-sampling-floors.md).
 */
export function shuffledCells(cells: readonly CellId[], seed: number, run: number): CellId[] {
  const order = shuffled(cells, random(seed, `run ${run}: order`));
  return run === 0 ? goingUp(order) : order;
}

/** With the cells of each series, in the places that they have, in ascending n. */
function goingUp(order: readonly CellId[]): CellId[] {
  const queues = group(
    order.toSorted((a, b) => a.n - b.n),
    seriesKey,
  );
  return order.map((cell) => queues.get(seriesKey(cell))?.shift() as CellId);
}
