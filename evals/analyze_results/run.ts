/** The work of `analyze-results`, loaded after its flags were found good. */

import { resolve } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { EXIT } from '#scripts/ending.mjs';
import { renderPng, renderSvg, undrawable } from '../../src/analysis/charts/png.js';
import { engineRatios } from '../../src/analysis/engine_ratios.js';
import { fromCsv } from '../../src/analysis/from_csv.js';
import {
  type Analysis,
  analyze,
  buildTables,
  complexityAnalysis,
  complexityLogLog,
  lengthsOf,
  type Measurements,
  paragraphText,
  preamble,
  readMeasurements,
  toTerminal,
  verdictOf,
} from '../../src/analysis/index.js';
import { findSeries } from '../../src/analysis/measurements.js';
import { readPhases } from '../../src/analysis/read_measurements.js';
import { engineTables } from '../../src/analysis/tables/engines.js';
import { check } from '../../src/errors.js';
import { nearest } from '../../src/nearest.js';
import { wrap } from '../../src/report/wrap.js';
import { readFileText } from '../../src/results/json.js';
import type { Phase } from '../../src/results/words.js';
import { boldOn } from '../shared/bold.js';
import type { Streams } from '../shared/command_line.js';
import { parseFormats } from '../shared/formats.js';
import { createOutputWriter, prepareOutput } from '../shared/output.js';
import { readResultsJson } from '../shared/read_results.js';
import { ANALYSIS_FORMATS, exportAnalysis } from './exports.js';
import type { Flags } from './flags.js';

const WHERE = '--results_file';
const FLAGS = { file: '--output_dir', folder: '--output_dir' };

/** Tables on stdout, pictures and what was asked for in the output folder. @throws UserError before anything is written */
export async function analyzeResults(flags: Flags, streams: Streams): Promise<number> {
  const { stdout, stderr } = streams;
  const formats = flags.export === undefined ? [] : parseFormats(flags.export, ANALYSIS_FORMATS);
  const { measurements, phases } = measurementsOf(flags.results_file, flags.phase ?? null);
  if (flags.reference !== undefined) findSeries(measurements, flags.reference, '--reference');
  const analysis = analyze(measurements, flags.reference ?? null, WHERE);
  const ratios = engineRatios(phases, referenceEngine(measurements, flags.reference_engine));
  const tables = [...buildTables(analysis), ...engineTables(ratios)];
  const verdict = verdictOf(analysis).map(paragraphText);
  const remarks = preamble(analysis);
  const pictures = picturesOf(analysis);
  const fileOf = (name: string): string => resolve(flags.output_dir, name);
  const kinds = flags.svg ? ['png', 'svg'] : ['png'];
  for (const name of Object.keys(pictures)) for (const kind of kinds) prepareOutput(fileOf(`${name}.${kind}`), FLAGS);
  const exports = formats.flatMap((format) =>
    exportAnalysis(analysis, ratios, tables, [...verdict, ...remarks], format),
  );
  for (const { name } of exports) prepareOutput(fileOf(name), FLAGS);

  const writer = createOutputWriter(streams);
  for (const { name, text } of exports) writer.write(fileOf(name), text);
  for (const [name, spec] of Object.entries(pictures)) {
    writer.write(fileOf(`${name}.png`), await renderPng(spec));
    if (flags.svg) writer.write(fileOf(`${name}.svg`), await renderSvg(spec));
  }
  const undrawn = undrawable(analysis.models.map(({ name }) => name));
  if (undrawn.length > 0)
    stderr.write(
      `no font here has ${undrawn.join(' ')}: the PNGs show their codes, an SVG (--svg) uses the viewer's fonts\n`,
    );
  const opening = [...verdict, '', ...remarks].map((line) => wrap(line, stdout.columns)).join('\n');
  stdout.write(`${opening}\n\n${toTerminal(tables, boldOn(stdout), stdout.columns)}\n`);
  if (Object.keys(pictures).length === 0) stderr.write('no pictures: one length draws no curve\n');
  return writer.exitCode(EXIT.ok);
}

/** By name; none of one length, which draws no curve. */
function picturesOf(analysis: Analysis): Readonly<Record<string, TopLevelSpec>> {
  if (lengthsOf(analysis.models).length < 2) return {};
  return { complexity_analysis: complexityAnalysis(analysis), complexity_loglog: complexityLogLog(analysis) };
}

interface Read {
  /** Of the phase that is analyzed. */
  readonly measurements: Measurements;
  /** Of every phase. */
  readonly phases: readonly Measurements[];
}

/** Of a results file of either kind, or of a table. */
function measurementsOf(file: string, phase: Phase | null): Read {
  if (/\.csv$/i.test(file)) {
    const measurements = fromCsv(readFileText(file, WHERE), `${WHERE}: ${file}`, phase);
    return { measurements, phases: [measurements] };
  }
  const value = readResultsJson(file, WHERE);
  return { measurements: readMeasurements(value, WHERE, phase), phases: readPhases(value, WHERE) };
}

/** @throws UserError where the file has none of that name */
function referenceEngine({ series }: Measurements, asked: string | undefined): string {
  const engines = [...new Set(series.map(({ engine }) => engine))];
  const reference = asked ?? (engines[0] as string);
  check(
    engines.includes(reference),
    `--reference_engine: must be one of ${engines.join(', ')}, got ${reference}; did you mean ${nearest(reference, engines)}?`,
  );
  return reference;
}
