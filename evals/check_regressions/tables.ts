/** What the gate says as tables. */

import type { CountedVerdict, ExponentEstimate, GateReport, TimedVerdict } from '../../src/bench/gate/verdicts.js';
import { countText, percentText, withInterval } from '../../src/report/format.js';
import type { Table } from '../../src/report/table.js';
import { cellKey } from '../../src/results/cell.js';
import { max } from '../../src/statistics.js';

/** Every cell's ratio; the counts that changed; the exponents. Tables without a row are left out. */
export function gateTables({ timed, counted, complexity }: GateReport): Table[] {
  const tables = [
    timedTable(timed),
    countedTable(counted),
    {
      title: 'Exponent of time over length (floor fit)',
      columns: ['series', 'base', 'new', 'verdict', 'why'],
      rows: complexity
        .filter(({ verdict }) => verdict !== null)
        .map((row) => [row.series, exponent(row.base), exponent(row.new), row.verdict ?? '', row.reason]),
      notes: [],
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** One line: how many of each verdict. */
export function gateSummary(report: GateReport): string {
  const { timed, counted, complexity, differences, advisory } = report;
  const all = [...timed, ...counted, ...complexity];
  const count = (verdict: string): number => all.filter((row) => row.verdict === verdict).length;
  if (differences.length > 0 && !advisory) return 'Not comparable: the runs differ in what decides their times.';
  const faster = count('faster') > 0 ? [`${count('faster')} faster`] : [];
  const parts = [`${count('regressed')} regressed`, `${count('cannot tell')} cannot tell`, ...faster];
  return `${parts.join(', ')}, ${count('not regressed')} not regressed${advisory ? ' (advisory: nothing fails)' : ''}.`;
}

/** How the two runs came about, and with it what can be done where the gate cannot tell. */
export type Source = 'stored' | 'confirmed' | 'in pairs';

/** What to do about the times that cannot be told, a line for each cause. */
export function gateRemedies({ timed }: GateReport, source: Source): string[] {
  const open = timed.filter(({ verdict, comparison }) => verdict === 'cannot tell' && comparison !== null);
  const tooFew = open.filter(({ processesNeeded }) => processesNeeded !== null);
  const blurred = open.length - tooFew.length;
  return [
    ...tooFew.slice(0, 1).map(({ processesNeeded }) => {
      const needed = processesNeeded as number;
      return `Too few processes in ${countText(tooFew.length, 'cell')}: ${needed} a side could. ${MORE_PROCESSES[source](needed)}`;
    }),
    ...(blurred > 0 ? [`Within the spread in ${countText(blurred, 'cell')}. ${LESS_SPREAD[source]}`] : []),
  ];
}

const MORE_PROCESSES: Readonly<Record<Source, (needed: number) => string>> = {
  stored: (needed) =>
    `Measure each run with compare-models --runs ${needed} (--resume FILE --runs ${needed} adds to a file), or two checkouts with check-regressions --ab.`,
  confirmed: (needed) =>
    `The base is stored and stays as it is: measure it with compare-models --runs ${needed} (--resume FILE --runs ${needed} adds to it).`,
  'in pairs': () => 'Add --runs or --sets.',
};

const MARGIN_OF_A_CELL = 'a quieter machine, longer lengths, or a --cell_margin for that cell';
const LESS_SPREAD: Readonly<Record<Source, string>> = {
  stored: `What helps: --confirm, more --runs of compare-models, ${MARGIN_OF_A_CELL}.`,
  confirmed: `What helps: more --sets, a base of more processes, ${MARGIN_OF_A_CELL}.`,
  'in pairs': `What helps: more --sets, ${MARGIN_OF_A_CELL}.`,
};

function timedTable(timed: readonly TimedVerdict[]): Table {
  const detectable = timed.flatMap((row) => (row.verdict === 'not regressed' ? (row.detectable ?? []) : []));
  const seen = `Where nothing regressed, this run could have seen a slow-down of ${percentText(max(detectable))} or more in every cell.`;
  return {
    title: 'Times',
    columns: ['cell', 'base ms', 'new ms', 'new / base', 'margin', 'processes', 'could see', 'verdict', 'why'],
    rows: timed.map(timedRow),
    notes: detectable.length > 0 ? [seen] : [],
  };
}

function timedRow({ cell, comparison, margin, detectable, verdict, reason }: TimedVerdict): string[] {
  if (comparison === null) return [cellKey(cell), '', '', '', percentText(margin), '', '', verdict, reason];
  const { baseMs, newMs, ratio, interval, baseProcesses, newProcesses } = comparison;
  return [
    cellKey(cell),
    String(Number(baseMs.toPrecision(4))),
    String(Number(newMs.toPrecision(4))),
    ratioText(ratio, interval),
    percentText(margin),
    `${baseProcesses}/${newProcesses}`,
    detectable === null ? '' : `≥ ${percentText(detectable)}`,
    verdict,
    reason,
  ];
}

function ratioText(ratio: number, interval: readonly [number, number] | null): string {
  const limits = interval === null ? '' : ` [${interval.map((end) => end.toFixed(3)).join(', ')}]`;
  return `${ratio.toFixed(3)}x${limits}`;
}

/** The counts that changed: those that did not are one line. */
function countedTable(counted: readonly CountedVerdict[]): Table {
  const changed = counted.filter((row) => row.base !== row.new || row.verdict !== 'not regressed');
  const same = counted.length - changed.length;
  return {
    title: 'Counts (0 % margin)',
    columns: ['what', 'quantity', 'base', 'new', 'verdict', 'why'],
    rows: changed.map((row) => [row.what, row.quantity, number(row.base), number(row.new), row.verdict, row.reason]),
    notes: same > 0 ? [`${same} counts (parameters, kernels, FLOPs, bytes, state, leaks) are unchanged.`] : [],
  };
}

const number = (value: number | null): string => (value === null ? 'not counted' : String(value));

const exponent = ({ exponent: value, ci }: ExponentEstimate): string => withInterval({ value, ci });
