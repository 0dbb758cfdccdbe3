/**
 * The results file: the only thing that bench and analysis share (docs/method.md, "The results file").
 * One zod definition gives the types, the parser and results.schema.json.
 */
import { z } from 'zod';
import { FOREIGN_KEY } from '../errors.js';
import { PHASES, SCHEMA_VERSION } from './words.js';

/** An object that has these keys; foreign ones are ignored (FOREIGN_KEY), others refused. */
const closed = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape).meta({ patternProperties: { [FOREIGN_KEY.source]: {} } });

const count = z.int().nonnegative();
const amount = z.number().nonnegative();
const ms = z.number().positive();

const phase = z.enum(PHASES);

/** One process's samples of one cell. */
export const processSchema = closed({
  run: count.describe('which fresh process this is'),
  order: count.describe('place of the cell in the shuffled order of its process'),
  warmup_ms: z.array(amount).describe('calls made before sampling, in order'),
  compile_ms: amount.describe('time to build the graphs of this cell; 0 in eager mode; not part of any sample'),
  samples_ms: z.array(ms).min(1).describe('one per sample, already divided by batch (per token in the decode phase)'),
  steps: count.min(1).nullable().describe('decode: of one call, whole periods of the model; null in other phases'),
  steps_ms: z
    .array(ms)
    .nullable()
    .describe('decode: the single steps of one period, the last of which may end it; null in other phases'),
  batch: count.min(1).describe('calls (or tokens, in the decode phase) timed together in a sample'),
  peak_rss_bytes: count.nullable().describe('largest resident set of the process so far; null where it is not known'),
  leaked_tensors: z
    .int()
    .nullable()
    .describe('tensors alive after the last sample less those before the first; null where they are not counted'),
});

const summary = closed({
  estimator: z.literal('median over processes of the minimum over samples'),
  value_ms: ms,
  ci95_ms: z
    .tuple([ms, ms])
    .nullable()
    .describe('95 % interval of the median over processes, between ranks; null with fewer than 5'),
  range_ms: z.tuple([ms, ms]).describe('smallest and largest process value'),
  p50_ms: ms.describe('over the samples of all processes'),
  p95_ms: ms,
  max_ms: ms,
  step_p50_ms: ms.nullable().describe('decode: median single step; null in other phases'),
  step_max_ms: ms.nullable().describe('decode: largest single step of a period, median over processes'),
  first_ms: ms.describe('median over processes of the first sample'),
  cv_within: amount.describe('median over processes of the variation of a process, sd / mean'),
  cv_between: amount.describe('variation of the process values, sd / mean'),
  outliers: closed({ mild: count, severe: count }).describe('by modified z score of the samples: > 3.5, > 10'),
  tokens_per_s: amount,
  stop_reason: z.string().describe('why no more processes were added'),
});

/** Exact counts of one call (of one token in the decode phase), independent of the machine; null where not counted. */
export const countedSchema = closed({
  kernels: count.nullable(),
  flops: amount.nullable(),
  bytes: amount.nullable().describe('read and written by the kernels'),
  state_bytes: count.describe('in use at this length, all layers and rows'),
  state_allocated_bytes: count,
  peak_activation_bytes: count
    .nullable()
    .describe('largest sum of live distinct buffers beyond parameters and arguments'),
});

/** What a worker says of what it runs models on. */
export const engineInfoSchema = closed({
  runtime: z.string().describe('e.g. tfjs-node, tfjs-wasm, torch'),
  versions: z.record(z.string(), z.string()).describe('of the runtime and what it stands on'),
  device: z.string().describe('e.g. cpu'),
  provider: z.string().nullable().describe("the runtime's own name for what executes; null where there is one alone"),
  way: z.string().describe('how the runtime is used: eager, compiled'),
  native_code: z.array(z.string()).describe('routines of our own that it could call, by name'),
  operators: z.array(z.string()).optional().describe('of the runtime, in the place of what models write out'),
  env: z.record(z.string(), z.string()).describe('variables that steer it'),
});
export type EngineInfo = z.infer<typeof engineInfoSchema>;

export const engineSchema = closed({
  id: z.string().describe('what cells call it'),
  command: z.string().nullable().describe("of someone else's engine, as a shell reads it; null for ours"),
  threads: count.min(1),
  ...engineInfoSchema.shape,
});

const id = {
  model: z.string().describe('the row of models'),
  phase,
  n: count.min(1).describe('tokens of the prompt; decode: the depth at which steps are taken'),
  engine: z.string().describe('the id of one of engines'),
};
/** What tells the cells of a file apart. */
export const cellIdSchema = closed(id);

