/** Tables for the terminal. */
import CliTable from 'cli-table3';
import { printable } from './escape.js';
import type { Table } from './table.js';

/** Bold titles only when colour is wanted. */
export function toTerminal(tables: readonly Table[], bold: (text: string) => string): string {
  return tables
    .map(({ title, columns, rows, notes }) => {
      const table = new CliTable({ head: columns.map(printable), style: { head: [], border: [], compact: true } });
      table.push(...rows.map((row) => row.map(printable)));
      return [bold(printable(title)), table.toString(), ...notes.map(printable)].join('\n');
    })
    .join('\n\n');
}
