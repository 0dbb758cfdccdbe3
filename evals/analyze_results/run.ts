/** The work of `analyze-results`, loaded after its flags were found good. */

import { resolve } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { EXIT } from '#scripts/ending.mjs';
import { renderPng, renderSvg, undrawable } from '../../src/analysis/charts/png.js';
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
  toTerminal,
  verdictOf,
} from '../../src/analysis/index.js';
import { findSeries } from '../../src/analysis/measurements.js';
import { engineRatios, fileRatios, type Ratio } from '../../src/analysis/ratios.js';
import { sideBySide } from '../../src/analysis/side_by_side.js';
import { engineTables, fileTables } from '../../src/analysis/tables/ratios.js';
import { againstOf, checkAgainst } from '../../src/analysis/verdict/against.js';
import { fileTexts } from '../../src/analysis/verdict/files.js';
import type { Paragraph } from '../../src/analysis/verdict/verdict.js';
import { check } from '../../src/errors.js';
import { nearest } from '../../src/nearest.js';
import { wrap } from '../../src/report/wrap.js';
import { boldOn } from '../shared/bold.js';
import type { Streams } from '../shared/command_line.js';
import { parseFormats } from '../shared/formats.js';
import { createOutputWriter, prepareOutput } from '../shared/output.js';
import { ANALYSIS_FORMATS, type ExportedFile, exportAnalysis } from './exports.js';
import type { Flags } from './flags.js';
import { reportPage } from './page.js';
import { fileNotes, isSameMachine, type ReadFile, readFiles } from './read.js';

const FLAGS = { file: '--output_dir', folder: '--output_dir' };

/**
 * Tables on stdout, pictures and what was asked for in the output folder.
 * @param named files as arguments, several to show side by side; none takes that of --results_file
 * @throws UserError before anything is written
 */
export async function analyzeResults(flags: Flags, named: readonly string[], streams: Streams): Promise<number> {
  const { stdout, stderr } = streams;
  const formats = flags.export === undefined ? [] : parseFormats(flags.export, ANALYSIS_FORMATS);
  const paths = named.length > 0 ? named : [flags.results_file];
  const read = readFiles(paths, named.length > 0 ? 'FILE' : '--results_file', flags.phase ?? null);
  const files = analyzeFiles(read, flags);
  const analysis = sideBySide(files, 'FILE');
  const between = fileRatios(read, isSameMachine(read));
  const tables = [...buildTables(analysis), ...engineTables(ownRatios(files)), ...fileTables(between)];
  const paragraphs = [...answersOn(read, flags.against), ...verdictOn(read, files, between)];
  const verdict = paragraphs.map(paragraphText);
  const remarks = preamble(analysis);
  const pictures = picturesOf(analysis);
  const fileOf = (name: string): string => resolve(flags.output_dir, name);
  const kinds = flags.svg ? ['png', 'svg'] : ['png'];
  for (const name of Object.keys(pictures)) for (const kind of kinds) prepareOutput(fileOf(`${name}.${kind}`), FLAGS);
  const exports = formats.flatMap((format) => exportAnalysis(files, between, tables, [...verdict, ...remarks], format));
  const html = flags.html ? fileOf('report.html') : null;
  for (const file of [...exports.map(({ name }) => fileOf(name)), ...(html === null ? [] : [html])])
    prepareOutput(file, FLAGS);

  const writer = createOutputWriter(streams);
  for (const { name, text } of exports) writer.write(fileOf(name), text);
  if (html !== null) writer.write(html, reportPage(analysis, paragraphs, remarks, tables, read));
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

/** Each within itself, against the same model in all files that have it. */
function analyzeFiles(read: readonly ReadFile[], flags: Flags): ExportedFile[] {
  const [first] = read as [ReadFile];
  if (flags.reference !== undefined) findSeries(first.measurements, flags.reference, '--reference');
  let reference = flags.reference ?? null;
  return read.map(({ label, measurements, phases }) => {
    const has = measurements.series.some(({ name }) => name === reference);
    const analysis = analyze(measurements, has ? reference : null, label);
    reference ??= analysis.reference;
    return {
      label,
      analysis,
      ratios: engineRatios(phases, referenceEngine(measurements, flags.reference_engine)),
    };
  });
}

/** Of all files; of several each model is named with its file. */
function ownRatios(files: readonly ExportedFile[]): Ratio[] {
  return files.flatMap(({ label, ratios }) =>
    files.length === 1 ? ratios : ratios.map((ratio) => ({ ...ratio, model: `${ratio.model} · ${label}` })),
  );
}

/** On each file, and on what differs between them. */
function verdictOn(read: readonly ReadFile[], files: readonly ExportedFile[], between: readonly Ratio[]): Paragraph[] {
  const [first] = files as [ExportedFile];
  if (files.length === 1) return verdictOf(first.analysis);
  const own = files.flatMap(({ label, analysis }) => verdictOf(analysis).map((one) => ({ ...one, file: label })));
  const texts = fileTexts(between, first.analysis.measurements.phase, fileNotes(read));
  return [...(texts.length === 0 ? [] : [{ about: 'Files', sentences: texts }]), ...own];
}

/** On each file what was asked with --against. @throws UserError where no file has that model */
function answersOn(read: readonly ReadFile[], against: string | undefined): Paragraph[] {
  if (against === undefined) return [];
  checkAgainst(read.flatMap(({ phases }) => phases), against, '--against'); // biome-ignore format: one thought
  return read.flatMap(({ label, phases }) =>
    againstOf(phases, against).map((one) => (read.length === 1 ? one : { ...one, file: label })),
  );
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
