import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { main } from '../../evals/compare_models.js';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { parseLine } from '../../src/bench/protocol/lines.js';
import { type Reply, replySchema } from '../../src/bench/protocol/messages.js';
import { fixtureNameOf, MODEL_NAMES, ownOptions } from '../../src/models/registry.js';
import { startConversation } from '../support/conversation.js';

const PEER = fileURLToPath(new URL('../../peers/torch_peer.py', import.meta.url));
const PYTHON = process.env['PYTHON'] || 'python3';
const hasTorch = spawnSync(PYTHON, ['-c', 'import numpy, torch']).status === 0;

const GOLDEN: Readonly<Record<string, string>> = {
  BSBR: 'bsbr-l2',
  LinearTransformer: 'linear-batch',
  DeltaNet: 'delta-t37',
  Softmax: 'softmax-batch',
};

/** A peer that has said hello, with the weights of a golden file as `row`. */
async function load(model: string, change: object = {}) {
  const path = fileURLToPath(new URL(`../fixtures/${GOLDEN[model]}.safetensors`, import.meta.url));
  const golden = parseFixture(readFileSync(path), path);
  const { vocabSize, hiddenDim, numLayers, numHeads, ffDim } = golden.shape;
  const shape = {
    ...{ vocab_size: vocabSize, hidden_dim: hiddenDim, num_layers: numLayers, num_heads: numHeads, ff_dim: ffDim },
  };
  const options = ownOptions(model, golden.options);
  const { ask, ended } = startConversation(PYTHON, [PEER]);
  let id = 0;
  const request = async (type: string, fields: object = {}): Promise<Reply> => {
    const line = await ask(JSON.stringify({ id: ++id, type, ...fields }));
    const reply = parseLine(replySchema, line ?? 'nothing', 'peer');
    expect(reply.id).toBe(id);
    return reply;
  };
  const hello = await request('hello', { protocol: 1, threads: 1, thorough: true });
  const order = { name: 'row', model, options, shape, batch_size: golden.batch, seed: 1, weights: path, ...change };
  return { hello, loaded: await request('load', order), golden, request, ended };
}

const rowsOf = (values: ArrayLike<number>, rows: number): number[][] => {
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, row) => Array.from(values).slice(row * size, (row + 1) * size));
};

describe.skipIf(!hasTorch).each(MODEL_NAMES)('the PyTorch peer and %s', (model) => {
  test('give the logits of the golden file, by prefill and by steps, with its weights', async () => {
    const { hello, loaded, golden, request } = await load(model);
    expect(hello).toMatchObject({ type: 'hello', protocol: 1, engine: { runtime: 'torch', way: 'eager' } });
    const period = model === 'BSBR' ? golden.options['chunk_size'] : null;
    expect(loaded).toMatchObject({ type: 'loaded', period, same_weights: true });
    const tokens = rowsOf(golden.ids, golden.batch);
    const expected = rowsOf(golden.logits, golden.batch).map((row) => row.slice(-golden.shape.vocabSize));
    for (const prefill of [golden.tokens, 3]) {
      const reply = await request('logits', { name: 'row', tokens, prefill });
      const { logits } = reply as Extract<Reply, { type: 'logits' }>;
      for (const [b, row] of expected.entries())
        for (const [v, x] of row.entries()) expect(logits[b]![v]).toBeCloseTo(x, 3);
    }
  });

  test('end every repeat of a cell with the same tokens, from the same start, and say bye', async () => {
    const { golden, request, ended } = await load(model);
    const tokens = rowsOf(golden.ids, golden.batch);
    const n = golden.tokens;
    const last = async (phase: string, n_tokens: number, steps: number | null, repeats: number) => {
      const prepared = await request('prepare', { name: 'row', phase, n, n_tokens, tokens, steps });
      expect(prepared).toMatchObject({ type: 'prepared', compile_ms: 0 });
      const ran = await request('run', { repeats });
      expect(ran.type).toBe('ran');
      return (ran as Extract<Reply, { type: 'ran' }>).tokens;
    };
    const once = await last('decode', 1, 8, 1);
    expect(once).toHaveLength(golden.batch);
    expect(await request('steps', { count: 5 })).toMatchObject({ type: 'stepped', ms: { length: 5 } });
    expect(await request('run', { repeats: 3 })).toMatchObject({ tokens: once });
    expect(await last('generate', 8, null, 2)).toEqual(once);
    expect(await last('recompute', 9, null, 1)).toEqual(once);
    expect(await last('prefill', 1, null, 1)).toEqual(await last('recompute', 1, null, 2));
    const released = await request('release');
    expect(released).toMatchObject({ type: 'released', leaked_tensors: null });
    expect((released as Extract<Reply, { type: 'released' }>).peak_rss_bytes).toBeGreaterThan(2 ** 20);
    expect(await request('bye')).toMatchObject({ type: 'bye' });
    expect(await ended).toBe(0);
  });
});

describe.skipIf(!hasTorch)('the PyTorch peer', () => {
  test('says that random weights are not those of the harness', async () => {
    const { loaded } = await load('DeltaNet', { weights: null });
    expect(loaded).toMatchObject({ type: 'loaded', same_weights: false });
  });
  test('fails to load a model, an option or a file that it does not know, in one line each', async () => {
    const { loaded, request } = await load('BSBR', { model: 'Hyena' });
    const reason = 'ValueError: model must be one of BSBR, LinearTransformer, DeltaNet, Softmax, got Hyena';
    expect(loaded).toMatchObject({ type: 'failed', reason });
    const order = { name: 'row', model: 'BSBR', shape: { hidden_dim: 8, num_heads: 2 }, seed: 1, weights: '/nowhere' };
    const reasonOf = async (options: object) => (await request('load', { ...order, options })) as object;
    expect(await reasonOf({ rope: true })).toMatchObject({
      reason: expect.stringMatching(/^ValueError: options .* rope$/),
    });
    expect(await reasonOf({})).toMatchObject({ reason: expect.stringMatching(/^FileNotFoundError: .*'\/nowhere'$/) });
    expect(await request('bye')).toMatchObject({ type: 'bye' });
  });
});

test('every model has the name that the peer knows it by', () => {
  const known = /^MODELS = \{(.*)\}$/m.exec(readFileSync(PEER, 'utf8'))?.[1] ?? '';
  for (const name of MODEL_NAMES) expect(known).toContain(`"${name}": "${fixtureNameOf(name)}"`);
});

test('npm run peers measures both modes of the peer beside ours', async () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const [, flags = ''] = /compare_models\.js (.*)$/.exec(scripts.peers) ?? [];
  const argv = [...flags.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
  let plan = '';
  const streams = { stdout: { write: (text: string) => (plan += text) }, stderr: { write: () => true } };
  expect(await main([...argv, '--dry_run'], streams)).toBe(0);
  const peers = 'torch-eager (python3 peers/torch_peer.py), torch-compile (python3 peers/torch_peer.py --mode compile)';
  expect(plan).toMatch(/^engines +(tensorflow|wasm), /m);
  expect(plan).toContain(peers);
});
