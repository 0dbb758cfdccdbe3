/**
 * Result files of the original project: time_results in seconds, memory_results in MiB (parameters and ids),
 * param_counts, seq_lengths; lengths are keys, so they are strings. One sample per cell.
 */
import { z } from 'zod';
import { check, checkSchema } from '../errors.js';
import { type MeasuredPoint, type Measurements, missingNotes } from './measurements.js';

const BYTES_PER_PARAM = 4;
const BYTES_PER_MIB = 2 ** 20;

/** Values by name, as a map: zod's record loses the name `__proto__`, and an object has `constructor` without being given it. */
const named = z
  .custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'must be an object')
  .transform((object): ReadonlyMap<string, unknown> => new Map(Object.entries(object)));
const originalSchema = z.object({
  seq_lengths: z.array(z.coerce.number().int().positive()).optional(),
  time_results: named,
  memory_results: named.optional(),
  param_counts: named.optional(),
});
type Original = z.infer<typeof originalSchema>;

/** Turns a file of the original project into measurements. @throws UserError naming the bad field */
export function fromOriginal(value: unknown, where: string): Measurements {
  const file = checkSchema(originalSchema, value, where);
  const names = [...file.time_results.keys()];
  const series = names
    .map((name) => ({ name, model: name, engine: '', points: pointsOf(file, name, where) }))
    .filter(({ points }) => points.length > 0);
  const empty = names.filter((name) => !series.some((one) => one.name === name));
  check(series.length > 0, `${where}: time_results holds no time`);
  return {
    kind: 'original',
    phase: 'generate',
    meaning: 'Time of the original project at n',
    rateTitle: 'n / time',
    series,
    noisy: false,
    seed: 0,
    machine: [],
    notes: [
      'A file of the original project: one sample per cell, so nothing here has an interval.',
      ...empty.map((name) => `${name} is left out: no time at all.`),
      ...missingNotes(
        series.map(({ name, points }) => ({ name, lengths: points.map(({ n }) => n) })),
        file.seq_lengths,
      ),
    ],
    footer: ['File of the original project: one sample per cell; machine and versions are not recorded.'],
  };
}

function pointsOf(file: Original, name: string, where: string): MeasuredPoint[] {
  const parameters = notNegative(file.param_counts?.get(name), `${where}: param_counts.${name}`);
  const times = checkSchema(named, file.time_results.get(name), `${where}: time_results.${name}`);
  const memory = file.memory_results?.get(name) ?? {};
  const mibs = checkSchema(named, memory, `${where}: memory_results.${name}`);
  const keys = new Map<number, string>();
  return [...times]
    .flatMap(([key, time]) => {
      const cell = `${where}: time_results.${name}.${key}`;
      const n = Number(key);
      check(Number.isSafeInteger(n) && n > 0, `${cell}: length must be a positive integer, got ${key}`);
      check(
        !keys.has(n),
        `${where}: time_results.${name}: each length must be there once, got ${keys.get(n)} and ${key}`,
      );
      keys.set(n, key);
      const seconds = positive(time, cell);
      if (seconds === null) return [];
      const mib = notNegative(mibs.get(key), `${where}: memory_results.${name}.${key}`);
      return [toPoint(n, seconds, parameters, mib)];
    })
    .sort((a, b) => a.n - b.n);
}

function toPoint(n: number, seconds: number, parameters: number | null, mib: number | null): MeasuredPoint {
  return {
    n,
    added: false,
    processMs: [1000 * seconds],
    tokens: n,
    steps: null,
    flops: null,
    memory: {
      parameters: parameters === null ? null : parameters * BYTES_PER_PARAM,
      state: null,
      peakActivation: null,
      peakRss: null,
      parametersAndIds: mib === null ? null : mib * BYTES_PER_MIB,
    },
  };
}

/** A positive number, or null where the file has none; anything else is refused by name. */
function positive(value: unknown, where: string): number | null {
  const number = notNegative(value, where);
  check(number !== 0, `${where}: must be positive, got 0`);
  return number;
}

/** As positive, but 0 is allowed. */
function notNegative(value: unknown, where: string): number | null {
  if (value === undefined || value === null) return null;
  check(typeof value === 'number' && Number.isFinite(value), `${where}: must be a number, got ${String(value)}`);
  check(value >= 0, `${where}: must be positive, got ${value}`);
  return value;
}
