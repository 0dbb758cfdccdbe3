/** The tables of analyze-results for other programs: Markdown, CSV and HTML. */
import { toCsv } from '../report/csv.js';
import { toHtml } from '../report/html.js';
import { toMarkdown } from '../report/markdown.js';
import type { Table } from '../report/table.js';

const HEADING = 'Scaling analysis';

const TEXT = {
  md: (tables: readonly Table[], remarks: readonly string[]) => toMarkdown(HEADING, remarks, tables),
  csv: (tables: readonly Table[]) => toCsv(tables),
  html: (tables: readonly Table[], remarks: readonly string[]) => toHtml(HEADING, remarks, tables),
};
export type AnalysisFormat = keyof typeof TEXT;
export const ANALYSIS_FORMATS = Object.keys(TEXT) as readonly AnalysisFormat[];

/** The tables in one document of that format; `remarks` hold for all of them. */
export function exportAnalysis(tables: readonly Table[], remarks: readonly string[], format: AnalysisFormat): string {
  return TEXT[format](tables, remarks);
}
