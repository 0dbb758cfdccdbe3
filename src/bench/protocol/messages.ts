/**
 * The protocol between the harness and a worker (docs/protocol.md): JSON lines, each request answered by one reply of the
 * same id. The harness asks on the worker's stdin; the worker replies on its stdout, and may write what it likes on stderr.
 */
import { z } from 'zod';
import { countedSchema, engineInfoSchema } from '../../results/schema.js';
import { PHASES } from '../../results/words.js';

export const PROTOCOL_VERSION = 1;

const id = z.int().positive();
const count = z.int().nonnegative();
const amount = z.number().nonnegative();
/** Token ids [B, T]. */
const tokens = z.array(z.array(count));
/** The row's name in results: several rows may be one model with other options. */
const name = z.string();

const shape = z.strictObject({
  vocab_size: count,
  hidden_dim: count,
  num_layers: count,
  num_heads: count,
  ff_dim: count,
});
const phase = z.enum(PHASES);
/** What a cell is of: a prompt [B, n], and the tokens that a generate or recompute emits. */
const work = { name, phase, n: count.min(1), n_tokens: count.min(1), tokens };

export const requestSchema = z.discriminatedUnion('type', [
  /** The first request of a process. @property thorough whether graphs are made to run fast rather than to be ready soon */
  z.strictObject({ id, type: z.literal('hello'), protocol: z.int(), threads: count.min(1), thorough: z.boolean() }),
  /** Makes a model ready. @property weights a safetensors file by the names of docs/models.md, or null: made from the seed */
  z.strictObject({
    id,
    type: z.literal('load'),
    name,
    model: z.string(),
    options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    shape,
    batch_size: count.min(1),
    seed: count,
    weights: z.string().nullable(),
  }),
  /** Own workers: the self-check of docs/method.md, A.1. */
  z.strictObject({ id, type: z.literal('check'), name, tokens }),
  /** Own workers: exact counts of one call. */
  z.strictObject({ id, type: z.literal('count'), ...work }),
  /** Own workers: the model's weights as a safetensors file. */
  z.strictObject({ id, type: z.literal('write_weights'), name, path: z.string() }),
  /** Logits [B, V] of the last position: prefill of the first `prefill` tokens, a step for each of the others. */
  z.strictObject({ id, type: z.literal('logits'), name, tokens, prefill: count.min(1) }),
  /** Makes a cell ready, graphs built and run once. @property steps decode: the steps of one repeat; else null */
  z.strictObject({ id, type: z.literal('prepare'), ...work, steps: count.min(1).nullable() }),
  /** Runs the prepared cell `repeats` times, each from the same start, until its last tokens are known. */
  z.strictObject({ id, type: z.literal('run'), repeats: count.min(1) }),
  /** Decode: `count` single steps, going on from where the last left off, each timed alone. */
  z.strictObject({ id, type: z.literal('steps'), count: count.min(1) }),
  /** Frees what the prepared cell holds. */
  z.strictObject({ id, type: z.literal('release') }),
  /** The last request: the worker replies and ends with exit code 0. */
  z.strictObject({ id, type: z.literal('bye') }),
]);

export const replySchema = z.discriminatedUnion('type', [
  z.object({ id, type: z.literal('hello'), protocol: z.int(), engine: engineInfoSchema }),
  /** @property period tokens after which a step costs more, null: never; own workers say the sizes of the model too */
  z.object({
    id,
    type: z.literal('loaded'),
    period: count.min(1).nullable(),
    /** Whether the weights are those of the file, or of the seed as ours are: else results cannot be compared. */
    same_weights: z.boolean(),
    params: count.optional(),
    params_without_head: count.optional(),
  }),
  z.object({ id, type: z.literal('checked') }),
  z.object({ id, type: z.literal('counted'), counted: countedSchema }),
  z.object({ id, type: z.literal('written') }),
  z.object({ id, type: z.literal('logits'), logits: z.array(z.array(z.number())) }),
  /** @property compile_ms time to build the cell's graphs, now or when it was prepared before; no part of any sample */
  z.object({ id, type: z.literal('prepared'), compile_ms: amount }),
  /** @property ms by the worker's clock, of all repeats; @property tokens the last ones [B] */
  z.object({ id, type: z.literal('ran'), ms: amount, tokens: z.array(count) }),
  z.object({ id, type: z.literal('stepped'), ms: z.array(amount) }),
  /** @property peak_rss_bytes largest resident set of the process so far; null where it is not known */
  z.object({
    id,
    type: z.literal('released'),
    peak_rss_bytes: count.nullable(),
    leaked_tensors: z.int().nullable(),
  }),
  z.object({ id, type: z.literal('bye') }),
  /** What was asked cannot be done: of `hello` the engine is refused, of `load` the model, of the others the cell. */
  z.object({ id, type: z.literal('failed'), reason: z.string() }),
]);

export type Request = z.infer<typeof requestSchema>;
export type Reply = z.infer<typeof replySchema>;
/** What a request says beside its type and number. */
export type Details<T extends Request['type']> = Omit<Extract<Request, { readonly type: T }>, 'id' | 'type'>;
export type ReplyOf<T extends Request['type']> = Extract<Reply, { readonly type: (typeof REPLY_TO)[T] }>;

/** What answers a request, but for `failed`. */
export const REPLY_TO = {
  hello: 'hello',
  load: 'loaded',
  check: 'checked',
  count: 'counted',
  write_weights: 'written',
  logits: 'logits',
  prepare: 'prepared',
  run: 'ran',
  steps: 'stepped',
  release: 'released',
  bye: 'bye',
} as const satisfies Record<Request['type'], Reply['type']>;
