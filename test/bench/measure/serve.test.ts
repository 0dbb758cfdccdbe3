import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseFixture } from '../../../src/bench/measure/fixture.js';
import { PARITY_TOLERANCE } from '../../../src/bench/measure/parity.js';
import { serve } from '../../../src/bench/measure/serve.js';
import { checkedLengths } from '../../../src/bench/protocol/plan.js';
import { UserError } from '../../../src/errors.js';
import type { SequenceModel } from '../../../src/models/model.js';
import { MODEL_NAMES } from '../../../src/models/registry.js';
import { parseSafeTensors } from '../../../src/models/safetensors.js';
import { PHASES } from '../../../src/results/words.js';
import { relativeError } from '../../../src/statistics.js';
import * as tf from '../../../src/tf.js';
import { GOLDEN_FILES, GOLDEN_FOLDER, goldenBytes } from '../../support/golden_files.js';
import { BATCH, cellOf, promptOf, type Served, served, unserved } from '../../support/served.js';
import { modelOf, SMALL, withSession } from '../../support/session.js';
import { temporaryFolder } from '../../support/temporary.js';

await tf.initBackend('wasm');

let worker: Served;
beforeEach(async () => {
  worker = await served({ config: SMALL });
});

describe('hello', () => {
  const hello = { protocol: 1, threads: 1, thorough: true };

  test('says what the engine is', async () => {
    expect(await unserved({ config: SMALL }).ask('hello', hello)).toMatchObject({
      protocol: 1,
      engine: {
        ...{ runtime: 'tfjs-wasm', versions: { tfjs: tf.version_core }, device: 'cpu', provider: null },
        ...{ way: 'eager', native_code: [], env: { TF_NUM_INTRAOP_THREADS: '1' } },
      },
    });
  });

  test.each([0, 2])('of protocol %i is refused', async (protocol) => {
    const asked = unserved({ config: SMALL }).ask('hello', { ...hello, protocol });
    await expect(asked).rejects.toThrow(`hello: protocol must be 1, got ${protocol}`);
  });

  test('comes first, and once', async () => {
    await expect(unserved({ config: SMALL }).load('BSBR')).rejects.toThrow('hello: must be said first');
    await expect(worker.ask('hello', hello)).rejects.toThrow('hello: must be said once');
  });
});

describe('load', () => {
  test.each([
    ['Softmax', 128],
    ['BSBR', SMALL.chunk_size],
    ['LinearTransformer', null],
    ['DeltaNet', null],
  ])('of %s says its period, %j, and its size', async (name, period) => {
    const { params, params_without_head, ...reply } = await worker.load(name);
    expect(reply).toMatchObject({ period, same_weights: true });
    expect(params_without_head).toBe((params ?? 0) - SMALL.vocabSize * (SMALL.hiddenDim + 1));
  });

  test('refuses a name that is taken, a model that is not there and a file that is not', async () => {
    await worker.load('BSBR');
    await expect(worker.load('BSBR')).rejects.toThrow('load: BSBR must be loaded once, got it again');
    await expect(worker.load('BSBQ')).rejects.toThrow('no model is called BSBQ; did you mean BSBR?');
    await expect(worker.load('Softmax', { weights: '/nowhere/w' })).rejects.toThrow('/nowhere/w');
    expect(await worker.load('BSBR', { name: 'BSBR(chunk_size=64)' })).toMatchObject({ type: 'loaded' });
  });
});

/** Of logits [B, V], the most likely token of each row. */
function bestOf(logits: Float32Array): number[] {
  const V = SMALL.vocabSize;
  const rows = Array.from({ length: BATCH }, (_, row) => [...logits.subarray(row * V, (row + 1) * V)]);
  return rows.map((values) => values.indexOf(Math.max(...values)));
}

/** The tokens [B] after the prompt of 11, each from a step of its own. */
async function greedyTokens(name: string, count: number): Promise<number[][]> {
  const model = await modelOf(name, SMALL);
  return withSession(
    model,
    ({ prefill, step }) => {
      let { logits, state } = prefill(promptOf(SMALL, 11));
      const tokens = [bestOf(logits)];
      while (tokens.length < count) {
        ({ logits, state } = step(state, tokens.at(-1) as number[]));
        tokens.push(bestOf(logits));
      }
      return tokens;
    },
    1,
  );
}

