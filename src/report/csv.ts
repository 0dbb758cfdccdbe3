/** Rows as comma-separated values. */
import { csvFormat } from 'd3-dsv';
import { csvText } from './escape.js';

/** Values by column; empty where there is none. Numbers stay numbers. */
export type CsvRow = Readonly<Record<string, string | number | null | undefined>>;

/** One header, a line a row. */
export function toCsv(columns: readonly string[], rows: readonly CsvRow[]): string {
  const cells = rows.map((row) =>
    Object.fromEntries(
      columns.map((column) => {
        const value = row[column];
        return [column, typeof value === 'string' ? csvText(value) : value];
      }),
    ),
  );
  return `${csvFormat(cells, [...columns])}\n`;
}
