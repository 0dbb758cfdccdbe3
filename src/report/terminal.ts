/** Tables for the terminal. */
import CliTable from 'cli-table3';
import type { Table } from './table.js';

/** Bold titles only when colour is wanted. */
export function toTerminal(tables: readonly Table[], bold: (text: string) => string): string {
  return tables
    .map(({ title, columns, rows, notes }) => {
      const table = new CliTable({ head: [...columns], style: { head: [], border: [], compact: true } });
      table.push(...rows.map((row) => [...row]));
      return [bold(title), table.toString(), ...notes].join('\n');
    })
    .join('\n\n');
}