const cell = closed({
  ...id,
  n_tokens: count.describe('tokens emitted by one call: 1 in prefill and decode'),
  status: z.enum(['ok', 'failed', 'timeout', 'skipped']),
  reason: z.string().nullable(),
  processes: z.array(processSchema),
  summary: summary.nullable(),
  counted: countedSchema.nullable(),
});

const options = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

export const modelSchema = closed({
  name: z.string().describe('of the row: the model, or an expression of it'),
  model: z.string(),
  options: options.describe('every option of the model, by name'),
  files: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      "sha256 of the files of models of one's own that it is made of, by the models' names; absent without any",
    ),
  period: count.min(1).nullable().describe('tokens after which a step costs more; null: never'),
  params: count,
  params_without_head: count,
  param_bytes: count,
});

/** How far the logits of someone else's engine are from ours. */
export const comparisonSchema = closed({
  model: z.string().describe('the row of models'),
  engine: z.string(),
  relative_error: amount.nullable().describe('rms(got - ours) / rms(ours); null: not compared'),
});

const config = closed({
  vocab_size: count,
  hidden_dim: count,
  num_layers: count,
  num_heads: count,
  ff_dim: count,
  options: options.describe("of models, those that were given as flags and are not the models' own"),
  seq_lengths: z.array(count.min(1)).describe('those that were asked for'),
  added_lengths: z
    .array(count.min(1))
    .optional()
    .describe('longer ones that the run added, so that the floor fit can tell an exponent; absent where none were'),
  n_tokens: count.min(1),
  batch_size: count.min(1),
  runs: count.min(1),
  quick: z.boolean(),
  rounds: count
    .min(1)
    .optional()
    .describe('times that a process goes through its cells, with a share of the samples each; absent: once'),
  recompute: z.boolean(),
  prompt: z
    .string()
    .nullable()
    .describe('sha256 of the prompt file (of a pipe or device: of the bytes used), or null for random tokens'),
  cell_timeout_s: amount,
  precision_pct: amount
    .optional()
    .describe('half-width of the 95 % interval from which on a cell gets no more processes; absent in older files'),
  max_time_s: amount.optional().describe('time within which processes may be added; 0 for none; absent in older files'),
});

const machine = closed({
  os: z.string(),
  arch: z.string(),
  cpu_model: z.string(),
  cores: count,
  threads: count,
  pinned_cpu: count.nullable().optional().describe('CPU that the measuring processes ran on; null: left to the system'),
  spare_cpu: count
    .nullable()
    .optional()
    .describe(
      'CPU on which a process built its graphs while one did on pinned_cpu, and nobody measured; null: one at a time',
    ),
  memory_bytes: count,
  cgroup_memory_bytes: count.nullable(),
  governor: z.string().nullable(),
  load_before: amount,
  load_after: amount.nullable(),
  steal_pct: amount.nullable(),
  noise_cv: amount.nullable().describe('variation of the spin loops before, between and after the processes'),
  noisy: z.boolean().describe('noise_cv above 0.10'),
});

export const resultsSchema = closed({
  schema_version: z.literal(SCHEMA_VERSION),
  complete: z.boolean(),
  created_at: z.iso.datetime(),
  tool: closed({
    name: z.literal('attnscale'),
    version: z.string(),
    node: z.string().describe('version of Node.js that measured; engines of ours ran on it too'),
    argv: z.array(z.string()),
    seed: count,
  }),
  git: closed({ commit: z.string(), dirty: z.boolean() }).nullable(),
  machine,
  engines: z.array(engineSchema),
  config,
  config_hash: z.string(),
  models: z.array(modelSchema),
  comparisons: z.array(comparisonSchema),
  cells: z.array(cell),
  seq_lengths: z.array(count).describe("the original project's key; sequence lengths in tokens"),
  time_results: z
    .record(z.string(), z.record(z.string(), amount))
    .describe('seconds of the generate phase: model (BSBR@wasm where there are several engines), length'),
  memory_results: z
    .record(z.string(), z.record(z.string(), amount))
    .describe("MiB of parameters and ids, as in the original: not the process's memory"),
  param_counts: z.record(z.string(), count).describe('without the head, as in the original'),
}).describe('A run of compare-models. Times in milliseconds unless the key says otherwise.');

export type Results = z.infer<typeof resultsSchema>;
export type Cell = z.infer<typeof cell>;
export type EngineEntry = z.infer<typeof engineSchema>;
export type ModelEntry = z.infer<typeof modelSchema>;
export type Comparison = z.infer<typeof comparisonSchema>;
export type Options = z.infer<typeof options>;
export type ProcessRun = z.infer<typeof processSchema>;
export type Summary = z.infer<typeof summary>;
export type Counted = z.infer<typeof countedSchema>;
export type RunConfig = z.infer<typeof config>;
export type Machine = z.infer<typeof machine>;
