/**
 * The results file: the only thing that bench and analysis share (docs/method.md, "The results file").
 * One zod definition gives the types, the parser and results.schema.json.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { check, checkSchema, FOREIGN_KEY, messageOf, UserError } from '../errors.js';

export const SCHEMA_VERSION = 1;

/** An object that has these keys; foreign ones are ignored (FOREIGN_KEY), others refused. */
const closed = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape).meta({ patternProperties: { [FOREIGN_KEY.source]: {} } });

const count = z.int().nonnegative();
const amount = z.number().nonnegative();
const ms = z.number().positive();

/** prefill: n tokens in parallel. decode: one token at depth n. generate: prefill of n, then n_tokens steps. recompute: the whole sequence again for each of n_tokens. */
export const PHASES = ['prefill', 'decode', 'generate', 'recompute'] as const;
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
export type Phase = z.infer<typeof phase>;
export type Mode = Cell['mode'];
export type ProcessRun = z.infer<typeof processSchema>;
export type Summary = z.infer<typeof summary>;
export type Counted = z.infer<typeof countedSchema>;
export type RunConfig = z.infer<typeof config>;
export type Machine = z.infer<typeof machine>;

/** Cells that were asked for and not measured: a length that the run added by itself may fail. */
export function lostCells({ cells, config }: Pick<Results, 'cells' | 'config'>): Cell[] {
  const added = config.added_lengths ?? [];
  return cells.filter(({ status, n }) => status !== 'ok' && !added.includes(n));
}

/** What all cells of a file have in common and their times depend on, as columns of an export. */
export function settingOf({ config, runtime, machine }: Pick<Results, 'config' | 'runtime' | 'machine'>) {
  const { batch_size, hidden_dim, num_heads, num_layers, ff_dim, vocab_size, chunk_size } = config;
  const shape = { batch_size, hidden_dim, num_heads, num_layers, ff_dim, vocab_size, chunk_size };
  return { ...shape, backend: runtime.backend, threads: machine.threads, cpu_model: machine.cpu_model };
}

/** Reads a JSON file. @throws UserError naming the flag, the file and what is wrong with it */
export function readJson(path: string, where: string): unknown {
  const text = readFileText(path, where);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new UserError(`${where}: ${path} is not JSON or was cut short (${messageOf(error)})`);
  }
  const name = doubledName(text);
  check(name === null, `${where}: ${path}: each name must be there once, got ${name} twice`);
  return value;
}

/** The text of a file in UTF-8, with or without a byte order mark. @throws UserError as readJson, or when it is empty */
export function readFileText(path: string, where: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UserError(`${where}: cannot read ${path} (${messageOf(error)})`);
  }
  const encoding = encodingOf(bytes);
  check(encoding === 'UTF-8', `${where}: ${path} must be UTF-8, got ${encoding}; save it as UTF-8`);
  const text = new TextDecoder().decode(bytes);
  check(text.trim() !== '', `${where}: ${path} is empty; run compare-models again`);
  return text;
}

/** By the byte order mark; without one, by where the zeros of a first character of ASCII are. */
function encodingOf(bytes: Buffer): string {
  const start = bytes.toString('hex', 0, 4);
  if (/^(fffe0000|0000feff|(?!00)..000000|000000(?!00))/.test(start)) return 'UTF-32';
  if (/^(fffe|(?!00)..00)/.test(start)) return 'UTF-16 (little-endian)';
  if (/^(feff|00(?!00))/.test(start)) return 'UTF-16 (big-endian)';
  return isUtf8(bytes) ? 'UTF-8' : 'another encoding';
}

/** A name that an object of the text has twice, with its path: JSON.parse would take the last without a word. */
function doubledName(text: string): string | null {
  const open: { readonly names: Set<string>; at: string | number }[] = [];
  let word = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    const inner = open.at(-1);
    if (token === '{' || token === '[') open.push({ names: new Set(), at: 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && typeof inner?.at === 'number') inner.at++;
    else if (token === ':' && inner) {
      inner.at = JSON.parse(word) as string;
      if (inner.names.has(inner.at)) return open.map(({ at }) => at).join('.');
      inner.names.add(inner.at);
    } else word = token;
  }
  return null;
}

/** Strings, and the words outside them that Python writes for numbers JSON does not have. */
const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|\bNaN\b|\bInfinity\b/g;
const NAN_MARK = '\u0000NaN';
/** No literal reads as NaN, so a string stands for it; 1e999 reads as Infinity. */
const LEGAL: Readonly<Record<string, string>> = { NaN: JSON.stringify(NAN_MARK), Infinity: '1e999' };

/** JSON with NaN and ±Infinity, for the schema to refuse by the name of the field. @throws SyntaxError */
export function parseJson(text: string): unknown {
  const legal = text.replace(STRING_OR_WORD, (found) => LEGAL[found] ?? found);
  return JSON.parse(legal, (_, value) => (value === NAN_MARK ? Number.NaN : value));
}

/** Checks that a value is a results file of this schema. @throws UserError naming the first bad field */
export function parseResults(value: unknown, where: string): Results {
  const version = (value as { schema_version?: unknown } | null)?.schema_version;
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    throw new UserError(`${where}: schema_version must be at most ${SCHEMA_VERSION}, got ${version}; update attnscale`);
  }
  const results = checkSchema(resultsSchema, value, where);
  checkOnce(results, where);
  return results;
}

/** What no schema says: every cell is there once, with one entry a process, and every length of a table. */
function checkOnce({ cells, time_results, memory_results }: Results, where: string): void {
  const once = (what: string, names: readonly (string | number)[]): void => {
    const seen = new Set<string | number>();
    const twice = names.find((name) => seen.size === seen.add(name).size);
    check(twice === undefined, `${where}: ${what} must be there once, got ${twice} twice`);
  };
  const nameOf = ({ model, phase, n, mode }: Cell): string => `${model} ${phase} ${n} ${mode}`;
  once('cells: each', cells.map(nameOf));
  for (const cell of cells)
    once(
      `cells: ${nameOf(cell)}: each run`,
      cell.processes.map(({ run }) => run),
    );
  for (const [key, table] of Object.entries({ time_results, memory_results })) {
    for (const [model, row] of Object.entries(table))
      once(
        `${key}.${model}: each length`,
        Object.keys(row).map((key) => Number(key) || key),
      );
  }
}