test('weights that lack one are refused, and nothing of them stays; so are those that cannot be written', async () => {
  const path = join(temporaryFolder(), 'weights.safetensors');
  await worker.load('LinearTransformer');
  await worker.ask('write_weights', { name: 'LinearTransformer', path });
  const { numTensors } = tf.memory();
  await expect(worker.load('BSBR', { weights: path })).rejects.toThrow(`${path}: layers.0.mixer.r.bias is missing`);
  expect(tf.memory().numTensors).toBe(numTensors);
  const unwritten = worker.ask('write_weights', { name: 'LinearTransformer', path: join(path, 'x') });
  await expect(unwritten).rejects.toThrow('ENOTDIR');
});

describe.each(MODEL_NAMES)('%s', (name) => {
  test.each(PHASES)(
    '%s emits the tokens of greedy steps, however often it runs, and leaves no tensor',
    async (phase) => {
      await worker.load(name);
      const { numTensors } = tf.memory();
      await worker.ask('prepare', cellOf(SMALL, name, phase));
      const tokens = await greedyTokens(name, 17);
      const last = { prefill: 0, decode: 16, generate: 3, recompute: 2 }[phase];
      for (const repeats of [1, 2, 3]) {
        expect(await worker.ask('run', { repeats })).toMatchObject({ tokens: tokens[last] });
      }
      if (phase === 'decode') expect((await worker.ask('steps', { count: 20 })).ms).toHaveLength(20);
      expect(await worker.ask('release', {})).toMatchObject({ leaked_tensors: 0, peak_rss_bytes: 1 });
      expect(tf.memory().numTensors).toBe(numTensors);
    },
  );

  test('passes its check, and is counted, without a tensor left', async () => {
    const { period } = await worker.load(name);
    const { numTensors } = tf.memory();
    await worker.ask('check', { name, tokens: promptOf(SMALL, checkedLengths(period)[3]) });
    const { steps, ...cell } = cellOf(SMALL, name, 'decode');
    const { counted } = await worker.ask('count', cell);
    expect(counted.flops).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  test('has the same logits by any way to them, and with the weights that it wrote', async () => {
    const path = join(temporaryFolder(), 'weights.safetensors');
    await worker.load(name);
    const { numTensors } = tf.memory();
    const tokens = promptOf(SMALL, 20);
    const { logits } = await worker.ask('logits', { name, tokens, prefill: 20 });
    const stepped = await worker.ask('logits', { name, tokens, prefill: 3 });
    expect(relativeError(stepped.logits.flat(), logits.flat())).toBeLessThan(1e-5);
    await worker.ask('write_weights', { name, path });
    expect(tf.memory().numTensors).toBe(numTensors);
    await worker.load(name, { name: 'read', seed: 2, weights: path });
    expect(await worker.ask('logits', { name: 'read', tokens, prefill: 20 })).toMatchObject({ logits });
    await worker.load(name, { name: 'other', seed: 2 });
    const other = await worker.ask('logits', { name: 'other', tokens, prefill: 20 });
    expect(relativeError(other.logits.flat(), logits.flat())).toBeGreaterThan(0.1);
  });
});

test.each(GOLDEN_FILES)('%s: its logits come back through the protocol, and its weights', async (file) => {
  const fixture = parseFixture(goldenBytes(file), file);
  const { model, shape, options, ids, batch, tokens, logits } = fixture;
  const config = { ...SMALL, ...shape, ...options };
  const golden = await served({ config });
  await golden.load(model, { batch_size: batch, weights: join(GOLDEN_FOLDER, file) });
  const rows = Array.from({ length: batch }, (_, row) => [...ids.subarray(row * tokens, (row + 1) * tokens)]);
  const got = await golden.ask('logits', { name: model, tokens: rows, prefill: Math.ceil(tokens / 2) });
  const V = config.vocabSize;
  for (const [row, values] of got.logits.entries()) {
    const end = (row + 1) * tokens * V;
    expect(relativeError(values, logits.subarray(end - V, end))).toBeLessThan(PARITY_TOLERANCE);
  }
  const path = join(temporaryFolder(), 'weights.safetensors');
  await golden.ask('write_weights', { name: model, path });
  const written = parseSafeTensors(readFileSync(path), path).tensors;
  const stored = parseSafeTensors(goldenBytes(file), file).tensors;
  for (const [name, tensor] of written) expect(tensor).toEqual(stored.get(name));
  const others = [...stored.keys()].filter((name) => !written.has(name));
  expect(others.filter((name) => !/^(input|expected)\./.test(name))).toEqual([]);
});

/** A worker whose clock and model tell in which order they are asked. */
async function told() {
  const events: string[] = [];
  const tell = (model: SequenceModel): SequenceModel => ({
    ...model,
    prefill: (...args) => {
      events.push('prefill');
      return model.prefill(...args);
    },
    decode: (...args) => {
      events.push(`decode ${args[3]}`);
      return model.decode(...args);
    },
  });
  let ms = 0;
  const now = () => {
    events.push('clock');
    ms += 5;
    return ms;
  };
  const telling = await served({ config: SMALL, now, wrap: tell });
  await telling.load('DeltaNet');
  return { worker: telling, events };
}

describe('time', () => {
  test('is taken once before and once after all repeats', async () => {
    const { worker, events } = await told();
    await worker.ask('prepare', cellOf(SMALL, 'DeltaNet', 'prefill'));
    events.length = 0;
    expect(await worker.ask('run', { repeats: 3 })).toMatchObject({ ms: 5 });
    expect(events).toEqual(['clock', 'prefill', 'prefill', 'prefill', 'clock']);
  });

  test('of a decode is that of its steps, in one call, or of each single one', async () => {
    const { worker, events } = await told();
    await worker.ask('prepare', cellOf(SMALL, 'DeltaNet', 'decode'));
    events.length = 0;
    await worker.ask('run', { repeats: 2 });
    expect(events).toEqual(['clock', 'decode 16', 'decode 16', 'clock']);
    events.length = 0;
    expect(await worker.ask('steps', { count: 2 })).toMatchObject({ ms: [5, 5] });
    expect(events).toEqual(['clock', 'decode 1', 'clock', 'clock', 'decode 1', 'clock']);
  });

  test('single steps go on from where the last left off', async () => {
    const lengths: number[] = [];
    const watch = (model: SequenceModel): SequenceModel => ({
      ...model,
      decode(params, state, ...rest) {
        lengths.push((state as { readonly length: number }).length);
        return model.decode(params, state, ...rest);
      },
    });
    const watched = await served({ config: SMALL, wrap: watch });
    await watched.load('BSBR');
    await watched.ask('prepare', cellOf(SMALL, 'BSBR', 'decode', 11, 8));
    lengths.length = 0;
    await watched.ask('steps', { count: 3 });
    await watched.ask('run', { repeats: 1 });
    await watched.ask('steps', { count: 2 });
    expect(lengths).toEqual([11, 12, 13, 11, 14, 15]);
  });
});

describe('what cannot be done fails with a reason, and the worker goes on', () => {
  const prefill = cellOf(SMALL, 'BSBR', 'prefill');
  test.each([
    ['run', { repeats: 1 }],
    ['steps', { count: 1 }],
    ['release', {}],
  ] as const)('%s without a cell', async (type, body) => {
    await expect(worker.ask(type, body as never)).rejects.toThrow('prepare: must come first');
  });

  test.each([
    ['a model that is not loaded', { name: 'GLA' }, 'load: must come first, got a request for GLA'],
    ['steps of prefill', { steps: 4 }, 'prepare: steps must be given of decode alone, got 4'],
    ['decode without steps', { phase: 'decode' }, 'prepare: steps must be given of decode alone, got null'],
    ['another n', { n: 12 }, 'prepare: tokens must be 12 in a row, got 11'],
    ['fewer rows', { tokens: [prefill.tokens[0]] }, 'tokens: must be 2 rows, got 1'],
    ['rows of two lengths', { tokens: [prefill.tokens[0], [1]] }, 'tokens: rows must be of one length'],
    ['an id beyond the vocabulary', { n: 1, tokens: [[1], [17]] }, 'tokens: ids must be below 17, got 17'],
  ])('%s', async (_, wrong, reason) => {
    await worker.load('BSBR');
    const { numTensors } = tf.memory();
    await expect(worker.ask('prepare', { ...prefill, ...wrong } as never)).rejects.toThrow(reason);
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(await worker.ask('prepare', prefill)).toMatchObject({ type: 'prepared' });
    await expect(worker.ask('prepare', prefill)).rejects.toThrow('prepare: the cell before must be released');
    await expect(worker.ask('steps', { count: 1 })).rejects.toThrow('steps: the prepared cell must be of decode');
    await worker.ask('release', {});
  });

  test.each(PHASES)('%s of a model that has diverged: nothing of it stays', async (phase) => {
    const spoil = (model: SequenceModel): SequenceModel => ({
      ...model,
      prefill(...args) {
        const { logits, state } = model.prefill(...args);
        const spoiled = tf.mul(logits, Number.NaN) as tf.Tensor2D;
        logits.dispose();
        return { logits: spoiled, state };
      },
    });
    const diverged = await served({ config: SMALL, wrap: spoil });
    await diverged.load('BSBR');
    const { numTensors } = tf.memory();
    const asked = diverged.ask('prepare', cellOf(SMALL, 'BSBR', phase));
    await expect(asked).rejects.toThrow('prefill: the largest logit must be finite, got NaN');
    expect(tf.memory().numTensors).toBe(numTensors);
    const logits = diverged.ask('logits', { name: 'BSBR', tokens: promptOf(SMALL, 5), prefill: 5 });
    await expect(logits).rejects.toThrow('logits: must be finite');
    await expect(diverged.ask('release', {})).rejects.toThrow('prepare: must come first');
  });

  test('logits of a longer prefill than there are tokens', async () => {
    await worker.load('BSBR');
    const asked = worker.ask('logits', { name: 'BSBR', tokens: promptOf(SMALL, 5), prefill: 6 });
    await expect(asked).rejects.toThrow('logits: prefill must be of at most all 5 tokens, got 6');
  });
});

describe('lines', () => {
  const host = {
    createModel: async () => Promise.reject(new Error('none')),
    ...{ now: () => 0, peakRssBytes: () => 1, pageFolder: '', onLost: () => undefined, env: () => ({}) },
  };
  const replies = async (...pieces: string[]) => {
    const lines: string[] = [];
    async function* input() {
      yield* pieces;
    }
    const ended = serve({ backend: 'wasm', way: 'eager' }, host, input(), (line) => lines.push(line));
    const error = await ended.then(
      () => null,
      (reason: unknown) => reason,
    );
    return { replies: lines.map((line) => JSON.parse(line)), ends: lines.map((line) => line.at(-1)), error };
  };

  test('are answered in order, a line each, until bye', async () => {
    const text = '{"id":1,"type":"release"}\n{"id":2,"type":"bye"}\n{"id":3,"type":"bye"}\n';
    expect(await replies(text.slice(0, 10), text.slice(10))).toEqual({
      replies: [
        { id: 1, type: 'failed', reason: 'prepare: must come first, got a request for a cell' },
        { id: 2, type: 'bye' },
      ],
      ...{ ends: ['\n', '\n'], error: null },
    });
  });

  test('end without bye where the harness is gone', async () => {
    expect(await replies()).toEqual({ replies: [], ends: [], error: null });
  });

  test.each(['hello\n', '{"id":1,"type":"dance"}\n', '{"id":1,"type":"run","repeats":0}\n', '{"type":"bye"}\n'])(
    'that are no requests end the worker: %j',
    async (line) => {
      const { error } = await replies(line);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(/^harness: [^\n]*$/);
    },
  );
});
