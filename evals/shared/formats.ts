/** The formats that compare-models and check-regressions write for other programs. */
import { check } from '../../src/errors.js';

/** csv, Markdown, JUnit, github-action-benchmark (customSmallerIsBetter), Bencher Metric Format, GitHub's step summary. */
export const EXPORT_FORMATS = ['csv', 'md', 'junit', 'gab', 'bmf', 'github'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const EXTENSIONS: Readonly<Record<Exclude<ExportFormat, 'github'>, string>> = {
  csv: '.csv',
  md: '.md',
  junit: '.junit.xml',
  gab: '.gab.json',
  bmf: '.bmf.json',
};

/** `name.junit.xml` for junit; null for github, which goes to the file that $GITHUB_STEP_SUMMARY names. */
export function exportFileName(name: string, format: ExportFormat): string | null {
  return format === 'github' ? null : name + EXTENSIONS[format];
}

/**
 * `csv, junit` as formats, each once.
 * @param formats those that can be asked for
 * @throws UserError naming what is none
 */
export function parseFormats<Format extends string>(text: string, formats: readonly Format[]): Format[] {
  const found = text.split(',').map((word) => {
    const name = word.trim().toLowerCase();
    const format = formats.find((known) => known === name);
    check(format !== undefined, `--export: must be of ${formats.join(', ')}, got ${name === '' ? `'${word}'` : word}`);
    return format;
  });
  return [...new Set(found)];
}
