/** A results file in the formats of other programs. */

import { toCsv } from '../../src/report/csv.js';
import { markdownParagraph } from '../../src/report/escape.js';
import { bytesText, integerText, shapeText, timeText } from '../../src/report/format.js';
import { type TestCase, toJunit } from '../../src/report/junit.js';
import { toMarkdown } from '../../src/report/markdown.js';
import type { Table } from '../../src/report/table.js';
import { cellKey, isMeasured, rowNames } from '../../src/results/cell.js';
import { lostCells, settingOf } from '../../src/results/facts.js';
import type { Cell, Results } from '../../src/results/schema.js';
import { max } from '../../src/statistics.js';
import type { ExportFormat } from '../shared/formats.js';

/** The whole file's text. */
export function exportResults(results: Results, format: ExportFormat): string {
  return {
    csv: sampleRows,
    md: toSummary,
    github: toSummary,
    junit: (all: Results) => toJunit('compare-models', all.created_at, testCases(all)),
    gab: (all: Results) => `${JSON.stringify(benchmarks(all), null, 1)}\n`,
    bmf: (all: Results) => `${JSON.stringify(bencherMetrics(all), null, 1)}\n`,
  }[format](results);
}

/** What histories of values, which have no word for a missing one, keep of cells that were not measured. */
const NOT_MEASURED = 'cells not measured';

const SAMPLE_COLUMNS = ['model', 'phase', 'n', 'n_tokens', 'engine', 'run', 'order', 'batch', 'sample', 'ms'];

/** A row per sample, with what identifies it. */
function sampleRows(results: Results): string {
  const setting = settingOf(results);
  const rows = results.cells.flatMap(({ model, phase, n, n_tokens, engine, processes }) =>
    processes.flatMap(({ run, order, batch, samples_ms }) =>
      samples_ms.map((ms, sample) => ({
        ...{ model, phase, n, n_tokens, engine, run, order, batch, sample, ms },
        ...setting,
      })),
    ),
  );
  return toCsv([...SAMPLE_COLUMNS, ...Object.keys(setting)], rows);
}

const RATES =
  'tokens/s: of prefill the n of the prompt; of decode, generate and recompute those emitted. The time of generate has the prompt in it.';

function toSummary(results: Results): string {
  const { machine, engines, tool, config, cells } = results;
  const processes = max([0, ...cells.map((cell) => cell.processes.length)]);
  const lost = lostCells(results).length;
  const missing = lost > 0 ? [`**${lost} of ${cells.length} cells were not measured.**`] : [];
  const noisy = machine.noisy ? ['**Noisy machine**: small differences here mean nothing.'] : [];
  const setting = `${machine.cpu_model}, ${machine.threads} threads, ${engines.map(({ id }) => id).join(', ')}, node ${tool.node}; up to ${processes} processes.`;
  const nameOf = rowNames(cells);
  const table: Table = {
    title: 'Times',
    columns: ['model', 'phase', 'n', 'time', 'tokens/s', 'state'],
    rows: cells.map((cell) => summaryRow(cell, nameOf(cell))),
    notes: [RATES],
  };
  const remarks = [setting, `Models: ${shapeText(config)}.`].map(markdownParagraph);
  return toMarkdown('compare-models', [...remarks, ...missing, ...noisy], [table]);
}

function summaryRow({ phase, n, summary, counted, status, reason }: Cell, name: string): string[] {
  const id = [name, phase, integerText(n)];
  if (summary === null) return [...id, reason === null ? status : `${status}: ${reason}`, '', ''];
  const time = timeText({ value: summary.value_ms, ci: summary.ci95_ms });
  const state = counted === null ? 'not counted' : bytesText(counted.state_bytes);
  return [...id, time, integerText(Math.round(summary.tokens_per_s)), state];
}

/** Of the cells that were asked for, where one that was skipped is an error too, and of others that were measured. */
function testCases(results: Results): TestCase[] {
  const lost = new Set(lostCells(results));
  return results.cells.filter((cell) => isMeasured(cell) || lost.has(cell)).map(testCase);
}

function testCase(cell: Cell): TestCase {
  const { model, phase, n, engine, status, reason, summary } = cell;
  const kind = { ok: null, failed: 'failure', timeout: 'error', skipped: 'error' } as const;
  const found = kind[status];
  return {
    classname: `${model}.${phase}`,
    name: `n=${n} ${engine}`,
    timeMs: summary?.value_ms ?? null,
    outcome: found === null ? null : { kind: found, message: reason ?? status },
  };
}

/** github-action-benchmark's customSmallerIsBetter. */
function benchmarks(results: Results): object[] {
  const { cells, machine } = results;
  const times = cells.flatMap((cell) => {
    if (cell.summary === null) return [];
    const { value_ms, ci95_ms, range_ms, p50_ms, p95_ms } = cell.summary;
    const [low, high] = ci95_ms ?? range_ms;
    const processes = `${cell.processes.length} processes`;
    return [
      {
        name: cellKey(cell),
        unit: 'ms',
        value: value_ms,
        range: `± ${Number(((high - low) / 2).toPrecision(2))}`,
        extra: `${processes}\np50 ${p50_ms} ms\np95 ${p95_ms} ms\n${machine.cpu_model}${machine.noisy ? ', noisy' : ''}`,
      },
    ];
  });
  return [...times, { name: NOT_MEASURED, unit: 'cells', value: lostCells(results).length }];
}

const NS_PER_MS = 1e6;

/** Bencher Metric Format: its latency is in nanoseconds; the limits are the 95 % interval. */
function bencherMetrics(results: Results): object {
  const times = Object.fromEntries(
    results.cells.flatMap((cell) => {
      if (cell.summary === null) return [];
      const { value_ms, ci95_ms } = cell.summary;
      const limits = ci95_ms && { lower_value: NS_PER_MS * ci95_ms[0], upper_value: NS_PER_MS * ci95_ms[1] };
      const state = cell.counted && { 'state-bytes': { value: cell.counted.state_bytes } };
      return [[cellKey(cell), { latency: { value: NS_PER_MS * value_ms, ...limits }, ...state }]];
    }),
  );
  return { ...times, [NOT_MEASURED]: { cells: { value: lostCells(results).length } } };
}
