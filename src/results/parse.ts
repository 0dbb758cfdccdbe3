/** A results file as it is read: of a schema that is known, and of nothing twice. */
import { check, checkSchema, UserError } from '../errors.js';
import { cellKey } from './cell.js';
import { type Results, resultsSchema } from './schema.js';
import { upgraded } from './upgrade.js';
import { SCHEMA_VERSION } from './words.js';

/** Checks that a value is a results file; one of schema 1 is read as one of today. @throws UserError naming the first bad field */
export function parseResults(value: unknown, where: string): Results {
  const version = versionOf(value);
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    throw new UserError(`${where}: schema_version must be at most ${SCHEMA_VERSION}, got ${version}; update attnscale`);
  }
  const results = checkSchema(resultsSchema, version === 1 ? upgraded(value, where) : value, where);
  checkOnce(results, where);
  return results;
}

/**
 * The same of files to compare with and to go on from: those of schema 1 timed decode over other steps, and say less of what
 * they ran on.
 * @throws UserError for those too
 */
export function parseCurrent(value: unknown, where: string): Results {
  const version = versionOf(value);
  check(
    version !== 1,
    `${where}: schema_version must be ${SCHEMA_VERSION} to compare or go on, got 1 of an older attnscale: measure again`,
  );
  return parseResults(value, where);
}

const versionOf = (value: unknown): unknown => (value as { schema_version?: unknown } | null)?.schema_version;

/** What no schema says: every engine, model and cell is there once, a cell with one entry a process, and every length of a table. */
function checkOnce({ engines, models, cells, time_results, memory_results }: Results, where: string): void {
  const once = <T>(what: string, items: readonly T[], nameOf: (item: T) => string | number): void => {
    const seen = new Set<string | number>();
    const twice = items.map(nameOf).find((name) => seen.size === seen.add(name).size);
    check(twice === undefined, `${where}: ${what} must be there once, got ${twice} twice`);
  };
  once('engines: each', engines, ({ id }) => id);
  once('models: each', models, ({ name }) => name);
  once('cells: each', cells, cellKey);
  for (const cell of cells) once(`cells: ${cellKey(cell)}: each run`, cell.processes, ({ run }) => run);
  for (const [key, table] of Object.entries({ time_results, memory_results })) {
    for (const [model, row] of Object.entries(table)) {
      once(`${key}.${model}: each length`, Object.keys(row), (length) => Number(length) || length);
    }
  }
}
