/** Tables as comma-separated values. */
import { csvFormatRows } from 'd3-dsv';
import type { Table } from './table.js';

/** One row per cell of every table: table, row, column, value. */
export function toCsv(tables: readonly Table[]): string {
  const cells = tables.flatMap(({ title, columns, rows }) =>
    rows.flatMap((row) => row.slice(1).map((value, i) => [title, row[0] ?? '', columns[i + 1] ?? '', value])),
  );
  return `${csvFormatRows([['table', 'row', 'column', 'value'], ...cells])}\n`;
}
