/** The gate's report in the formats of other programs. */

import type { GateReport, Verdict } from '../../src/bench/gate/verdicts.js';
import { type CsvRow, toCsv } from '../../src/report/csv.js';
import { markdownCode, markdownText } from '../../src/report/escape.js';
import { type TestCase, toJunit } from '../../src/report/junit.js';
import { toMarkdown } from '../../src/report/markdown.js';
import { cellKey } from '../../src/results/cell.js';
import type { Results } from '../../src/results/schema.js';
import { exportResults } from '../compare_models/exports.js';
import type { ExportFormat } from '../shared/formats.js';
import { gateSummary, gateTables } from './tables.js';

/**
 * @param next the new run: benchmark histories (gab, bmf) take its values, not the verdicts
 * @param remedies what to do about what cannot be told, for formats that people read
 */
export function exportGate(
  report: GateReport,
  next: Results,
  format: ExportFormat,
  remedies: readonly string[] = [],
): string {
  if (format === 'gab' || format === 'bmf') return exportResults(next, format);
  if (format === 'junit') return toJunit('check-regressions', next.created_at, testCases(report));
  return format === 'csv'
    ? verdictRows(report)
    : toMarkdown('check-regressions', remarks(report, remedies), gateTables(report));
}

function remarks(report: GateReport, remedies: readonly string[]): string[] {
  const differing = report.differences.map(
    ({ field, base, new: next }) => `- ${markdownCode(field)}: ${markdownText(base)} → ${markdownText(next)}`,
  );
  return [`**${gateSummary(report)}**`, ...remedies, ...(differing.length > 0 ? [differing.join('\n')] : [])];
}

/** A row per verdict. */
function verdictRows({ timed, counted, complexity }: GateReport): string {
  const rows: CsvRow[] = [
    ...timed.map(({ cell, comparison, margin, detectable, verdict, reason }) => ({
      ...{ gate: 'time', what: cellKey(cell), quantity: 'ms', base: comparison?.baseMs, new: comparison?.newMs },
      ...{ ratio: comparison?.ratio, low: comparison?.interval?.[0], high: comparison?.interval?.[1] },
      ...{ margin, detectable: detectable ?? undefined, verdict, reason },
    })),
    ...counted.map((row) => ({ gate: 'count', ...row })),
    ...complexity.map(({ series, base, new: next, verdict, reason }) => ({
      ...{ gate: 'exponent', what: series, quantity: 'exponent', base: base.exponent, new: next.exponent },
      ...{ verdict: verdict ?? 'not identified', reason },
    })),
  ];
  const columns = 'gate what quantity base new ratio low high margin detectable verdict reason'.split(' ');
  return toCsv(columns, rows);
}

function testCases({ timed, counted, complexity }: GateReport): TestCase[] {
  return [
    ...timed.map(({ cell, comparison, verdict, reason }) => ({
      classname: `time.${cell.model}.${cell.phase}`,
      name: `n=${cell.n} ${cell.engine}`,
      timeMs: comparison?.newMs ?? null,
      outcome: outcome(verdict, `${comparison === null ? '' : `${comparison.ratio.toFixed(3)}x: `}${reason}`),
    })),
    ...counted.map(({ what, quantity, verdict, reason }) => ({
      classname: `count.${quantity}`,
      name: what,
      timeMs: null,
      outcome: outcome(verdict, reason),
    })),
    ...complexity.map(({ series, verdict, reason }) => ({
      classname: 'exponent',
      name: series,
      timeMs: null,
      outcome: outcome(verdict ?? 'cannot tell', reason),
    })),
  ];
}

function outcome(verdict: Verdict, message: string): TestCase['outcome'] {
  if (verdict === 'not regressed' || verdict === 'faster') return null;
  return { kind: verdict === 'regressed' ? 'failure' : 'skipped', message };
}
