import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, type TestContext, test } from 'vitest';
import { main } from '../../evals/compare_models.js';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { parseLine } from '../../src/bench/protocol/lines.js';
import { type Reply, replySchema } from '../../src/bench/protocol/messages.js';
import { fixtureNameOf, MODEL_NAMES, ownOptions } from '../../src/models/registry.js';
import { startConversation } from '../support/conversation.js';

const PYTHON = process.env['PYTHON'] || 'python3';

interface Peer {
  readonly file: string;
  /** What it says of itself. */
  readonly engine: object;
  /** Why it cannot run here, or null. */
  readonly problem: string | null;
}
const peer = (file: string, needs: string, engine: object): Peer => {
  const hasAll = spawnSync(PYTHON, ['-c', `import ${needs}`]).status === 0;
  return { file: pathOf(file), engine, problem: hasAll ? null : `${PYTHON} cannot import ${needs}` };
};
const pathOf = (file: string): string => fileURLToPath(new URL(`../../peers/${file}`, import.meta.url));

const TORCH = peer('torch_peer.py', 'numpy, torch', { runtime: 'torch', way: 'eager', provider: null });
const ONNX = peer('onnx_peer.py', 'numpy, torch, onnxscript, onnxruntime', {
  ...{ runtime: 'onnxruntime', way: 'compiled', provider: 'CPUExecutionProvider' },
});
/** An export takes seconds: one model of each kind of state, that is sums, a cache that grows, and chunks that end. */
const EXPORTED = ['LinearTransformer', 'Softmax', 'BSBR'];
const CASES = [
  ...MODEL_NAMES.map((model) => ['PyTorch', model, TORCH] as const),
  ...EXPORTED.map((model) => ['ONNX', model, ONNX] as const),
];
const LIMIT_MS = 300_000;

const GOLDEN: Readonly<Record<string, string>> = {
  ...{ BSBR: 'bsbr-l2', LinearTransformer: 'linear-batch', DeltaNet: 'delta-t37', Softmax: 'softmax-batch' },
  ...{ SlidingWindow: 'window-t37', RetNet: 'retnet-batch-h4', GLA: 'gla-strong', Mamba2: 'mamba2-strong' },
  ...{ GatedDeltaNet: 'gated-delta-strong', KDA: 'kda-strong' },
};

/** A peer that has said hello, and was asked to load the weights of a golden file as `row`. */
async function load(at: TestContext, { file, problem }: Peer, model: string, change: object = {}) {
  at.skip(problem !== null, problem ?? '');
  const path = fileURLToPath(new URL(`../fixtures/${GOLDEN[model]}.safetensors`, import.meta.url));
  const golden = parseFixture(readFileSync(path), path);
  const { vocabSize, hiddenDim, numLayers, numHeads, ffDim } = golden.shape;
  const shape = {
    ...{ vocab_size: vocabSize, hidden_dim: hiddenDim, num_layers: numLayers, num_heads: numHeads, ff_dim: ffDim },
  };
  const options = ownOptions(model, golden.options);
  const { ask, ended } = startConversation(PYTHON, [file]);
  let id = 0;
  const request = async (type: string, fields: object = {}): Promise<Reply> => {
    const line = await ask(JSON.stringify({ id: ++id, type, ...fields }));
    const reply = parseLine(replySchema, line ?? 'nothing', 'peer');
    expect(reply.id).toBe(id);
    return reply;
  };
  const hello = await request('hello', { protocol: 1, threads: 1, thorough: true });
  const order = { name: 'row', model, options, shape, batch_size: golden.batch, seed: 1, weights: path, ...change };
  return { hello, loaded: await request('load', order), golden, request, ended, order };
}

const rowsOf = (values: ArrayLike<number>, rows: number): number[][] => {
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, row) => Array.from(values).slice(row * size, (row + 1) * size));
};

