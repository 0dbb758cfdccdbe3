/** From the flags of compare-models to what is to be measured. */
import { DEFAULT_RULES, QUICK_RULES, type SamplingRules } from '../../src/bench/protocol/plan.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import { check } from '../../src/errors.js';
import { shapeOf } from '../../src/models/model.js';
import { defaultOf, type OptionValue, type OptionValues, optionName } from '../../src/models/options.js';
import { checkShape, modelOptions } from '../../src/models/registry.js';
import { type ModelRow, parseRow } from '../../src/models/rows.js';
import type { CellId } from '../../src/results/cell.js';
import type { RunConfig } from '../../src/results/schema.js';
import type { Phase } from '../../src/results/words.js';
import { type EnginePlan, planEngines } from './engines.js';
import type { Flags } from './flags.js';
import type { Prompt } from './prompt.js';

const DEFAULT_RUNS = 5;

/** @throws UserError naming the flag and the value */
export function specOf(flags: Flags, lengths: readonly number[], prompt: Prompt | null): RunSpec {
  checkShape(shapeOf(flags), (size) => `--${size}`);
  if (prompt) checkPrompt(prompt.bytes, flags.vocab_size);
  const phases: Phase[] = ['prefill', 'decode', 'generate', ...(flags.recompute ? (['recompute'] as const) : [])];
  const plan = planOf(flags);
  const cells: CellId[] = plan.pairs.flatMap(({ row, engine }) =>
    phases.flatMap((phase) => lengths.map((n) => ({ model: row.name, phase, n, engine }))),
  );
  return {
    cells,
    engines: plan.engines,
    workload: {
      models: rowsIn(plan),
      shape: sizesOf(flags),
      nTokens: flags.n_tokens,
      batchSize: flags.batch_size,
      seed: flags.seed,
      promptBytes: prompt && Array.from(prompt.bytes),
    },
    rules: rulesOf(flags),
    runs: flags.runs ?? (flags.quick ? 1 : DEFAULT_RUNS),
    precisionPct: flags.precision,
    maxTimeS: flags.max_time,
    spinMs: flags.quick ? 200 : 1000,
    threads: flags.threads,
  };
}

const rulesOf = ({ quick }: Flags): SamplingRules => (quick ? QUICK_RULES : DEFAULT_RULES);

const sizesOf = ({ vocab_size, hidden_dim, num_layers, num_heads, ff_dim }: Flags): RunSpec['workload']['shape'] => ({
  ...{ vocab_size, hidden_dim, num_layers, num_heads, ff_dim },
});

const planOf = (flags: Flags): EnginePlan =>
  planEngines(flags, (text) => parseRow(text, flags.options, shapeOf(flags), '--models', (option) => `--${option}`));

/** Rows of results, each once. */
const rowsIn = ({ pairs }: EnginePlan): ModelRow[] => [...new Map(pairs.map(({ row }) => [row.name, row])).values()];

function checkPrompt(prompt: Uint8Array, vocabSize: number): void {
  const largest = prompt.reduce((a, b) => Math.max(a, b), 0);
  check(largest < vocabSize, `--prompt: bytes must be below --vocab_size (${vocabSize}), got ${largest}`);
}

/** The part of the plan that is written to the results file. */
export function runConfigOf(
  flags: Flags,
  runs: number,
  lengths: readonly number[],
  added: readonly number[],
  prompt: Prompt | null,
): RunConfig {
  return {
    ...sizesOf(flags),
    options: givenOptions(flags),
    seq_lengths: [...lengths],
    ...(added.length === 0 ? {} : { added_lengths: [...added] }),
    n_tokens: flags.n_tokens,
    batch_size: flags.batch_size,
    runs,
    quick: flags.quick,
    rounds: rulesOf(flags).rounds,
    recompute: flags.recompute,
    prompt: prompt === null ? null : prompt.sha256,
    cell_timeout_s: flags.cell_timeout,
    precision_pct: flags.precision,
    max_time_s: flags.max_time,
  };
}

/** Those that were given, are not the default, and hold for a row: its expression may say another value. */
function givenOptions(flags: Flags): OptionValues {
  const rows = rowsIn(planOf(flags));
  const isGiven = ([name, value]: readonly [string, OptionValue]): boolean =>
    rows.some(({ model, options }) =>
      Object.entries(modelOptions(model)).some(([own, option]) => {
        return optionName(own) === name && options[own] === value && value !== defaultOf(option, shapeOf(flags));
      }),
    );
  return Object.fromEntries(Object.entries(flags.options).filter(isGiven));
}
