/** Tells the two kinds of results file apart. */
import { check } from '../errors.js';
import { isMeasured } from '../results/cell.js';
import { parseResults } from '../results/parse.js';
import type { Results } from '../results/schema.js';
import type { Phase } from '../results/words.js';
import { fromOriginal } from './from_original.js';
import { fromResults } from './from_results.js';
import type { Measurements } from './measurements.js';

/** A file, parsed once. */
interface Parsed {
  readonly value: unknown;
  readonly where: string;
  /** Null of a file of the original project. */
  readonly results: Results | null;
}

/** What a file says. */
export interface Said {
  readonly results: Parsed['results'];
  /** Of the phase that is analyzed. */
  readonly measurements: Measurements;
  /** Of every phase. */
  readonly phases: readonly Measurements[];
}

/**
 * Reads either kind of file.
 * @param value parsed JSON
 * @param where names the file in errors
 * @param phase the phase to analyse; null takes generate
 * @throws UserError naming the bad field, or when the phase has no measured cell
 */
export function readSaid(value: unknown, where: string, phase: Phase | null): Said {
  const parsed = parse(value, where);
  return { results: parsed.results, measurements: measurementsOf(parsed, phase), phases: phasesOf(parsed) };
}

/** The measurements of one phase alone; as `readSaid`. */
export const readMeasurements = (value: unknown, where: string, phase: Phase | null): Measurements =>
  measurementsOf(parse(value, where), phase);

/** The measurements of every phase of a file. */
export const readPhases = (value: unknown, where: string): Measurements[] => phasesOf(parse(value, where));

function measurementsOf({ value, where, results }: Parsed, phase: Phase | null): Measurements {
  if (results !== null) return fromResults(results, where, phase ?? 'generate');
  check(
    phase === null || phase === 'generate',
    `${where}: a file of the original project has only the phase generate, got ${phase}`,
  );
  return fromOriginal(value, where);
}

function phasesOf({ value, where, results }: Parsed): Measurements[] {
  if (results === null) return [fromOriginal(value, where)];
  const phases = new Set(results.cells.filter(isMeasured).map(({ phase }) => phase));
  return [...phases].map((phase) => fromResults(results, where, phase));
}

function parse(value: unknown, where: string): Parsed {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${where}: must be a JSON object`);
  const isOriginal = !('schema_version' in value) && 'time_results' in value;
  return { value, where, results: isOriginal ? null : parseResults(value, where) };
}
