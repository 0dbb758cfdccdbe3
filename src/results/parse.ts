/** A results file as it is read: of a schema that is known, and of nothing twice. */
import { check, checkSchema, UserError } from '../errors.js';
import { cellKey } from './cell.js';
import { type Results, resultsSchema } from './schema.js';
import { SCHEMA_VERSION } from './words.js';

/** Checks that a value is a results file of this schema. @throws UserError naming the first bad field */
export function parseResults(value: unknown, where: string): Results {
  const version = (value as { schema_version?: unknown } | null)?.schema_version;
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    throw new UserError(`${where}: schema_version must be at most ${SCHEMA_VERSION}, got ${version}; update attnscale`);
  }
  const results = checkSchema(resultsSchema, value, where);
  checkOnce(results, where);
  return results;
}

/** What no schema says: every cell is there once, with one entry a process, and every length of a table. */
function checkOnce({ cells, time_results, memory_results }: Results, where: string): void {
  const once = (what: string, names: readonly (string | number)[]): void => {
    const seen = new Set<string | number>();
    const twice = names.find((name) => seen.size === seen.add(name).size);
    check(twice === undefined, `${where}: ${what} must be there once, got ${twice} twice`);
  };
  once('cells: each', cells.map(cellKey));
  for (const cell of cells)
    once(
      `cells: ${cellKey(cell)}: each run`,
      cell.processes.map(({ run }) => run),
    );
  for (const [key, table] of Object.entries({ time_results, memory_results })) {
    for (const [model, row] of Object.entries(table))
      once(
        `${key}.${model}: each length`,
        Object.keys(row).map((key) => Number(key) || key),
      );
  }
}
