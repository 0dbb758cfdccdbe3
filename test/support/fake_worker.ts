/** Worker processes that do what a test wants instead of measuring. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunSpec } from '../../src/bench/run/run.js';
import type { CellId } from '../../src/results/cell.js';
import { makeModel, WASM } from './make_results.js';

/**
 * A worker file. `onCell` is the body of `async (cell, order)`, run between start and the answer for each cell; it may
 * end the process, hang, `throw` to fail the cell, or return a factor of its time. `first` runs before everything.
 */
export function fakeWorker(onCell = '', first = ''): string {
  const folder = mkdtempSync(join(tmpdir(), 'attnscale-worker-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'worker.mjs');
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs';
    const send = (message) => new Promise((done) => process.send(message, done));
    const counted = ${JSON.stringify(COUNTED)};
    const onCell = async (cell, order) => { ${onCell} };
    process.once('message', async (order) => {
      ${first}
      await send({ type: 'ready', engines: [${JSON.stringify(WASM)}] });
      const failed = [];
      for (const [position, cell] of order.cells.entries()) {
        const isLonger = ({ model, phase, n }) => model === cell.model && phase === cell.phase && cell.n > n;
        if (failed.some(isLonger)) continue;
        await send({ type: 'start', cell });
        let factor;
        try {
          factor = (await onCell(cell, order)) ?? 1;
        } catch (error) {
          failed.push(cell);
          await send({ type: 'failed', cell, reason: error.message });
          continue;
        }
        if (order.task === 'count') {
          await send({ type: 'model', model: { ...${JSON.stringify(makeModel(''))}, name: cell.model, model: cell.model } });
          await send({ type: 'counted', cell, counted });
        } else {
          const times = { warmup_ms: [3], compile_ms: 0, samples_ms: [(factor * cell.n) / 8, (factor * cell.n) / 4], steps: null, steps_ms: null, batch: 1 };
          const process = { run: order.run, order: position, ...times, peak_rss_bytes: 1, leaked_tensors: 0 };
          await send({ type: 'measured', cell, process });
        }
      }
      await send({ type: 'done' });
      process.disconnect();
    });`,
  );
  return file;
}

const COUNTED = {
  kernels: 1,
  flops: 2,
  bytes: 3,
  state_bytes: 4,
  state_allocated_bytes: 5,
  peak_activation_bytes: 6,
};

export const cellsOf = (models: readonly string[], lengths: readonly number[]): CellId[] =>
  models.flatMap((model) =>
    (['prefill', 'generate'] as const).flatMap((phase) => lengths.map((n) => ({ model, phase, n, engine: 'wasm' }))),
  );

/** A plan of two models, two phases and three lengths. */
export const SPEC: RunSpec = {
  cells: cellsOf(['A', 'B'], [8, 16, 32]),
  workload: {
    config: {
      vocabSize: 64,
      hiddenDim: 16,
      numLayers: 2,
      numHeads: 2,
      ffDim: 32,
      chunkSize: 8,
      scanChunk: 8,
      compressionFactor: 2,
      retrievalNorm: 'none',
    },
    nTokens: 4,
    batchSize: 1,
    seed: 1,
    promptBytes: null,
  },
  rules: {
    warmup: { minCalls: 1, minMs: 0, maxCalls: 1, maxMs: 1 },
    warmSpread: 1,
    samples: { minCount: 1, minMs: 0, maxMs: 1 },
    minSampleMs: 0,
    compileThoroughly: false,
  },
  runs: 2,
  precisionPct: 2.5,
  maxTimeS: 0,
  spinMs: 0,
  threads: 1,
};
