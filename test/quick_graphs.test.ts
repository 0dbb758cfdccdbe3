import { expect, test, vi } from 'vitest';
import { DEFAULTS } from '../evals/compare_flags.js';
import { specOf } from '../evals/compare_plan.js';
import { parseLengths } from '../src/bench/lengths.js';
import type { WorkerMessage } from '../src/bench/messages.js';
import { shuffledCells } from '../src/bench/plan.js';
import { work } from '../src/bench/worker.js';
import type { NativeBackend } from '../src/compiled/trace_backend.js';
import { createModel } from '../src/models/registry.js';
import * as tf from '../src/tf.js';

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
const SMALL = { hidden_dim: 16, ff_dim: 16, vocab_size: 32, backend: 'tensorflow', retrieval_norm: 'none' } as const;

compiledTest('a quick run at the default lengths compiles 23 graphs', async () => {
  const load = vi.spyOn(tf.backend() as NativeBackend, 'loadSavedModelMetaGraph');
  const { lengths } = parseLengths(DEFAULTS.seq_lengths);
  const { cells, workload, rules } = specOf({ ...DEFAULTS, ...FLAGS, ...SMALL }, lengths, null);
  const messages: WorkerMessage[] = [];
  let ms = 0;
  await work(
    { task: 'measure', run: 0, cells: shuffledCells(cells, 1, 0), workload, rules, backend: 'tensorflow', threads: 1 },
    {
      createModel,
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
