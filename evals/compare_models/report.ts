/** What compare-models prints: its plan, its table, its warnings. */

import { availableParallelism } from 'node:os';
import { group } from 'd3-array';
import { halfWidthPct, mostProcesses } from '../../src/bench/run/precision.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import {
  bytesText,
  countText,
  integerText,
  percentText,
  roughTimeText,
  shapeText,
  timeText,
  tokensText,
} from '../../src/report/format.js';
import { NOISY, orderText, timesText } from '../../src/report/sentences.js';
import type { Table } from '../../src/report/table.js';
import { toTerminal } from '../../src/report/terminal.js';
import { type CellId, rowNames, seriesKey } from '../../src/results/cell.js';
import { orderOf } from '../../src/results/drift.js';
import { lostCells } from '../../src/results/facts.js';
import type { Cell, Comparison, Results } from '../../src/results/schema.js';
import type { Phase } from '../../src/results/words.js';
import { MIN_PROCESSES_FOR_CI, max, min } from '../../src/statistics.js';
import { estimateMs } from './estimate.js';
import { runEverywhere } from './rerun.js';

const NOT_MEASURED = '–';

/** One row a model, engine and length. */
export function reportText(results: Results, width?: number): string {
  const { cells, config, machine, engines, comparisons } = results;
  const hasPeers = comparisons.length > 0;
  const phases = [...new Set(cells.map(({ phase }) => phase))];
  const name = rowNames(cells);
  const rows = group(cells, (cell) => JSON.stringify([name(cell), cell.n]));
  const table: Table = {
    title: `Times on ${engines.map(({ id }) => id).join(' and ')}, ${countText(machine.threads, 'thread')}${machine.noisy ? NOISY : ''}`,
    columns: [
      'Model',
      'n',
      ...phases.map((phase) => HEADINGS[phase](config.n_tokens)),
      'Slowest step',
      'Tokens/s (decode)',
      'State',
      ...(hasPeers ? ['Results'] : []),
    ],
    rows: [...rows.values()].map((row) => [
      name(row[0] as Cell),
      lengthText((row[0] as Cell).n, config),
      ...phases.map((phase) => valueText(row.find((cell) => cell.phase === phase))),
      ...decodeTexts(row.find(({ phase }) => phase === 'decode')),
      stateText(row),
      ...(hasPeers ? [agreementText(row[0] as Cell, comparisons)] : []),
    ]),
    notes: notesOf(results),
  };
  return toTerminal([table], (text) => text, width);
}

/** A length that the run added has a mark. */
function lengthText(n: number, { added_lengths: added = [] }: Results['config']): string {
  return `${integerText(n)}${added.includes(n) ? ' +' : ''}`;
}

const HEADINGS: Record<Phase, (nTokens: number) => string> = {
  prefill: () => 'Prefill',
  decode: () => 'Decode',
  generate: (nTokens) => `Generate ${nTokens}`,
  recompute: (nTokens) => `Recompute ${nTokens}`,
};

function valueText(cell: Cell | undefined): string {
  if (cell === undefined) return NOT_MEASURED;
  if (cell.summary === null) return cell.status;
  const { value_ms: value, ci95_ms: ci } = cell.summary;
  return timeText({ value, ci });
}

/** The slowest single step of a period, which may end it, and the rate. */
function decodeTexts(decode: Cell | undefined): [slowest: string, rate: string] {
  const { step_max_ms: slowest = null, tokens_per_s: rate = null } = decode?.summary ?? {};
  return [
    slowest === null ? NOT_MEASURED : timeText({ value: slowest, ci: null }),
    rate === null ? NOT_MEASURED : integerText(Math.round(rate)),
  ];
}

function stateText(row: readonly Cell[]): string {
  const counted = row.find((cell) => cell.counted !== null)?.counted;
  return counted ? bytesText(counted.state_bytes) : NOT_MEASURED;
}

/** Whether a peer computes what ours do. */
function agreementText({ model, engine }: Cell, comparisons: readonly Comparison[]): string {
  const found = comparisons.find((one) => one.model === model && one.engine === engine);
  if (found === undefined) return NOT_MEASURED;
  return found.relative_error === null ? 'not compared' : 'same results';
}

