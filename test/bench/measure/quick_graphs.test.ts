import { expect, test, vi } from 'vitest';
import { DEFAULTS } from '../../../evals/compare_models/flags.js';
import { parseLengths } from '../../../evals/compare_models/lengths.js';
import { specOf } from '../../../evals/compare_models/plan.js';
import { work } from '../../../src/bench/measure/worker.js';
import type { WorkerMessage } from '../../../src/bench/protocol/messages.js';
import { DEFAULT_RULES, QUICK_RULES, shuffledCells } from '../../../src/bench/protocol/plan.js';
import type { NativeBackend } from '../../../src/compiled/record/trace_backend.js';
import { findOwnEngine } from '../../../src/engines/registry.js';
import { createModel, optionsOf } from '../../../src/models/registry.js';
import * as tf from '../../../src/tf.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

const FLAGS = {
  dry_run: false,
  no_progress: true,
  no_pin: false,
  quick: true,
  recompute: false,
  mode: 'compiled',
} as const;
const MODELS = { createModel, optionsOf, engineOf: (id: string) => findOwnEngine(id, 'test') };
const SMALL = { hidden_dim: 16, ff_dim: 16, vocab_size: 32, backend: 'tensorflow', retrieval_norm: 'none' } as const;

compiledTest('a quick run at the default lengths compiles 23 graphs', async () => {
  const load = vi.spyOn(tf.backend() as NativeBackend, 'loadSavedModelMetaGraph');
  const { lengths } = parseLengths(DEFAULTS.seq_lengths);
  const { cells, workload, rules } = specOf({ ...DEFAULTS, ...FLAGS, ...SMALL }, lengths, null);
  const messages: WorkerMessage[] = [];
  let ms = 0;
  await work(
    { task: 'measure', run: 0, cells: shuffledCells(cells, 1, 0), workload, rules, threads: 1 },
    {
      ...MODELS,
      send: (message) => messages.push(message),
      now: () => (ms += 1000),
      peakRssBytes: () => 1,
      env: () => ({}),
    },
  );
  expect(messages.filter(({ type }) => type === 'measured')).toHaveLength(cells.length);
  // prefill: 6 lengths of BSBR, 4 up to the segment of the others, and for longer ones a segment and the head; a block of
  // steps each; BSBR's bank of two sizes
  expect(load).toHaveBeenCalledTimes(6 + 2 * (4 + 2) + 3 + 2);
});

compiledTest.each([
  ['a quick run checks the models with graphs that are built fast', QUICK_RULES, /^call:/],
  ['any other run checks them with graphs that are built to be fast', DEFAULT_RULES, /^out/],
])('%s', async (_, rules, fetched) => {
  const run = vi.spyOn(tf.backend() as NativeBackend, 'runSavedModel');
  const { workload } = specOf(
    { ...DEFAULTS, ...FLAGS, ...SMALL, num_heads: 1, chunk_size: 2, scan_chunk: 2 },
    [4],
    null,
  );
  const cells = [{ model: 'LinearTransformer', phase: 'prefill', n: 4, engine: 'tensorflow' }] as const;
  await work(
    { task: 'count', engines: ['tensorflow'], cells, workload, rules, threads: 1 },
    { ...MODELS, send: () => undefined, now: () => 0, peakRssBytes: () => 1, env: () => ({}) },
  );
  const fetches = run.mock.calls.flatMap(([, , , names]) => names);
  expect(fetches.length).toBeGreaterThan(0);
  expect(fetches.filter((name) => !fetched.test(name))).toEqual([]);
  run.mockRestore();
});