describe.each(CASES)('the %s peer and %s', (_, model, peer) => {
  test('give the logits of the golden file, by prefill and by steps, with its weights', {
    timeout: LIMIT_MS,
  }, async (at) => {
    const { hello, loaded, golden, request } = await load(at, peer, model);
    expect(hello).toMatchObject({ type: 'hello', protocol: 1, engine: peer.engine });
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

  test('end every repeat of a cell with the same tokens, from the same start, and say bye', {
    timeout: LIMIT_MS,
  }, async (at) => {
    const { golden, request, ended } = await load(at, peer, model);
    const tokens = rowsOf(golden.ids, golden.batch);
    const n = golden.tokens;
    const last = async (phase: string, n_tokens: number, steps: number | null, repeats: number) => {
      const prepared = await request('prepare', { name: 'row', phase, n, n_tokens, tokens, steps });
      expect(prepared).toMatchObject({ type: 'prepared', compile_ms: peer === ONNX ? expect.any(Number) : 0 });
      const ran = await request('run', { repeats });
      expect(ran.type).toBe('ran');
      return (ran as Extract<Reply, { type: 'ran' }>).tokens;
    };
    const once = await last('decode', 1, 8, 1);
    expect(once).toHaveLength(golden.batch);
    expect(await request('steps', { count: 5 })).toMatchObject({ type: 'stepped', ms: { length: 5 } });
    expect(await request('run', { repeats: 3 })).toMatchObject({ tokens: once });
    expect(await last('generate', 8, null, 2)).toEqual(once);
    expect(await last('prefill', 1, null, 1)).toEqual(await last('recompute', 1, null, 2));
    if (peer === TORCH) expect(await last('recompute', 9, null, 1)).toEqual(once);
    const released = await request('release');
    expect(released).toMatchObject({ type: 'released', leaked_tensors: null });
    expect((released as Extract<Reply, { type: 'released' }>).peak_rss_bytes).toBeGreaterThan(2 ** 20);
    expect(await request('bye')).toMatchObject({ type: 'bye' });
    expect(await ended).toBe(0);
  });
});

test('the PyTorch peer computes what a plain float64 recurrence does, whatever decays there are', {
  timeout: LIMIT_MS,
}, (at) => {
  at.skip(TORCH.problem !== null, TORCH.problem ?? '');
  const { status, stdout } = spawnSync(PYTHON, [TORCH.file, '--check', '--fixtures', '/nowhere'], { encoding: 'utf8' });
  expect(stdout).toContain('kda -10000..10000');
  expect(stdout).toMatch(/^all \d+ pass/m);
  expect(status).toBe(0);
});

describe('the PyTorch peer', () => {
  test('says that random weights are not those of the harness', async (at) => {
    const { loaded } = await load(at, TORCH, 'DeltaNet', { weights: null });
    expect(loaded).toMatchObject({ type: 'loaded', same_weights: false });
  });
  test('makes a hybrid of layers with options of their own, whose period is that of all', async (at) => {
    const { request, order } = await load(at, TORCH, 'BSBR');
    const options = {
      'BSBR.1.chunk_size': 6,
      'BSBR.2.chunk_size': 4,
      'Softmax.kv_heads': 1,
      'DeltaNet.scan_chunk': 64,
    };
    const hybrid = { model: 'BSBR+Softmax+BSBR+2*DeltaNet', shape: { ...order.shape, num_layers: 10 }, weights: null };
    expect(await request('load', { ...order, ...hybrid, options })).toMatchObject({ type: 'loaded', period: 12 });
    const logitsAfter = async (prefill: number) => {
      const reply = await request('logits', {
        name: 'row',
        tokens: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
        prefill,
      });
      return (reply as Extract<Reply, { type: 'logits' }>).logits[0]!;
    };
    const whole = await logitsAfter(13);
    for (const [i, x] of (await logitsAfter(2)).entries()) expect(x).toBeCloseTo(whole[i]!, 4);
  });
  test('fails to load a model, an option or a file that it does not know, in one line each', async (at) => {
    const { loaded, request } = await load(at, TORCH, 'BSBR', { model: 'Hyena' });
    const reason = expect.stringMatching(/^ValueError: model must be one of BSBR, .*, KDA, got Hyena$/);
    expect(loaded).toMatchObject({ type: 'failed', reason });
    const shape = { hidden_dim: 8, num_heads: 2, num_layers: 1 };
    const order = { name: 'row', model: 'BSBR', shape, seed: 1, weights: '/nowhere' };
    const reasonOf = async (options: object, change: object = {}) =>
      (await request('load', { ...order, options, ...change })) as object;
    expect(await reasonOf({ rope: true })).toMatchObject({
      reason: expect.stringMatching(/^ValueError: options .* rope$/),
    });
    expect(await reasonOf({})).toMatchObject({ reason: expect.stringMatching(/^FileNotFoundError: .*'\/nowhere'$/) });
    expect(await reasonOf({}, { model: '3*KDA+Softmax' })).toMatchObject({
      reason: 'ValueError: the 4 layers of 3*KDA+Softmax must divide num_layers, got 1',
    });
    expect(await request('run', { repeats: 1 })).toMatchObject({
      reason: 'ValueError: prepare: must come first, got a request for a cell',
    });
    expect(await request('bye')).toMatchObject({ type: 'bye' });
  });
  test('refuses weights of another model or shape, by the name of the first', async (at) => {
    const { loaded } = await load(at, TORCH, 'BSBR', { model: 'KDA', options: {} });
    const reason = 'ValueError: weights: layers.0.mixer.q_conv.weight must be [16, 4], got none';
    expect(loaded).toMatchObject({ type: 'failed', reason });
  });
});

test('every model has the name that the peers know it by', () => {
  const known = /^MODELS = \{(.*?)^\}$/ms.exec(readFileSync(pathOf('serving.py'), 'utf8'))?.[1] ?? '';
  for (const name of MODEL_NAMES) expect(known).toContain(`"${name}": "${fixtureNameOf(name)}"`);
});

test('npm run peers measures PyTorch, eager, compiled and exported, beside ours', async () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const [, flags = ''] = /compare_models\.js (.*)$/.exec(scripts.peers) ?? [];
  const argv = [...flags.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
  let plan = '';
  const streams = { stdout: { write: (text: string) => (plan += text) }, stderr: { write: () => true } };
  expect(await main([...argv, '--dry_run'], streams)).toBe(0);
  const torch = 'torch-eager (python3 peers/torch_peer.py), torch-compile (python3 peers/torch_peer.py --mode compile)';
  expect(plan).toMatch(/^engines +(tensorflow|onnx|wasm), /m);
  expect(plan).toContain(`${torch}, onnx-torch (python3 peers/onnx_peer.py)`);
});
