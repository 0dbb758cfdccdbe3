/** What a worker of ours does for each request of the protocol. */
import { readFileSync, writeFileSync } from 'node:fs';
import { check } from '../../errors.js';
import { formatSafeTensors, parseSafeTensors, type StoredTensor } from '../../models/safetensors.js';
import { noted, randomWeights, remembered, storedWeights, type WeightSource } from '../../models/weights.js';
import { disposeTree, sizeOfTree, type Tree } from '../../tree.js';
import { PROTOCOL_VERSION, type REPLY_TO, type Reply, type Request } from '../protocol/messages.js';
import { countCell } from './counts.js';
import {
  checkIds,
  type Holding,
  heldOf,
  loadedOf,
  type OwnWay,
  type Place,
  type PlaceHost,
  placeOf,
  type RequestOf,
} from './holding.js';
import { inPage } from './in_page.js';
import { inProcess } from './in_process.js';
import { selfCheck } from './self_check.js';
import { tensorOf } from './subject.js';
import type { Ids, Walker } from './walker.js';

type ReplyTo<T extends Request['type']> = Omit<Extract<Reply, { readonly type: (typeof REPLY_TO)[T] }>, 'id' | 'type'>;
/** @throws Error whose message is the reason of a failure */
export type Answer<T extends Request['type']> = (
  holding: Holding,
  request: RequestOf<T>,
) => ReplyTo<T> | Promise<ReplyTo<T>>;

/** Where an engine's models run. @param thorough whether graphs are made to run fast rather than to be ready soon */
export const openPlace = (way: OwnWay, host: PlaceHost, threads: number, thorough: boolean): Promise<Place> =>
  (way.backend === 'browser' ? inPage : inProcess)(way, host, threads, thorough);

export const ANSWERS: { readonly [T in Request['type']]: Answer<T> } = {
  async hello(holding, { protocol, threads, thorough }) {
    const { way, host } = holding;
    check(protocol === PROTOCOL_VERSION, `hello: protocol must be ${PROTOCOL_VERSION}, got ${protocol}`);
    check(holding.place === null, 'hello: must be said once, got it again');
    holding.place = await openPlace(way, host, threads, thorough);
    return { protocol: PROTOCOL_VERSION, engine: holding.place.info };
  },

  async load(holding, request) {
    const { models, host } = holding;
    const place = placeOf(holding);
    check(!models.has(request.name), `load: ${request.name} must be loaded once, got it again`);
    const weights = weightsOf(holding, request);
    const ready = await place.prepare((options) => host.createModel(request, options), weights);
    const { model, params } = ready.subject;
    const eager = { model: await host.createModel(request, {}), params };
    models.set(request.name, { request, weights, eager, ...ready });
    return { period: model.period, same_weights: true, ...countParameters(params) };
  },

  async check(holding, { name, tokens }) {
    const loaded = loadedOf(holding, name);
    checkIds(loaded, tokens);
    await selfCheck(loaded.walker, tokens);
    return {};
  },

  count(holding, { name, phase, n_tokens, tokens }) {
    const loaded = loadedOf(holding, name);
    checkIds(loaded, tokens);
    const ids = tensorOf(tokens);
    try {
      return { counted: countCell(loaded.eager, { phase, tokens: ids, nTokens: n_tokens, steps: 1 }) };
    } finally {
      ids.dispose();
    }
  },

  write_weights(holding, { name, path }) {
    const { subject, weights } = loadedOf(holding, name);
    const read = new Map<string, StoredTensor>();
    disposeTree(subject.model.init(noted(weights, read)));
    writeFileSync(path, formatSafeTensors(read));
    return {};
  },

  async logits(holding, { name, tokens, prefill }) {
    const loaded = loadedOf(holding, name);
    checkIds(loaded, tokens);
    return { logits: await lastLogits(loaded.walker, tokens, prefill) };
  },

  async prepare(holding, request) {
    const { name, phase, n, n_tokens, tokens, steps } = request;
    const loaded = loadedOf(holding, name);
    check(holding.cell === null, 'prepare: the cell before must be released, got another one');
    check((steps !== null) === (phase === 'decode'), `prepare: steps must be given of decode alone, got ${steps}`);
    check(tokens[0]?.length === n, `prepare: tokens must be ${n} in a row, got ${tokens[0]?.length}`);
    checkIds(loaded, tokens);
    holding.cell = await loaded.hold(request);
    const key = JSON.stringify([name, phase, n, n_tokens, steps]);
    const compile_ms = holding.cell.compileMs + (holding.compileMs.get(key) ?? 0);
    holding.compileMs.set(key, compile_ms);
    return { compile_ms };
  },

  run: (holding, { repeats }) => heldOf(holding).run(repeats),

  async steps(holding, { count }) {
    const { steps } = heldOf(holding);
    check(steps !== null, 'steps: the prepared cell must be of decode, got another phase');
    return { ms: await steps(count) };
  },

  async release(holding) {
    const cell = heldOf(holding);
    const leaked_tensors = cell.leakedTensors();
    await cell.dispose();
    holding.cell = null;
    return { peak_rss_bytes: placeOf(holding).peakRssBytes(), leaked_tensors };
  },

  async bye({ place }) {
    await place?.close();
    return {};
  },
};

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
async function lastLogits(walker: Walker, ids: Ids, start: number): Promise<number[][]> {
  const T = ids[0]?.length ?? 0;
  check(start <= T, `logits: prefill must be of at most all ${T} tokens, got ${start}`);
  let last: number[] = [];
  for await (const { logits, length } of walker.walk(ids, start)) if (length === T) last = Array.from(logits);
  check(last.every(Number.isFinite), 'logits: must be finite, got some that are not');
  const V = last.length / ids.length;
  return ids.map((_, row) => last.slice(row * V, (row + 1) * V));
}
