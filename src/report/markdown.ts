/** Tables as GitHub's Markdown. */
import { markdownTable } from 'markdown-table';
import { markdownParagraph, markdownText } from './escape.js';
import type { Table } from './table.js';

/**
 * A document: heading, remarks, then every table with its notes.
 * @param remarks paragraphs that are Markdown already
 */
export function toMarkdown(heading: string, remarks: readonly string[], tables: readonly Table[]): string {
  const sections = tables.map(({ title, columns, rows, notes }) =>
    [
      `### ${markdownText(title)}`,
      markdownTable([columns, ...rows].map((row) => row.map(markdownText))),
      ...notes.map(markdownParagraph),
    ].join('\n\n'),
  );
  return `${[`## ${heading}`, ...remarks, ...sections].join('\n\n')}\n`;
}
