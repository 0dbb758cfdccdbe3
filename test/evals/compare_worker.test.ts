import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROTOCOL_VERSION, type Request, replySchema } from '../../src/bench/protocol/messages.js';
import { findOwnEngine, OWN_ENGINE_IDS } from '../../src/engines/registry.js';
import { type Build, build } from '../support/built.js';

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

const HELLO: Request = { id: 1, type: 'hello', protocol: PROTOCOL_VERSION, threads: 1, thorough: false };
const BYE: Request = { id: 9, type: 'bye' };
const NAME = 'BSBR(chunk_size=8)';
const SESSION: readonly Request[] = [
  HELLO,
  {
    ...{ id: 2, type: 'load', name: NAME, model: 'BSBR', options: { chunk_size: 8 }, batch_size: 1, seed: 1 },
    ...{ shape: { vocab_size: 17, hidden_dim: 16, num_layers: 1, num_heads: 2, ff_dim: 24 }, weights: null },
  },
  { id: 3, type: 'prepare', name: NAME, phase: 'prefill', n: 3, n_tokens: 1, tokens: [[4, 2, 3]], steps: null },
  { id: 4, type: 'run', repeats: 3 },
  { id: 5, type: 'release' },
];

/** A worker whose stdin stays open, until `close`. */
function start(engine: string) {
  const file = join(built.script(''), '..', '..', 'dist', 'evals', 'compare_worker.js');
  const child = spawn(process.execPath, [file, '--engine', ...engine.split(' ')]);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  return {
    child,
    say: (...messages: readonly (Request | string)[]) => {
      for (const message of messages)
        child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
    },
    async end() {
      const code = await ended;
      const lines = stdout.split('\n').slice(0, -1);
      return { code, replies: lines.map((line) => replySchema.parse(JSON.parse(line))), stderr };
    },
    /** Resolves when it has answered so many times. */
    answers: (count: number) =>
      new Promise<void>((done) => child.stdout.on('data', () => stdout.split('\n').length > count && done())),
  };
}

const ENGINES = OWN_ENGINE_IDS.filter((id) => findOwnEngine(id, 'test').problem() === null);
const RUNTIMES = { tensorflow: 'tfjs-node', onnx: 'onnxruntime-node', browser: 'onnxruntime-web', wasm: 'tfjs-wasm' };

test.each(ENGINES)('%s says replies on stdout and nothing else, and ends by itself after bye', async (engine) => {
  const worker = start(engine);
  worker.say(...SESSION, BYE);
  const { code, replies } = await worker.end();
  expect(replies.map(({ id, type }) => [id, type])).toEqual([
    ...[[1, 'hello'], [2, 'loaded'], [3, 'prepared'], [4, 'ran'], [5, 'released'], [9, 'bye']], // biome-ignore format: a list
  ]);
  const { backend, way } = findOwnEngine(engine, 'test');
  expect(replies[0]).toMatchObject({ engine: { way, runtime: RUNTIMES[backend] } });
  if (engine !== 'tensorflow') expect(replies[0]).toMatchObject({ engine: { native_code: [] } });
  expect(replies[1]).toMatchObject({ period: 8 });
  const isHere = backend !== 'browser';
  expect(replies[4]).toMatchObject({
    ...{ leaked_tensors: isHere ? 0 : null, peak_rss_bytes: isHere ? expect.any(Number) : null },
  });
  expect(code).toBe(0);
});

describe('a worker', () => {
  test('ends when its stdin does', async () => {
    const worker = start('wasm');
    worker.say(HELLO);
    worker.child.stdin.end();
    expect(await worker.end()).toMatchObject({ code: 0, replies: [{ type: 'hello' }], stderr: '' });
  });

  test.skipIf(process.platform === 'win32')('leaves signals of the whole group to the harness', async () => {
    const worker = start('wasm');
    worker.say(HELLO);
    await worker.answers(1);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) worker.child.kill(signal);
    worker.say(BYE);
    expect(await worker.end()).toMatchObject({ code: 0, replies: [{ type: 'hello' }, { type: 'bye' }] });
  });

  test.each([
    ['an engine that is not there', 'onxx', HELLO, /^error: --engine: no engine is called onxx; did you mean/],
    ['a device that is not there', 'wasm --device gpu', HELLO, /^error: --device: must be one of cpu, got gpu$/],
    ['a line that is no request', 'wasm', 'hello', /^error: harness: must say JSON, a message a line, got "hello"$/],
  ])('says of %s in one line, and ends with exit code 2', async (_, engine, line, message) => {
    const worker = start(engine);
    worker.say(line);
    const { code, replies, stderr } = await worker.end();
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect({ code, replies }).toEqual({ code: 2, replies: [] });
  });
});
