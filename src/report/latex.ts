/** Tables for LaTeX, with the rules of booktabs. */
import { latexText } from './escape.js';
import type { Table } from './table.js';

/** To be read with \input: a comment with what it needs and the remarks, then every table with its notes. */
export function toLatex(heading: string, remarks: readonly string[], tables: readonly Table[]): string {
  const comments = [heading, 'needs \\usepackage{booktabs}', ...remarks].map((text) => `% ${latexText(text)}`);
  return `${[comments.join('\n'), ...tables.map(tableText)].join('\n\n')}\n`;
}

function tableText({ title, columns, rows, notes }: Table): string {
  const row = (cells: readonly string[]): string => `${cells.map(latexText).join(' & ')} \\\\`;
  return [
    '\\begin{table}',
    `\\caption{${latexText(title)}}`,
    `\\begin{tabular}{${'l'.repeat(columns.length)}}`,
    ...['\\toprule', row(columns), '\\midrule', ...rows.map(row), '\\bottomrule'],
    '\\end{tabular}',
    ...notes.map((note) => `\\par\\footnotesize ${latexText(note)}`),
    '\\end{table}',
  ].join('\n');
}
