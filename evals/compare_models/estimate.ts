/**
 * How long a run takes, roughly: what sampling takes at least, and typical speeds of the maps, whatever the mixer. The
 * constants are of the machine of results/README.md.
 */

import { inRound, takesOneRound } from '../../src/bench/protocol/plan.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import type { CellId } from '../../src/results/cell.js';

/** FLOPs a millisecond of prefill, the least that a decode step takes, and building the graphs of a cell: to be fast, or fast. */
interface Speed {
  readonly flopsPerMs: number;
  readonly stepMs: number;
  readonly graphMs: { readonly thorough: number; readonly quick: number };
}

const NO_GRAPHS = { thorough: 0, quick: 0 };
const COMPILED: Speed = { flopsPerMs: 1.2e8, stepMs: 0.3, graphMs: { thorough: 370, quick: 40 } };
const SPEEDS: ReadonlyMap<string, Speed> = new Map([
  ['tensorflow-eager', { flopsPerMs: 4e7, stepMs: 2, graphMs: NO_GRAPHS }],
  ['onnx', { ...COMPILED, flopsPerMs: 6e7, graphMs: { thorough: 40, quick: 40 } }],
  ['wasm', { flopsPerMs: 4e6, stepMs: 0.6, graphMs: NO_GRAPHS }],
]);
/** Where it is counted, kernel by kernel, what the cells of an engine do, if not by itself. */
const COUNTED_ON: ReadonlyMap<string, string> = new Map([
  ['tensorflow', 'tensorflow-eager'],
  ['onnx', 'wasm'],
  ['onnx:op', 'wasm'],
  ['browser', 'wasm'],
]);
/** Loading the backend and making weights, a process. */
const START_MS = 2000;

/** Without processes that are added for precision. */
export function estimateMs({ cells, runs, workload, rules }: RunSpec): number {
  const flops = denseFlopsPerToken(workload.shape) * workload.batchSize;
  const { warmup } = rules;
  const callMs = (cell: CellId): number => callOf(cell, flops, workload.nTokens, speedOf(cell));
  const promptMs = ({ phase, n }: CellId, { flopsPerMs }: Speed): number =>
    phase === 'decode' ? (n * flops) / flopsPerMs : 0;
  const countMs = ({ engine, ...work }: CellId): number => {
    const cell = { ...work, engine: COUNTED_ON.get(engine) ?? engine };
    return promptMs(cell, speedOf(cell)) + callMs(cell);
  };
  const cellMs = (cell: CellId): number => {
    const call = callMs(cell);
    const warm = Math.max(warmup.minMs, Math.min(warmup.minCalls * call, warmup.maxMs + call));
    const prompt = promptMs(cell, speedOf(cell));
    const built = speedOf(cell).graphMs[rules.compileThoroughly ? 'thorough' : 'quick'];
    const { samples, rounds } = takesOneRound(rules, prompt + call)
      ? { ...rules, rounds: 1 }
      : { ...inRound(rules), rounds: rules.rounds };
    const sampled = Math.max(samples.minMs, Math.min(samples.minCount * call, samples.maxMs + call));
    return built + warm + rounds * (prompt + call + sampled);
  };
  const sum = (of: readonly CellId[], ms: (cell: CellId) => number): number =>
    of.reduce((total, cell) => total + ms(cell), START_MS);
  const counting = cells.filter(({ engine }) => engine === cells[0]?.engine);
  return sum(counting, countMs) + runs * sum(cells, cellMs);
}

/** Someone else's are taken for compiled. */
const speedOf = ({ engine }: CellId): Speed => SPEEDS.get(engine) ?? COMPILED;

/** One call of a cell, in ms; of a decode cell the steps of a sample. */
function callOf({ phase, n }: CellId, flops: number, nTokens: number, { flopsPerMs, stepMs }: Speed): number {
  const tokenMs = flops / flopsPerMs;
  const step = Math.max(stepMs, tokenMs);
  if (phase === 'decode') return DECODE_STEPS * step;
  return { prefill: n * tokenMs, generate: n * tokenMs + nTokens * step, recompute: nTokens * n * tokenMs }[phase];
}

/** The least there are: whole periods of a model may be more, but only a loaded model says its period. */
const DECODE_STEPS = 32;

/** Of the maps of a layer and its feed-forward. */
function denseFlopsPerToken({ num_layers, hidden_dim, ff_dim }: RunSpec['workload']['shape']): number {
  return num_layers * (8 * hidden_dim ** 2 + 4 * hidden_dim * ff_dim);
}
