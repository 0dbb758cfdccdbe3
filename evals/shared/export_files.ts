/** Where exports are written. */
import { resolve } from 'node:path';
import { check } from '../../src/errors.js';
import { type ExportFormat, exportFileName } from './formats.js';
import { type OutputWriter, prepareAppending, prepareOutput } from './output.js';

const SUMMARY = 'GITHUB_STEP_SUMMARY';
const FROM_FLAGS = { file: '--export', folder: '--output_dir' };

/** Finds out before any work that every export can be written. @throws UserError naming the flag or variable */
export function prepareExports(folder: string, name: string, formats: readonly ExportFormat[]): void {
  for (const format of formats) {
    const file = exportFileName(name, format);
    if (file !== null) {
      prepareOutput(resolve(folder, file), FROM_FLAGS);
      continue;
    }
    check(summaryFile() !== '', `--export: github needs $${SUMMARY}, which GitHub Actions sets, got none`);
    prepareAppending(summaryFile(), `--export: github: $${SUMMARY}`);
  }
}

/** Writes each format's text to its file, or for github after what the step's summary holds. */
export function writeExports(
  folder: string,
  name: string,
  formats: readonly ExportFormat[],
  textOf: (format: ExportFormat) => string,
  writer: OutputWriter,
): void {
  for (const format of formats) {
    const file = exportFileName(name, format);
    if (file === null) writer.append(summaryFile(), textOf(format));
    else writer.write(resolve(folder, file), textOf(format));
  }
}

const summaryFile = (): string => process.env[SUMMARY] ?? '';
