/** Tables as GitHub's Markdown. */
import { markdownTable } from 'markdown-table';
import type { Table } from './table.js';

/** A document: heading, remarks, then every table with its notes. */
export function toMarkdown(heading: string, remarks: readonly string[], tables: readonly Table[]): string {
  const sections = tables.map(({ title, columns, rows, notes }) =>
    [`### ${title}`, markdownTable([columns, ...rows].map((row) => row.map(escaped))), ...notes.map(paragraph)].join(
      '\n\n',
    ),
  );
  return `${[`## ${heading}`, ...remarks.map(paragraph), ...sections].join('\n\n')}\n`;
}

/** What a line break, a bar or a tag would break. */
const escaped = (text: string): string => text.replaceAll(/\r?\n/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');

/** A mark such as `* ` would make a list of the text. */
const paragraph = (text: string): string => escaped(text).replace(/^\*(?= )/, '\\*');