/** What the words of `agreementText` mean. */
function agreementNotes(comparisons: readonly Comparison[]): string[] {
  const errors = comparisons.flatMap(({ relative_error }) => relative_error ?? []);
  const same = `Same results: with our weights, logits as ours (largest relative error ${max(errors).toExponential(0)}).`;
  const other = 'Not compared: with other weights, or without logits to compare.';
  return [...(errors.length > 0 ? [same] : []), ...(errors.length < comparisons.length ? [other] : [])];
}

function notesOf({ config, cells, comparisons }: Results): string[] {
  const counts = cells.filter(({ summary }) => summary !== null).map(({ processes }) => processes.length);
  const name = rowNames(cells);
  const troubles = cells.filter(({ status }) => status === 'failed' || status === 'timeout');
  const recompute = config.recompute ? ' Recompute: the whole sequence again for each of these tokens.' : '';
  return [
    `Models: ${shapeText(config)}.`,
    `Prefill: the prompt of n tokens. Decode: a token at depth n; slowest step: of a period of the model. Generate: the prompt, then ${countText(config.n_tokens, 'token')}.${recompute}`,
    timesText([min(counts), max([0, ...counts])]),
    ...agreementNotes(comparisons),
    ...precisionNotes(config, cells),
    orderText(orderOf(cells)),
    ...(config.added_lengths === undefined ? [] : [`+: ${tokensText(config.added_lengths)} were added for the fit.`]),
    ...compilingText(cells),
    ...troubles.map((cell) => `${name(cell)} ${cell.phase} n = ${cell.n}: ${cell.status}: ${cell.reason}`),
  ];
}

/** Whether the intervals are as narrow as was asked, where there are any. */
function precisionNotes({ precision_pct: asked }: Results['config'], cells: readonly Cell[]): string[] {
  const widths = cells.flatMap(({ summary }) => (summary === null ? [] : (halfWidthPct(summary) ?? [])));
  if (asked === undefined || widths.length === 0) return [];
  const wide = widths.filter((width) => width > asked).length;
  if (wide === 0) return [`Precision: all ${widths.length} cells are within the ± ${asked} % asked for.`];
  return [
    `Precision: ${wide} of ${widths.length} cells are not within the ± ${asked} % asked for (stop_reason in the file says why): go on with --resume and a longer --max_time or more --runs, quieten the machine, or ask for less with --precision.`,
  ];
}

/** What building graphs took in the first process, which measures all cells; nothing where none were built. */
function compilingText(cells: readonly Cell[]): string[] {
  const first = cells.flatMap(({ processes }) => processes.filter(({ run }) => run === 0));
  const ms = first.reduce((sum, { compile_ms }) => sum + compile_ms, 0);
  return ms === 0 ? [] : [`Graphs: ${(ms / 1000).toFixed(1)} s a process to build, outside all times.`];
}

/** More threads than there are cores; null where there are not. */
export function threadsWarning(threads: number, cores = availableParallelism()): string | null {
  if (threads <= cores) return null;
  return `warning: --threads: ${threads} threads share ${countText(cores, 'core')}: they wait for each other, so times are longer and vary more; use at most --threads ${cores}`;
}

/** What a reader must know before believing the table: what was seen, why it matters, what to do. */
export function warningsOf(results: Results): string[] {
  const { machine, cells } = results;
  const warnings: string[] = [];
  const lost = lostCells(results);
  if (lost.length > 0) {
    const isLate = lost.some(({ status }) => status === 'timeout');
    const remedy = isLate ? ': raise --cell_timeout, or leave those lengths out' : '';
    warnings.push(
      `${lost.length} of ${cells.length} cells were not measured, so the exit code is 1; the notes say why${remedy}`,
    );
  }
  if (machine.noisy) {
    const noise = percentText(machine.noise_cv ?? 0);
    const sure = cells.some(({ summary }) => summary?.ci95_ms) ? 'less sure than their intervals say' : 'not sure';
    warnings.push(
      `a fixed loop varied by ${noise} during the run: times are ${sure}; close other programs, or add --runs`,
    );
  }
  const leaking = cells.find(({ processes }) => processes.some(({ leaked_tensors }) => (leaked_tensors ?? 0) !== 0));
  if (leaking) {
    warnings.push(
      `${leaking.model} ${leaking.phase} left tensors behind: memory grows with every call; report it as a bug of the model`,
    );
  }
  return [...warnings, ...strayText(cells), ...disorderText(cells)];
}

