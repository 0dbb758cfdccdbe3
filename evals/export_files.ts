/** Where exports are written. */
import { appendFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { check } from '../src/errors.js';
import { type ExportFormat, exportFileName } from '../src/exports/formats.js';
import { writeFileDurably } from '../src/write_file.js';
import type { Streams } from './command_line.js';
import { prepareOutput } from './output.js';

/** Finds out before any work that every export can be written. @throws UserError naming the flag */
export function prepareExports(folder: string, name: string, formats: readonly ExportFormat[]): void {
  for (const format of formats) {
    const file = exportFileName(name, format);
    if (file !== null) prepareOutput(resolve(folder, file));
    else
      check(summaryFile() !== '', '--export: github needs $GITHUB_STEP_SUMMARY, which GitHub Actions sets, got none');
  }
}

/** Writes each format's text to its file, or for github after what the step's summary holds. */
export async function writeExports(
  folder: string,
  name: string,
  formats: readonly ExportFormat[],
  textOf: (format: ExportFormat) => string,
  { stderr }: Streams,
): Promise<void> {
  for (const format of formats) {
    const file = exportFileName(name, format);
    if (file === null) {
      appendFileSync(summaryFile(), textOf(format));
      continue;
    }
    const path = resolve(folder, file);
    writeFileDurably(path, textOf(format));
    stderr.write(`wrote ${path}\n`);
  }
}

const summaryFile = (): string => process.env['GITHUB_STEP_SUMMARY'] ?? '';
