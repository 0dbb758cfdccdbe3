/** Tables as GitHub's Markdown. */
import { markdownTable } from 'markdown-table';
import type { Table } from '../analysis/tables.js';

/** A document: heading, remarks, then every table with its notes. */
export function toMarkdown(heading: string, remarks: readonly string[], tables: readonly Table[]): string {
  const sections = tables.map(({ title, columns, rows, notes }) =>
    [`### ${title}`, markdownTable([columns, ...rows].map((row) => row.map(escaped))), ...notes].join('\n\n'),
  );
  return `${[`## ${heading}`, ...remarks, ...sections].join('\n\n')}\n`;
}

/** A line break would end the row; the table's own package escapes the bars. */
const escaped = (text: string): string => text.replaceAll(/\r?\n/g, ' ').replaceAll('<', '&lt;');