/** Samples far from the rest: whether times stand all the same is for other processes to say. */
function strayText(cells: readonly Cell[]): string[] {
  const stray = cells.filter(({ summary }) => (summary?.outliers.severe ?? 0) > 0);
  if (stray.length === 0) return [];
  const remedy = stray.some(({ processes }) => processes.length < MIN_PROCESSES_FOR_CI)
    ? `so few processes cannot tell whether their times hold: measure with --runs ${MIN_PROCESSES_FOR_CI} or more`
    : "a time is each process's fastest sample, median over processes, and its interval says how far it holds";
  return [
    `${stray.length} of ${cells.length} cells have samples far from the rest (kept): something else ran meanwhile; ${remedy}`,
  ];
}

/** A time this much above that of a longer prompt is no noise of the usual size. */
const DISORDER = 1.5;

/** Times far above that of the next length of their series: cost does not fall with n. */
function disorderText(cells: readonly Cell[]): string[] {
  const shorter = new Map<string, Cell>();
  const found: [slow: Cell, longer: Cell][] = [];
  for (const cell of [...cells].sort((a, b) => a.n - b.n)) {
    if (cell.summary === null) continue;
    const before = shorter.get(seriesKey(cell));
    if (before?.summary && before.summary.value_ms > DISORDER * cell.summary.value_ms) found.push([before, cell]);
    shorter.set(seriesKey(cell), cell);
  }
  const [first] = found;
  if (first === undefined) return [];
  const [slow, longer] = first.map((cell) => `${valueText(cell)} at n = ${integerText(cell.n)}`);
  const more = found.length > 1 ? ` (and ${countText(found.length - 1, 'more such cell')})` : '';
  return [
    `${rowNames(cells)(first[0])} ${first[0].phase} takes ${slow} but ${longer}${more}: a longer prompt does not cost less, so something else ran meanwhile; do not believe the first, measure again`,
  ];
}

/** The plan, without measuring anything. */
export function planText(spec: RunSpec, added: readonly number[], pinnedCpu: number | null, file: string): string {
  const { cells, engines, runs, workload, threads } = spec;
  const list = (pick: (cell: CellId) => string | number): string => [...new Set(cells.map(pick))].join(' ');
  return [
    `models       ${list(({ model, engine }) => (runEverywhere(cells) ? model : `${model}@${engine}`))}`,
    `phases       ${list(({ phase }) => phase)}`,
    `engines      ${engines.map(engineText).join(', ')}, ${countText(threads, 'thread')}${pinnedCpu === null ? '' : ` on CPU ${pinnedCpu}`}`,
    `lengths      ${list(({ n }) => n)}${added.length === 0 ? '' : ` (${tokensText(added)}: added for the fit)`}`,
    `tokens       ${workload.nTokens} generated after the prompt, batch ${workload.batchSize}`,
    `processes    1 that checks and counts; ${runs} that measure${runs === 1 ? 's' : ''} ${cells.length} cells${runs === 1 ? '' : ' each'}`,
    `precision    ${addedText(spec)}`,
    `time         about ${estimateText(spec)}`,
    `results      ${file}`,
    '',
  ].join('\n');
}

/** A peer with its command. */
const engineText = ({ id, command }: RunSpec['engines'][number]): string =>
  command === null ? id : `${id} (${command})`;

/** What is planned for cells that are not precise enough. */
function addedText(spec: RunSpec): string {
  const { runs, precisionPct, maxTimeS } = spec;
  const added = mostProcesses(spec) - runs;
  if (added > 0) {
    return `up to ${added} more processes for cells not within ± ${precisionPct} %, while the run is expected to end within ${maxTimeS} s`;
  }
  return `no processes are added (${maxTimeS === 0 ? '--max_time 0' : 'fewer than 5 give no interval'})`;
}

function estimateText(spec: RunSpec): string {
  return roughTimeText(estimateMs(spec) / 1000);
}
