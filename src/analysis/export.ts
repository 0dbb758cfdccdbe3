/** Tables for other programs: Markdown, CSV and HTML. */
import type { Table } from './tables.js';

export const EXPORTS = ['md', 'csv', 'html'] as const;
export type ExportFormat = (typeof EXPORTS)[number];

/** The tables in one document of that format; `remarks` hold for all of them. */
export function exportTables(tables: readonly Table[], remarks: readonly string[], format: ExportFormat): string {
  return { md: toMarkdown, csv: toCsv, html: toHtml }[format](tables, remarks);
}

function toMarkdown(tables: readonly Table[], remarks: readonly string[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  const list = (texts: readonly string[]): string => texts.map((text) => `- ${text.replace(/^\*/, '\\*')}\n`).join('');
  const sections = tables.map(({ title, columns, rows, notes }) => {
    const lines = [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
    return `\n## ${title}\n\n${lines}\n${notes.length === 0 ? '' : `\n${list(notes)}`}`;
  });
  return `# Scaling analysis\n\n${list(remarks)}${sections.join('')}`;
}

/** One row per cell of every table: table, row, column, value (RFC 4180). */
function toCsv(tables: readonly Table[]): string {
  const field = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cells = tables.flatMap(({ title, columns, rows }) =>
    rows.flatMap((row) => row.slice(1).map((value, i) => [title, row[0] ?? '', columns[i + 1] ?? '', value])),
  );
  return [['table', 'row', 'column', 'value'], ...cells].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function toHtml(tables: readonly Table[], remarks: readonly string[]): string {
  const plain = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((text) => `<${tag}>${plain(text)}</${tag}>`).join('')}</tr>`;
  const list = (texts: readonly string[]): string => texts.map((text) => `<p>${plain(text)}</p>`).join('\n');
  const sections = tables.map(
    ({ title, columns, rows, notes }) =>
      `<table><caption>${plain(title)}</caption>\n<thead>${row('th', columns)}</thead>\n<tbody>\n` +
      `${rows.map((cells) => row('td', cells)).join('\n')}\n</tbody></table>\n${list(notes)}`,
  );
  const style =
    'body{font-family:sans-serif}table{border-collapse:collapse;margin-top:2em}td,th{border:1px solid;padding:.3em .6em}caption{text-align:left;font-weight:bold}';
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Scaling analysis</title><style>${style}</style></head>\n` +
    `<body><h1>Scaling analysis</h1>\n${list(remarks)}\n${sections.join('\n')}\n</body></html>\n`
  );
}
