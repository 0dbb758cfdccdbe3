/** The tables of analyze-results as documents, and the numbers behind them as CSV. */
import type { ModelAnalysis } from '../../src/analysis/analysis.js';
import type { Ratio } from '../../src/analysis/ratios.js';
import type { AnalyzedFile } from '../../src/analysis/side_by_side.js';
import { type CsvRow, toCsv } from '../../src/report/csv.js';
import { markdownParagraph } from '../../src/report/escape.js';
import type { Estimate } from '../../src/report/format.js';
import { toLatex } from '../../src/report/latex.js';
import { toMarkdown } from '../../src/report/markdown.js';
import type { Table } from '../../src/report/table.js';

const HEADING = 'Scaling analysis';

const DOCUMENTS = {
  md: (tables: readonly Table[], remarks: readonly string[]) =>
    toMarkdown(HEADING, remarks.map(markdownParagraph), tables),
  tex: (tables: readonly Table[], remarks: readonly string[]) => toLatex(HEADING, remarks, tables),
};
export type DocumentFormat = keyof typeof DOCUMENTS;
export type AnalysisFormat = DocumentFormat | 'csv';
export const ANALYSIS_FORMATS: readonly AnalysisFormat[] = ['md', 'csv', 'tex'];

/** The tables in one document of that format; `remarks` hold for all of them. */
export function exportTables(tables: readonly Table[], remarks: readonly string[], format: DocumentFormat): string {
  return DOCUMENTS[format](tables, remarks);
}

export interface ExportedFile extends AnalyzedFile {
  /** Between its engines. */
  readonly ratios: readonly Ratio[];
}

/**
 * The files of a format. CSV is tidy tables of numbers, with units in the header, empty where unknown: a row a model and
 * length, a row a model with its fits and, of several engines or results files, a row a cell with its ratio to the first's.
 * @param between ratios of results files
 */
export function exportAnalysis(
  files: readonly ExportedFile[],
  between: readonly Ratio[],
  tables: readonly Table[],
  remarks: readonly string[],
  format: AnalysisFormat,
): readonly { readonly name: string; readonly text: string }[] {
  if (format !== 'csv') return [{ name: `analysis.${format}`, text: exportTables(tables, remarks, format) }];
  // What is the same in all rows of a run stands behind what is not, but a ratio's own phase counts.
  const csvOf = (rowsOf: (file: ExportedFile) => readonly CsvRow[]): string =>
    toTable(
      files.flatMap((file) => {
        const { run } = file.analysis.measurements;
        const label = files.length > 1 ? { file: file.label } : {};
        return rowsOf(file).map((row) => ({ ...label, ...row, ...run, ...row }));
      }),
    );
  return [
    { name: 'analysis.csv', text: csvOf(({ analysis }) => analysis.models.flatMap(pointRows)) },
    { name: 'analysis_fits.csv', text: csvOf(({ analysis }) => analysis.models.map(fitRow)) },
    ...(files.every(({ ratios }) => ratios.length === 0)
      ? []
      : [
          {
            name: 'analysis_engines.csv',
            text: csvOf(({ ratios }) => ratios.map((ratio) => ratioRow(ratio, 'engine'))),
          },
        ]),
    ...(between.length === 0
      ? []
      : [{ name: 'analysis_files.csv', text: toTable(between.map((ratio) => ratioRow(ratio, 'file'))) }]),
  ];
}

/** With the columns of any row. */
const toTable = (rows: readonly CsvRow[]): string => toCsv(Object.keys(Object.assign({}, ...rows)), rows);

function pointRows({ model, engine, points }: ModelAnalysis): CsvRow[] {
  return points.map(({ n, ms, rangeMs, processCount, tokens, slowdown, steps, flops, memory }) => ({
    ...{ model, engine, n },
    ...limits('time', ms, '_ms'),
    ...{ time_least_ms: rangeMs[0], time_most_ms: rangeMs[1], processes: processCount },
    tokens_per_s: (1000 * tokens) / ms.value,
    ...limits('slowdown', slowdown),
    ...{ step_median_ms: steps?.medianMs, step_slowest_ms: steps?.largestMs, flops },
    ...{ parameters_bytes: memory.parameters, state_bytes: memory.state },
    ...{ peak_activation_bytes: memory.peakActivation, peak_rss_bytes: memory.peakRss },
  }));
}

function fitRow({
  model,
  engine,
  points,
  powerLaw,
  floor,
  biased,
  upperHalf,
  flopsExponent,
  ...rest
}: ModelAnalysis): CsvRow {
  const { classes, slowdown } = rest;
  const identified = floor?.unidentified === null;
  return {
    ...{ model, engine, lengths: points.length, n_least: points[0]?.n, n_most: points.at(-1)?.n },
    ...limits('loglog_exponent', powerLaw),
    ...{ loglog_r2: powerLaw?.fit.r2Log, loglog_misleads: String(biased) },
    ...limits('floor_exponent', identified ? floor : null),
    ...{ floor_ms: identified ? floor.fit.floor : null, floor_not_identified: floor?.unidentified },
    ...limits('upper_half_exponent', upperHalf),
    ...{ flops_exponent: flopsExponent, classes: classes.map(({ name: growth }) => growth).join('; ') },
    ...limits('slowdown', slowdown?.average ?? null),
  };
}

function ratioRow(
  { model, phase, n, side, ms, reference, referenceMs, ratio }: Ratio,
  sides: 'engine' | 'file',
): CsvRow {
  return {
    ...{ model, phase, n, [sides]: side, ...limits('time', ms, '_ms'), reference },
    ...limits('reference', referenceMs, '_ms'),
    ...limits('ratio', ratio),
  };
}

/** A value and the ends of its interval: `time_ms, time_low_ms, time_high_ms`. */
function limits(name: string, estimate: Estimate | null, unit = ''): CsvRow {
  return {
    [name + unit]: estimate?.value,
    [`${name}_low${unit}`]: estimate?.ci?.[0],
    [`${name}_high${unit}`]: estimate?.ci?.[1],
  };
}
