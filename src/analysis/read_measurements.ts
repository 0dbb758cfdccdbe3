/** Tells the two kinds of results file apart. */
import { check } from '../errors.js';
import { isMeasured } from '../results/cell.js';
import { parseResults } from '../results/parse.js';
import type { Phase } from '../results/words.js';
import { fromOriginal } from './from_original.js';
import { fromResults } from './from_results.js';
import type { Measurements } from './measurements.js';

/**
 * Reads either kind of file.
 * @param value parsed JSON
 * @param where names the file in errors
 * @param phase the phase to analyse; null takes generate
 * @throws UserError naming the bad field, or when the phase has no measured cell
 */
export function readMeasurements(value: unknown, where: string, phase: Phase | null): Measurements {
  if (isResults(value, where)) return fromResults(parseResults(value, where), where, phase ?? 'generate');
  check(
    phase === null || phase === 'generate',
    `${where}: a file of the original project has only the phase generate, got ${phase}`,
  );
  return fromOriginal(value, where);
}

/** The measurements of every phase of a file. */
export function readPhases(value: unknown, where: string): Measurements[] {
  if (!isResults(value, where)) return [fromOriginal(value, where)];
  const results = parseResults(value, where);
  const phases = new Set(results.cells.filter(isMeasured).map(({ phase }) => phase));
  return [...phases].map((phase) => fromResults(results, where, phase));
}

/** Whether it is a file of compare-models, or else one of the original project. */
function isResults(value: unknown, where: string): boolean {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${where}: must be a JSON object`);
  return 'schema_version' in value || !('time_results' in value);
}
