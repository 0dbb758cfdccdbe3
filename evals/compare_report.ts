/** What compare-models prints: its plan, its table, its warnings. */
import { bytesText, integerText, timeText } from '../src/analysis/format.js';
import { type Table, toTerminal } from '../src/analysis/tables.js';

import type { RunSpec } from '../src/bench/run.js';
import type { Cell, Phase, Results } from '../src/results.js';

const NOT_MEASURED = '–';

/** One row a model, mode and length. */
export function reportText(results: Results): string {
  const { cells, config, machine, runtime } = results;
  const phases = [...new Set(cells.map(({ phase }) => phase))];
  const modes = new Set(cells.map(({ mode }) => mode));
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = `${cell.model} ${cell.mode} ${cell.n}`;
    rows.set(key, [...(rows.get(key) ?? []), cell]);
  }
  const name = ({ model, mode }: Cell): string => (modes.size > 1 ? `${model} (${mode})` : model);
  const table: Table = {
    title: `Times on ${runtime.backend}, ${[...modes].join(' and ')}, ${machine.threads} thread(s)${machine.noisy ? ' [NOISY MACHINE]' : ''}`,
    columns: ['Model', 'n', ...phases.map((phase) => HEADINGS[phase](config.n_tokens)), 'Decode tokens/s', 'State'],
    rows: [...rows.values()].map((row) => [
      name(row[0] as Cell),
      integerText((row[0] as Cell).n),
      ...phases.map((phase) => valueText(row.find((cell) => cell.phase === phase))),
      rateText(row.find(({ phase }) => phase === 'decode')),
      stateText(row),
    ]),
    notes: notesOf(results),
  };
  return toTerminal([table], (text) => text);
}

const HEADINGS: Record<Phase, (nTokens: number) => string> = {
  prefill: () => 'Prefill of n',
  decode: () => 'Decode, a token at depth n',
  generate: (nTokens) => `Prefill and ${nTokens} tokens`,
  recompute: (nTokens) => `${nTokens} tokens, recomputed`,
};

function valueText(cell: Cell | undefined): string {
  if (cell === undefined) return NOT_MEASURED;
  if (cell.summary === null) return cell.status;
  const { value_ms: value, ci95_ms: ci } = cell.summary;
  return timeText({ value, ci });
}

function rateText(decode: Cell | undefined): string {
  const rate = decode?.summary?.tokens_per_s;
  return rate === undefined ? NOT_MEASURED : integerText(Math.round(rate));
}

function stateText(row: readonly Cell[]): string {
  const counted = row.find((cell) => cell.counted !== null)?.counted;
  return counted ? bytesText(counted.state_bytes) : NOT_MEASURED;
}

function notesOf({ config, cells }: Results): string[] {
  const processes = Math.max(0, ...cells.map((cell) => cell.processes.length));
  const interval = processes < 5 ? 'fewer than 5 processes: no intervals' : '± is the 95 % interval over processes';
  const troubles = cells.filter(({ status }) => status === 'failed' || status === 'timeout');
  return [
    `The fastest sample of each process, median over ${processes} (of ${config.runs}); ${interval}.`,
    ...troubles.map(
      ({ model, phase, n, mode, status, reason }) => `${model} ${phase} n = ${n} (${mode}): ${status}: ${reason}`,
    ),
  ];
}

/** What a reader must know before believing the table: what was seen, why it matters, what to do. */
export function warningsOf({ machine, cells, runtime }: Results): string[] {
  const warnings: string[] = [];
  if (machine.noisy) {
    const noise = (100 * (machine.noise_cv ?? 0)).toFixed(0);
    warnings.push(
      `a fixed loop varied by ${noise} % during the run: times are less sure than their intervals say; close other programs, or add --runs`,
    );
  }
  const leaking = cells.find(({ processes }) => processes.some(({ leaked_tensors }) => leaked_tensors !== 0));
  if (leaking) {
    warnings.push(
      `${leaking.model} ${leaking.phase} left tensors behind: memory grows with every call; report it as a bug of the model`,
    );
  }
  const severe = cells.filter(({ summary }) => (summary?.outliers.severe ?? 0) > 0).length;
  if (severe > 0) {
    warnings.push(
      `${severe} of ${cells.length} cells have samples far from the rest (kept): something else ran meanwhile; minima are used, so values hold`,
    );
  }
  if (runtime.backend === 'wasm') {
    warnings.push(
      'measured on the wasm backend: not comparable with native times; `npm run setup` brings the native backend',
    );
  }
  return warnings;
}

/** The plan, without measuring anything. */
export function planText(spec: RunSpec, file: string): string {
  const { cells, runs, workload, backend, threads } = spec;
  const list = (pick: (cell: RunSpec['cells'][number]) => string | number): string =>
    [...new Set(cells.map(pick))].join(' ');
  return [
    `models       ${list(({ model }) => model)}`,
    `phases       ${list(({ phase }) => phase)}`,
    `modes        ${list(({ mode }) => mode)}`,
    `lengths      ${list(({ n }) => n)}`,
    `tokens       ${workload.nTokens} generated after the prompt, batch ${workload.batchSize}`,
    `backend      ${backend}, ${threads} thread(s)`,
    `processes    1 that checks and counts, ${runs} that measure ${cells.length} cells each`,
    `time         about ${estimateText(spec)}`,
    `results      ${file}`,
    '',
  ].join('\n');
}

/** A rough guess, from the least a cell takes and a processor of 20 GFLOP/s. */
function estimateText({ cells, runs, workload, rules }: RunSpec): string {
  const msPerToken = (denseFlopsPerToken(workload.config) * workload.batchSize) / 2e7;
  const callMs = ({ phase, n }: RunSpec['cells'][number]): number => {
    const steps = workload.nTokens * Math.max(1, msPerToken);
    if (phase === 'prefill') return n * msPerToken;
    if (phase === 'decode') return 32 * Math.max(1, msPerToken);
    return phase === 'generate' ? n * msPerToken + steps : workload.nTokens * n * msPerToken;
  };
  const { warmup, samples } = rules;
  const cellMs = cells.map((cell) => {
    const call = callMs(cell);
    const warm = Math.max(warmup.minMs, Math.min(warmup.minCalls * call, warmup.maxMs + call));
    return warm + Math.max(samples.minMs, Math.min(samples.minCount * call, samples.maxMs + call)) + 2 * call;
  });
  const seconds = (runs * (2000 + cellMs.reduce((a, b) => a + b, 0))) / 1000;
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}

/** Of the maps of a layer and its feed-forward, whatever the mixer. */
function denseFlopsPerToken({ numLayers, hiddenDim, ffDim }: RunSpec['workload']['config']): number {
  return numLayers * (8 * hiddenDim ** 2 + 4 * hiddenDim * ffDim);
}
