import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { DEFAULTS } from '../../../evals/compare_models/flags.js';
import { parseLengths } from '../../../evals/compare_models/lengths.js';
import { specOf } from '../../../evals/compare_models/plan.js';
import { checkedLengths, decodeSteps, shuffledCells, singleSteps, workOf } from '../../../src/bench/protocol/plan.js';
import type { NativeBackend } from '../../../src/compiled/tensorflow/session.js';
import * as tf from '../../../src/tf.js';
import { promptOf, served } from '../../support/served.js';
import type { Config } from '../../support/session.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

const FLAGS = {
  dry_run: false,
  no_progress: true,
  no_pin: false,
  quick: true,
  recompute: false,
  mode: 'compiled',
  options: {},
} as const;
const SMALL = { hidden_dim: 16, ff_dim: 16, vocab_size: 32, backend: 'tensorflow' } as const;
const CONFIG: Config = {
  ...{ vocabSize: 32, hiddenDim: 16, numLayers: 2, numHeads: 4, ffDim: 16 },
  ...{ chunk_size: 32, compression_factor: 2, retrieval_norm: 'none', state_size: 5, gate_rank: 3 },
};
const ENGINE = { way: 'compiled', backend: 'tensorflow' } as const;

compiledTest('a quick run at the default lengths compiles 23 graphs', async () => {
  const load = vi.spyOn(tf.backend() as NativeBackend, 'loadSavedModelMetaGraph');
  const { lengths } = parseLengths(DEFAULTS.seq_lengths);
  const { cells, workload } = specOf({ ...DEFAULTS, ...FLAGS, ...SMALL }, lengths, null);
  const worker = await served({ config: CONFIG, ...ENGINE }, { thorough: false });
  const periods = new Map<string, number | null>();
  for (const { name } of workload.models) periods.set(name, (await worker.load(name, { batch_size: 1 })).period);
  for (const cell of shuffledCells(cells, 1, 0)) {
    const period = periods.get(cell.model) ?? null;
    const isDecode = cell.phase === 'decode';
    await worker.ask('prepare', { ...workOf(cell, workload), steps: isDecode ? decodeSteps(period) : null });
    if (isDecode) await worker.ask('steps', { count: singleSteps(period) });
    await worker.ask('release', {});
  }
  // prefill: 6 lengths of BSBR, 4 up to the segment of the others, and for longer ones a segment and the head; a block of
  // steps each; BSBR's bank of two sizes
  expect(load).toHaveBeenCalledTimes(6 + 2 * (4 + 2) + 3 + 2);
  load.mockRestore();
});

/** Only a graph that nothing is done to has one (src/compiled/tensorflow/saved_model.ts). */
const BARE = 'VariableV2';

compiledTest.each([
  ['a quick run checks the models with graphs that are built fast', false],
  ['any other run checks them with graphs that are built to be fast', true],
])('%s', async (_, thorough) => {
  const backend = tf.backend() as NativeBackend;
  const graphs: string[] = [];
  const load = backend.loadSavedModelMetaGraph.bind(backend);
  const spy = vi.spyOn(backend, 'loadSavedModelMetaGraph').mockImplementation((folder, tags) => {
    graphs.push(readFileSync(join(folder, 'saved_model.pb'), 'latin1'));
    return load(folder, tags);
  });
  const worker = await served({ config: { ...CONFIG, numHeads: 1, scan_chunk: 2 }, ...ENGINE }, { thorough });
  const name = 'LinearTransformer';
  const { period } = await worker.load(name);
  await worker.ask('check', { name, tokens: promptOf(CONFIG, checkedLengths(period)[3]) });
  spy.mockRestore();
  expect(graphs.length).toBeGreaterThan(2);
  expect(graphs.filter((graph) => graph.includes(BARE)).length).toBe(thorough ? 0 : graphs.length);
});
