/** The files that are analyzed, and what sets them apart. */
import { fromCsv } from '../../src/analysis/from_csv.js';
import { readSaid, type Said } from '../../src/analysis/read_measurements.js';
import { differences, machineDifferences } from '../../src/bench/gate/comparable.js';
import { changesResults } from '../../src/models/registry.js';
import { readFileText } from '../../src/results/json.js';
import type { Phase } from '../../src/results/words.js';
import { readResultsJson } from '../shared/read_results.js';
import { labelsOf } from './labels.js';

/** `results` are null of files that compare-models did not write. */
export interface ReadFile extends Said {
  readonly label: string;
  /** What it holds. */
  text(): string;
  readonly kind: 'json' | 'csv';
}

/** Results files of either kind, or tables. @throws UserError naming the file */
export function readFiles(files: readonly string[], where: string, phase: Phase | null): ReadFile[] {
  const labels = labelsOf(files);
  return files.map((file, i) => ({ label: labels[i] ?? file, ...read(file, where, phase) }));
}

function read(file: string, where: string, phase: Phase | null): Omit<ReadFile, 'label'> {
  if (/\.csv$/i.test(file)) {
    const text = readFileText(file, where);
    const measurements = fromCsv(text, `${where}: ${file}`, phase);
    return { text: () => text, kind: 'csv', measurements, phases: [measurements], results: null };
  }
  const value = readResultsJson(file, where);
  return { text: () => JSON.stringify(value), kind: 'json', ...readSaid(value, where, phase) };
}

/** Whether a file's engine and machine are those of the first file. */
export function isSameMachine(files: readonly ReadFile[]): (label: string, engine: string) => boolean {
  return (label, engine) => {
    const [base, next] = [files[0], files.find((file) => file.label === label)];
    if (base === undefined || next === undefined) return false;
    if (base === next) return true;
    return (
      base.results !== null &&
      next.results !== null &&
      machineDifferences(base.results, next.results, engine).length === 0
    );
  };
}

/** More differences than these are counted. */
const MOST_SAID = 4;

/** Of every file but the first: why it is not compared with that, and which other work it measured. */
export function fileNotes([base, ...others]: readonly ReadFile[]): string[] {
  if (base === undefined) return [];
  return others.flatMap(({ label, results }) => {
    if (base.results === null || results === null)
      return [`${label} and ${base.label} are not compared: not both say on which machine they were measured.`];
    const [first, other] = [base.results, results];
    const machine = first.engines.flatMap(({ id }) => machineDifferences(first, other, id));
    const work = differences(first, other, changesResults, 'work').filter(({ field }) => field !== 'config_hash');
    return [
      ...differenceText(
        machine,
        `${label} has not the machine or an engine of ${base.label}, so that times are not compared where these count`,
      ),
      ...differenceText(work, `${label} measured other work than ${base.label}`),
    ];
  });
}

function differenceText(found: ReturnType<typeof differences>, what: string): string[] {
  const texts = [...new Map(found.map((one) => [one.field, one])).values()].map(
    (one) => `${one.field} ${one.new} instead of ${one.base}`,
  );
  const more = texts.length - MOST_SAID;
  const said = more > 0 ? [...texts.slice(0, MOST_SAID), `${more} more`] : texts;
  return said.length === 0 ? [] : [`${what}: ${said.join(', ')}.`];
}
