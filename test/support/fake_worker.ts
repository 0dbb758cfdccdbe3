/** Engines whose program does what a test wants instead of measuring. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Life } from '../../src/bench/run/process/launch.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import type { Engine } from '../../src/engines/engine.js';
import type { CellId } from '../../src/results/cell.js';
import { WASM } from './make_results.js';

export interface FakeEngine extends Engine {
  /** What it was asked for so far: `measure A prefill 8`. */
  asked(): string[];
  /** The program. */
  readonly file: string;
}

/**
 * An engine of ours, but in name. `onCell` is the body of `async (cell, task, times)`, run when a cell is to be prepared
 * (task `measure`) or counted (`count`), `times` being how often that was asked before; it may end the process, hang,
 * `throw` to fail the cell, or return a factor of its time. `first` runs before everything; `replies` is the body of an
 * object of functions from a request to what replies to it, for those that are to do something else.
 */
export function fakeEngine(onCell = '', { first = '', replies = '', id = 'wasm', builds = false } = {}): FakeEngine {
  const folder = mkdtempSync(join(tmpdir(), 'attnscale-engine-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [file, log] = [join(folder, 'engine.mjs'), join(folder, 'log')];
  writeFileSync(log, '');
  writeFileSync(file, programOf(onCell, first, replies, log));
  const asked = (): string[] => readFileSync(log, 'utf8').split('\n').slice(0, -1);
  return { id, command: null, builds, program: [process.execPath, file], asked, file };
}

const { id: _, command, threads, ...INFO } = WASM;
const COUNTED = {
  ...{ kernels: 1, flops: 2, bytes: 3, state_bytes: 4, state_allocated_bytes: 5, peak_activation_bytes: 6 },
};

const programOf = (onCell: string, first: string, replies: string, log: string): string => `
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const say = (text) => new Promise((done) => process.stdout.write(text, done));
const forever = () => new Promise(() => setInterval(() => {}, 1e6));
const log = ${JSON.stringify(log)};
const note = (line) => appendFileSync(log, line + '\\n');
const onCell = async (cell, task, times) => { ${onCell} };
let n, factor;
async function work(task, { name: model, phase, n }) {
  const line = [task, model, phase, n].join(' ');
  const times = readFileSync(log, 'utf8').split('\\n').filter((other) => other === line).length;
  note(line);
  return (await onCell({ model, phase, n }, task, times)) ?? 1;
}
const replies = {
  hello: () => ({ type: 'hello', protocol: 1, engine: ${JSON.stringify(INFO)} }),
  load: () => ({ type: 'loaded', period: null, same_weights: true, params: 10, params_without_head: 8 }),
  check: () => ({ type: 'checked' }),
  count: async (request) => {
    await work('count', request);
    return { type: 'counted', counted: ${JSON.stringify(COUNTED)} };
  },
  write_weights: () => ({ type: 'written' }),
  logits: ({ tokens }) => ({ type: 'logits', logits: tokens.map(() => [1, 2, 3]) }),
  prepare: async (request) => {
    [n, factor] = [request.n, await work('measure', request)];
    return { type: 'prepared', compile_ms: 0 };
  },
  run: async ({ repeats }) => {
    const ms = (repeats * factor * n) / 8000;
    if (ms > 0.5) await new Promise((done) => setTimeout(done, ms + 1));
    return { type: 'ran', ms, tokens: [1] };
  },
  steps: ({ count }) => ({ type: 'stepped', ms: Array(count).fill(n / 8000) }),
  release: () => ({ type: 'released', peak_rss_bytes: 1, leaked_tensors: 0 }),
  bye: () => ({ type: 'bye' }),
  ${replies}
};
${first}
for await (const line of createInterface({ input: process.stdin })) {
  const { id, type, ...request } = JSON.parse(line);
  let reply;
  try {
    reply = await replies[type](request);
  } catch (error) {
    reply = { type: 'failed', reason: error.message };
  }
  await say(JSON.stringify({ id, ...reply }) + '\\n');
  if (type === 'bye') process.stdin.destroy();
}`;

/** Processes that are ended by their number alone. */
export const plainLife = (signal: AbortSignal = new AbortController().signal): Life => ({
  signal,
  start: (command, args, env) => spawn(command, args, { env, stdio: 'pipe' }),
  end: (child) => void child.kill('SIGKILL'),
});

export const cellsOf = (models: readonly string[], lengths: readonly number[]): CellId[] =>
  models.flatMap((model) =>
    (['prefill', 'generate'] as const).flatMap((phase) => lengths.map((n) => ({ model, phase, n, engine: 'wasm' }))),
  );

/** A plan of two models, two phases and three lengths, of engines to be given. */
export const SPEC: RunSpec = {
  cells: cellsOf(['A', 'B'], [8, 16, 32]),
  engines: [],
  workload: {
    models: ['A', 'B'].map((name) => ({ name, model: name, options: {} })),
    shape: { vocab_size: 64, hidden_dim: 16, num_layers: 2, num_heads: 2, ff_dim: 32 },
    nTokens: 4,
    batchSize: 1,
    seed: 1,
    promptBytes: null,
  },
  rules: {
    warmup: { minCalls: 1, minMs: 0, maxCalls: 1, maxMs: 1 },
    warmSpread: 1,
    samples: { minCount: 1, minMs: 0, maxMs: 1 },
    rounds: 1,
    minSampleMs: 0,
    compileThoroughly: false,
  },
  runs: 2,
  precisionPct: 2.5,
  maxTimeS: 0,
  spinMs: 0,
  threads: 1,
};
