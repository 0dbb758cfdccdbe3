/** The report of analyze-results as one page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Analysis, lengthsOf } from '../../src/analysis/analysis.js';
import { figuresOf, keyOf } from '../../src/analysis/charts/figures.js';
import { themeVariables } from '../../src/analysis/charts/theme.js';
import type { Paragraph } from '../../src/analysis/verdict/verdict.js';
import { toHtml } from '../../src/report/html.js';
import type { Table } from '../../src/report/table.js';
import { packageFolder } from '../shared/package_folder.js';
import { shellLine } from '../shared/shell.js';
import type { ReadFile } from './read.js';

/** What a page is made of beside its text. */
const asset = (name: string): string => readFileSync(join(packageFolder(), 'report_page', name), 'utf8');
const vega = (): string => readFileSync(fileURLToPath(new URL('vega.min.js', import.meta.resolve('vega'))), 'utf8');

/** Everything in one file, which asks for no other. */
export function reportPage(
  analysis: Analysis,
  verdict: readonly Paragraph[],
  remarks: readonly string[],
  tables: readonly Table[],
  files: readonly ReadFile[],
): string {
  const isDrawn = lengthsOf(analysis.models).length > 1;
  const commands = files.flatMap(({ label, results }) => {
    if (results === null) return [];
    const which = files.length > 1 ? ` of ${label}` : '';
    return [`Command${which}: ${shellLine(['compare-models', ...results.tool.argv])}`];
  });
  return toHtml({
    title: 'How cost grows with sequence length',
    verdict: [...verdict, ...missing(analysis)],
    tables,
    key: isDrawn ? keyOf(analysis) : [],
    figures: isDrawn ? figuresOf(analysis) : [],
    facts: [...remarks, ...commands],
    data: files.map(({ label, text, kind }) => ({ name: `${label.replaceAll('/', '_')}.${kind}`, text: text() })),
    style: `:root{${themeVariables()}}${asset('page.css')}`,
    scripts: isDrawn ? [vega(), asset('page.js')] : [asset('page.js')],
  });
}

/** More notes than these are with the other facts. */
const MOST_NOTES = 4;

/** What a reader must know beside the verdict: on a page it would be far below. */
function missing({ measurements: { notes } }: Analysis): Paragraph[] {
  const more = notes.length - MOST_NOTES;
  const said = more > 1 ? [...notes.slice(0, MOST_NOTES), `${more} more notes: How it was measured, below.`] : notes;
  return said.length === 0 ? [] : [{ about: 'Notes', sentences: said }];
}
