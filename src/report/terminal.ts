/** Tables for the terminal, in the layout that its width allows. */
import CliTable from 'cli-table3';
import stringWidth from 'string-width';
import { printable } from './escape.js';
import type { Table } from './table.js';
import { longestWord, wrap, wrapParts } from './wrap.js';

type Row = readonly string[];

/** A longer name is broken within a table that has to be narrow. */
const LONGEST_NAME = 24;
/** A row with more lines is easier to read as a block. */
const MOST_LINES = 3;
/** Between the columns of a narrow table, which has no lines. */
const GAP = '  ';
/** More rows are nothing to read, and cli-table3 spreads them into a call, which takes 100,000 or so. */
const MOST_ROWS = 10_000;

/**
 * Tables with lines. Where those are wider than the terminal: what all rows share is said once below; headings and cells
 * are wrapped; a first column that repeats itself becomes lines between the rows; else each row is a block of text.
 * @param bold for titles, where it is wanted
 * @param width characters in a line; Infinity where nothing breaks lines
 */
export function toTerminal(
  tables: readonly Table[],
  bold: (text: string) => string,
  width = Number.POSITIVE_INFINITY,
): string {
  return tables
    .map((table) => {
      const { title, body, notes } = layOut(withTexts(readable(table), printable), width);
      return [bold(wrap(title, width)), body, ...notes.map((note) => wrap(note, width))].join('\n');
    })
    .join('\n\n');
}

function readable(table: Table): Table {
  const hidden = table.rows.length - MOST_ROWS;
  if (hidden <= 0) return table;
  const note = `${hidden} more rows are left out here: an export has them all.`;
  return { ...table, rows: table.rows.slice(0, MOST_ROWS), notes: [note, ...table.notes] };
}

function layOut(table: Table, width: number): { title: string; body: string; notes: readonly string[] } {
  const whole = grid(table.columns, table.rows);
  if (widthOf(whole) <= width) return { ...table, body: whole };
  const shorter = sharedSaidOnce(table);
  const { columns, rows } = shorter;
  const fitting = fitted(columns, rows, width);
  const body = fitting === null ? (groupedGrid(shorter, width) ?? blocks(shorter, width)) : narrowGrid(...fitting);
  return { ...shorter, body };
}

function withTexts({ title, columns, rows, notes }: Table, textOf: (text: string) => string): Table {
  const each = (texts: readonly string[]): string[] => texts.map(textOf);
  return { title: textOf(title), columns: each(columns), rows: rows.map(each), notes: each(notes) };
}

/** Without the columns that are the same in all rows: a note says them. */
function sharedSaidOnce(table: Table): Table {
  const { columns, rows, notes } = table;
  const shared = columns.map((_, i) => i > 0 && rows.length > 1 && rows.every((row) => row[i] === rows[0]?.[i]));
  const without = (texts: readonly string[]): string[] => texts.filter((_, i) => !shared[i]);
  const said = columns.flatMap((heading, i) => (shared[i] ? [pair(heading, rows[0]?.[i] ?? '')] : []));
  if (said.length === 0) return table;
  const note = `In every row: ${said.filter((text) => text !== '').join(' · ')}`;
  return { ...table, columns: without(columns), rows: rows.map(without), notes: [note, ...notes] };
}

