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
  steps_ms: z
    .array(ms)
    .nullable()
    .describe('decode: the single steps of one chunk, the last of which may close it; null in other phases'),
  batch: count.min(1).describe('calls (or tokens, in the decode phase) timed together in a sample'),
  peak_rss_bytes: count.describe('largest resident set of the process so far'),
  leaked_tensors: z.int().describe('tensors alive after the last sample less those before the first'),
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
  step_max_ms: ms.nullable().describe('decode: largest single step of a chunk, median over processes'),
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
  env: z.record(z.string(), z.string()).describe('variables that steer it'),
});
export type EngineInfo = z.infer<typeof engineInfoSchema>;

const mode = z.enum(['eager', 'compiled']);

/** What tells the cells of a file apart. */
export const cellIdSchema = closed({ model: z.string(), phase, n: count.min(1), mode });

const cell = closed({
  model: z.string(),
  phase,
  n: count.min(1),
  n_tokens: count.describe('tokens emitted by one call: 1 in prefill and decode'),
  mode,
  status: z.enum(['ok', 'failed', 'timeout', 'skipped']),
  reason: z.string().nullable(),
  processes: z.array(processSchema),
  summary: summary.nullable(),
  counted: countedSchema.nullable(),
});

export const modelSchema = closed({
  name: z.string(),
  params: count,
  params_without_head: count,
  param_bytes: count,
});

const config = closed({
  vocab_size: count,
  hidden_dim: count,
  num_layers: count,
  num_heads: count,
  ff_dim: count,
  chunk_size: count,
  scan_chunk: count
    .optional()
    .describe('tokens in a chunk of prefill, of LinearTransformer and DeltaNet; in older files chunk_size was'),
  compression_factor: count,
  retrieval_norm: z.enum(['none', 'l2']),
  seq_lengths: z.array(count.min(1)).describe('those that were asked for'),
  added_lengths: z
    .array(count.min(1))
    .optional()
    .describe('longer ones that the run added, so that the floor fit can tell an exponent; absent where none were'),
  n_tokens: count.min(1),
  batch_size: count.min(1),
  runs: count.min(1),
  quick: z.boolean(),
  recompute: z.boolean(),
  mode: z.enum(['auto', 'eager', 'compiled', 'both']),
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
  tool: closed({ name: z.literal('attnscale'), version: z.string(), argv: z.array(z.string()), seed: count }),
  git: closed({ commit: z.string(), dirty: z.boolean() }).nullable(),
  machine,
  runtime: closed({
    node: z.string(),
    tfjs: z.string(),
    backend: z.enum(['tensorflow', 'wasm']),
    tensorflow: z.string().nullable(),
    small_products: z
      .boolean()
      .optional()
      .describe('whether XLA multiplied small matrices with native/small_products.cc'),
    causal_attention: z.boolean().optional().describe('whether XLA could call native/causal_attention.cc'),
    env: z.record(z.string(), z.string()),
  }),
  config,
  config_hash: z.string(),
  models: z.array(modelSchema),
  cells: z.array(cell),
  seq_lengths: z.array(count).describe("the original project's key; sequence lengths in tokens"),
  time_results: z
    .record(z.string(), z.record(z.string(), amount))
    .describe('seconds of the generate phase: model, length'),
  memory_results: z
    .record(z.string(), z.record(z.string(), amount))
    .describe("MiB of parameters and ids, as in the original: not the process's memory"),
  param_counts: z.record(z.string(), count).describe('without the head, as in the original'),
}).describe('A run of compare-models. Times in milliseconds unless the key says otherwise.');

export type Results = z.infer<typeof resultsSchema>;
export type Cell = z.infer<typeof cell>;
export type Mode = Cell['mode'];
export type ProcessRun = z.infer<typeof processSchema>;
export type Summary = z.infer<typeof summary>;
export type Counted = z.infer<typeof countedSchema>;
export type RunConfig = z.infer<typeof config>;
export type Machine = z.infer<typeof machine>;
