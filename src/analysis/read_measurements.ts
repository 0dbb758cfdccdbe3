/** Tells the two kinds of results file apart. */
import { check } from '../errors.js';
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
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${where}: must be a JSON object`);
  const original = !('schema_version' in value) && 'time_results' in value;
  if (!original) return fromResults(parseResults(value, where), where, phase ?? 'generate');
  check(
    phase === null || phase === 'generate',
    `--phase: a file of the original project has only generate, got ${phase}`,
  );
  return fromOriginal(value, where);
}
