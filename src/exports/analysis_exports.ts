/** The tables of analyze-results for other programs: Markdown, CSV and HTML. */
import { csvFormatRows } from 'd3-dsv';
import type { Table } from '../analysis/tables.js';
import { toMarkdown } from './markdown.js';

const HEADING = 'Scaling analysis';

const TEXT = {
  md: (tables: readonly Table[], remarks: readonly string[]) => toMarkdown(HEADING, remarks, tables),
  csv: (tables: readonly Table[]) => toCsv(tables),
  html: (tables: readonly Table[], remarks: readonly string[]) => toHtml(tables, remarks),
};
export type AnalysisFormat = keyof typeof TEXT;
export const ANALYSIS_FORMATS = Object.keys(TEXT) as readonly AnalysisFormat[];

/** The tables in one document of that format; `remarks` hold for all of them. */
export function exportAnalysis(tables: readonly Table[], remarks: readonly string[], format: AnalysisFormat): string {
  return TEXT[format](tables, remarks);
}

/** One row per cell of every table: table, row, column, value. */
function toCsv(tables: readonly Table[]): string {
  const cells = tables.flatMap(({ title, columns, rows }) =>
    rows.flatMap((row) => row.slice(1).map((value, i) => [title, row[0] ?? '', columns[i + 1] ?? '', value])),
  );
  return `${csvFormatRows([['table', 'row', 'column', 'value'], ...cells])}\n`;
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
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${HEADING}</title><style>${style}</style></head>\n` +
    `<body><h1>${HEADING}</h1>\n${list(remarks)}\n${sections.join('\n')}\n</body></html>\n`
  );
}
