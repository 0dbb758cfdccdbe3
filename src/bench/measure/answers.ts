/** What a worker of ours does for each request of the protocol. */
import { readFileSync, writeFileSync } from 'node:fs';
import { check } from '../../errors.js';
import { formatSafeTensors, parseSafeTensors, type StoredTensor } from '../../models/safetensors.js';
import { noted, randomWeights, remembered, storedWeights, type WeightSource } from '../../models/weights.js';
import type { EngineInfo } from '../../results/schema.js';
import * as tf from '../../tf.js';
import { disposeTree, sizeOfTree, type Tree } from '../../tree.js';
import { PROTOCOL_VERSION, type REPLY_TO, type Reply, type Request } from '../protocol/messages.js';
import { countCell } from './counts.js';
import {
  type Holding,
  heldOf,
  holdCell,
  idsOf,
  loadedOf,
  modesOf,
  type OwnWay,
  type RequestOf,
  withIds,
} from './holding.js';
import { createModes } from './modes.js';
import { selfCheck } from './self_check.js';
import { type Subject, walk } from './subject.js';

type ReplyTo<T extends Request['type']> = Omit<Extract<Reply, { readonly type: (typeof REPLY_TO)[T] }>, 'id' | 'type'>;
/** @throws Error whose message is the reason of a failure */
export type Answer<T extends Request['type']> = (
  holding: Holding,
  request: RequestOf<T>,
) => ReplyTo<T> | Promise<ReplyTo<T>>;

export const ANSWERS: { readonly [T in Request['type']]: Answer<T> } = {
  async hello(holding, { protocol, threads, thorough }) {
    const { way, host } = holding;
    check(protocol === PROTOCOL_VERSION, `hello: protocol must be ${PROTOCOL_VERSION}, got ${protocol}`);
    check(holding.modes === null, 'hello: must be said once, got it again');
    const backend = await tf.initBackend(way.backend, threads);
    holding.modes = createModes({ clock: host.now, thoroughly: thorough });
    return { protocol: PROTOCOL_VERSION, engine: describeEngine(way, backend, host.env()) };
  },

  async load(holding, request) {
    const { models, host, way } = holding;
    const { runners } = modesOf(holding);
    check(!models.has(request.name), `load: ${request.name} must be loaded once, got it again`);
    const weights = weightsOf(holding, request);
    const model = await host.createModel(request, runners[way.way]);
    const params = model.init(weights);
    const eager = { model: await host.createModel(request, runners.eager), params };
    models.set(request.name, { request, weights, subject: { model, params }, eager });
    return { period: model.period, same_weights: true, ...countParameters(params) };
  },

  check(holding, { name, tokens }) {
    const loaded = loadedOf(holding, name);
    withIds(loaded, tokens, (ids) => selfCheck(loaded.subject, ids));
    return {};
  },

  count(holding, { name, phase, n_tokens, tokens }) {
    const loaded = loadedOf(holding, name);
    const count = (ids: tf.Tensor2D) => countCell(loaded.eager, { phase, tokens: ids, nTokens: n_tokens, steps: 1 });
    return { counted: withIds(loaded, tokens, count) };
  },

  write_weights(holding, { name, path }) {
    const { subject, weights } = loadedOf(holding, name);
    const read = new Map<string, StoredTensor>();
    disposeTree(subject.model.init(noted(weights, read)));
    writeFileSync(path, formatSafeTensors(read));
    return {};
  },

  logits(holding, { name, tokens, prefill }) {
    const loaded = loadedOf(holding, name);
    return { logits: withIds(loaded, tokens, (ids) => lastLogits(loaded.subject, ids, prefill)) };
  },

  prepare(holding, { name, phase, n, n_tokens, tokens, steps }) {
    const loaded = loadedOf(holding, name);
    const { compileMs } = modesOf(holding);
    check(holding.cell === null, 'prepare: the cell before must be released, got another one');
    check((steps !== null) === (phase === 'decode'), `prepare: steps must be given of decode alone, got ${steps}`);
    check(tokens[0]?.length === n, `prepare: tokens must be ${n} in a row, got ${tokens[0]?.length}`);
    const before = compileMs();
    const ids = idsOf(loaded, tokens);
    holding.cell = holdCell(loaded.subject, { phase, tokens: ids, nTokens: n_tokens, steps: steps ?? 1 });
    return { compile_ms: compileMs() - before };
  },

  run(holding, { repeats }) {
    const { prepared, batch } = heldOf(holding);
    const { run } = prepared;
    const { now } = holding.host;
    let emitted: tf.TypedArray = new Int32Array();
    const start = now();
    for (let i = 0; i < repeats; i++) emitted = run();
    const ms = now() - start;
    return { ms, tokens: lastColumn(emitted, batch) };
  },

  steps(holding, { count }) {
    const { singleStep } = heldOf(holding).prepared;
    const { now } = holding.host;
    check(singleStep !== null, 'steps: the prepared cell must be of decode, got another phase');
    const ms = new Array<number>(count).fill(0);
    for (let i = 0; i < count; i++) {
      const start = now();
      singleStep();
      ms[i] = now() - start;
    }
    return { ms };
  },

  release(holding) {
    const { tensors, dispose } = heldOf(holding);
    const leaked_tensors = tf.memory().numTensors - tensors;
    dispose();
    holding.cell = null;
    return { peak_rss_bytes: holding.host.peakRssBytes(), leaked_tensors };
  },

  bye: () => ({}),
};

function describeEngine(
  { way }: OwnWay,
  { backend, tensorflow, nativeCode }: tf.BackendInfo,
  env: Record<string, string>,
): EngineInfo {
  return {
    runtime: backend === 'tensorflow' ? 'tfjs-node' : 'tfjs-wasm',
    versions: { tfjs: tf.version_core, ...(tensorflow !== null && { tensorflow }) },
    ...{ device: 'cpu', provider: null, way, env },
    // XLA alone calls it.
    native_code: way === 'compiled' ? [...nativeCode] : [],
  };
}

function weightsOf({ random }: Holding, { weights, seed }: RequestOf<'load'>): WeightSource {
  if (weights !== null) return storedWeights(parseSafeTensors(readFileSync(weights), weights), weights);
  const source = random.get(seed) ?? remembered(randomWeights(seed));
  random.set(seed, source);
  return source;
}

function countParameters(params: Tree): { params: number; params_without_head: number } {
  const { head = [] } = params as { readonly [name: string]: Tree };
  const all = sizeOfTree(params);
  return { params: all, params_without_head: all - sizeOfTree(head) };
}

/** Rows of the logits after a prefill of `start` tokens and a step for each of the others. */
function lastLogits(subject: Subject, ids: tf.Tensor2D, start: number): number[][] {
  const T = ids.shape[1];
  check(start <= T, `logits: prefill must be of at most all ${T} tokens, got ${start}`);
  let rows: number[][] = [];
  for (const { logits, length } of walk(subject, ids, start)) if (length === T) rows = logits.arraySync();
  check(rows.flat().every(Number.isFinite), 'logits: must be finite, got some that are not');
  return rows;
}

/** Of values [B, …], the last in each row. */
function lastColumn(values: tf.TypedArray, batch: number): number[] {
  const width = values.length / batch;
  return Array.from({ length: batch }, (_, row) => values[(row + 1) * width - 1] as number);
}
