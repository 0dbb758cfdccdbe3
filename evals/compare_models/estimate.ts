/**
 * How long a run takes, roughly: what sampling takes at least, and typical speeds of the maps, whatever the mixer. The
 * constants are of the machine of results/README.md.
 */

import type { RunSpec } from '../../src/bench/run/run.js';
import type { CellId } from '../../src/results/cell.js';
import type { Mode } from '../../src/results/schema.js';

/** FLOPs a millisecond of prefill, and the least that a decode step takes. */
interface Speed {
  readonly flopsPerMs: number;
  readonly stepMs: number;
}

const NATIVE: Readonly<Record<Mode, Speed>> = {
  eager: { flopsPerMs: 4e7, stepMs: 2 },
  compiled: { flopsPerMs: 1.2e8, stepMs: 0.3 },
};
const WASM: Speed = { flopsPerMs: 4e6, stepMs: 0.6 };
/** Loading the backend and making weights, a process. */
const START_MS = 2000;
/** Building the graphs of a cell in compiled mode: to be fast, or fast. */
const GRAPH_MS = { thorough: 370, quick: 40 };

/** Without processes that are added for precision. */
export function estimateMs({ cells, runs, workload, rules, backend }: RunSpec): number {
  const flops = denseFlopsPerToken(workload.config) * workload.batchSize;
  const { warmup, samples } = rules;
  const callMs = (cell: CellId): number => callOf(cell, flops, workload.nTokens, speedOf(cell, backend));
  const cellMs = (cell: CellId): number => {
    const call = callMs(cell);
    const warm = Math.max(warmup.minMs, Math.min(warmup.minCalls * call, warmup.maxMs + call));
    const prompt = cell.phase === 'decode' ? (cell.n * flops) / speedOf(cell, backend).flopsPerMs : 0;
    const built = cell.mode === 'eager' ? 0 : GRAPH_MS[rules.compileThoroughly ? 'thorough' : 'quick'];
    return (
      built + prompt + call + warm + Math.max(samples.minMs, Math.min(samples.minCount * call, samples.maxMs + call))
    );
  };
  const sum = (ms: (cell: CellId) => number): number => cells.reduce((total, cell) => total + ms(cell), START_MS);
  return sum(callMs) + runs * sum(cellMs);
}

const speedOf = ({ mode }: CellId, backend: RunSpec['backend']): Speed => (backend === 'wasm' ? WASM : NATIVE[mode]);

/** One call of a cell, in ms; of a decode cell the steps of a sample. */
function callOf({ phase, n }: CellId, flops: number, nTokens: number, { flopsPerMs, stepMs }: Speed): number {
  const tokenMs = flops / flopsPerMs;
  const step = Math.max(stepMs, tokenMs);
  if (phase === 'decode') return DECODE_STEPS * step;
  return { prefill: n * tokenMs, generate: n * tokenMs + nTokens * step, recompute: nTokens * n * tokenMs }[phase];
}

const DECODE_STEPS = 32;

/** Of the maps of a layer and its feed-forward. */
function denseFlopsPerToken({ numLayers, hiddenDim, ffDim }: RunSpec['workload']['config']): number {
  return numLayers * (8 * hiddenDim ** 2 + 4 * hiddenDim * ffDim);
}
