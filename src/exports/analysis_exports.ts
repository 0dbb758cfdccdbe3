/** The tables of analyze-results for other programs: Markdown, CSV and HTML. */
import { toCsv } from '../report/csv.js';
import { markdownParagraph } from '../report/escape.js';
import { toHtml } from '../report/html.js';
import { toMarkdown } from '../report/markdown.js';
import type { Table } from '../report/table.js';

const HEADING = 'Scaling analysis';

const TEXT = {
  md: (tables: readonly Table[], remarks: readonly string[]) =>
    toMarkdown(HEADING, remarks.map(markdownParagraph), tables),
  csv: (tables: readonly Table[]) => cellRows(tables),
  html: (tables: readonly Table[], remarks: readonly string[]) => toHtml(HEADING, remarks, tables),
};
export type AnalysisFormat = keyof typeof TEXT;
export const ANALYSIS_FORMATS = Object.keys(TEXT) as readonly AnalysisFormat[];

/** The tables in one document of that format; `remarks` hold for all of them. */
export function exportAnalysis(tables: readonly Table[], remarks: readonly string[], format: AnalysisFormat): string {
  return TEXT[format](tables, remarks);
}

/** One row per cell of every table. */
function cellRows(tables: readonly Table[]): string {
  const cells = tables.flatMap(({ title, columns, rows }) =>
    rows.flatMap(([row, ...values]) =>
      values.map((value, i) => ({ table: title, row, column: columns[i + 1], value })),
    ),
  );
  return toCsv(['table', 'row', 'column', 'value'], cells);
}