/** Headings and cells wrapped into columns that fit, the longest texts most; null where words are too long or rows too high. */
function fitted(columns: readonly string[], rows: readonly Row[], width: number): [columns: Row, rows: Row[]] | null {
  const column = (i: number): string[] => rows.map((row) => row[i] ?? '');
  const least = columns.map((heading, i) => Math.min(LONGEST_NAME, largest([heading, ...column(i)].map(longestWord))));
  const available = width - GAP.length * (columns.length - 1);
  const widths = columns.map((_, i) => {
    const own = largest(column(i).map((text) => stringWidth(text)));
    return Math.max(least[i] ?? 0, Math.min(own, available)); // a name may be very long
  });
  const isLow = (texts: readonly string[], narrowest: number): boolean =>
    texts.every((text) => linesOf([[wrap(text, narrowest)]]) <= 2);
  const low = sum(widths) > available ? columns.map((_, i) => isLow(column(i), least[i] ?? 0)) : [];
  while (sum(widths) > available) {
    const widest = widths.reduce((best, own, i) => (own > (least[i] ?? 0) && own > (widths[best] ?? 0) ? i : best), -1);
    if (widest < 0) return null;
    const [narrowest = 0, own = 0] = [least[widest], widths[widest]];
    widths[widest] = low[widest] ? narrowest : own - 1;
  }
  const wrapped = (row: Row): Row => row.map((text, i) => wrap(text, widths[i] ?? width));
  const cells = rows.map(wrapped);
  return linesOf(cells) > MOST_LINES ? null : [wrapped(columns), cells];
}

/** A first column that repeats itself as lines between the rows; null where it does not, or the rest does not fit. */
function groupedGrid({ columns, rows }: Table, width: number): string | null {
  const names = [...new Set(rows.map(([name = '']) => name))];
  const [, ...headings] = columns;
  if (names.length === rows.length || headings.length < 2) return null;
  const grouped = names.flatMap((name) => rows.filter((row) => row[0] === name));
  const fitting = fitted(
    headings,
    grouped.map((row) => row.slice(1)),
    width,
  );
  if (fitting === null) return null;
  const [head, cells] = fitting;
  return narrowGrid(head, cells, (i) =>
    grouped[i]?.[0] === grouped[i - 1]?.[0] ? null : wrap(grouped[i]?.[0] ?? '', width),
  );
}

/** A row as its name and, further right, its cells with their headings. */
function blocks({ columns, rows }: Table, width: number): string {
  const indent = '  ';
  const block = (row: readonly string[]): string[] => {
    const pairs = columns.map((heading, i) => pair(heading, row[i] ?? '')).slice(1);
    const parts = pairs.filter((text) => text !== '').flatMap((text) => wrap(text, width - indent.length).split('\n'));
    return [wrap(row[0] ?? '', width), ...wrapParts(parts, ' · ', width - indent.length).map((line) => indent + line)];
  };
  return rows.flatMap(block).join('\n');
}

/** `State: 127 KiB`; nothing of an empty cell. */
function pair(heading: string, text: string): string {
  return text === '' || heading === '' ? text : `${heading}: ${text}`;
}

function grid(columns: Row, rows: readonly Row[]): string {
  const table = new CliTable({ head: [...columns], style: { head: [], border: [], compact: true } });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

/** @param headingOf what stands in a line of its own above row i, if anything */
function narrowGrid(columns: Row, rows: readonly Row[], headingOf: (i: number) => string | null = () => null): string {
  const widths = columns.map((_, i) => widthOf([columns, ...rows].map((row) => row[i] ?? '').join('\n')));
  const padded = (text: string, width: number): string => text + ' '.repeat(width - stringWidth(text));
  const lineOf = (cells: readonly string[][], line: number): string =>
    cells.map((cell, i) => padded(cell[line] ?? '', widths[i] ?? 0)).join(GAP);
  const linesOfRow = (row: Row): string[] => {
    const cells = row.map((text) => text.split('\n'));
    return Array.from({ length: linesOf([row]) }, (_, line) => lineOf(cells, line).trimEnd());
  };
  const rule = '─'.repeat(sum(widths) + GAP.length * (columns.length - 1));
  const body = rows.flatMap((row, i) => [headingOf(i) ?? [], linesOfRow(row)].flat());
  return [...linesOfRow(columns), rule, ...body].join('\n');
}

const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const widthOf = (text: string): number => largest(text.split('\n').map((line) => stringWidth(line)));
const linesOf = (rows: readonly Row[]): number => largest(rows.flat().map((cell) => cell.split('\n').length));
