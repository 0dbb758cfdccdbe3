/** What was measured, in one neutral form whatever the file it came from: fits, tables and charts know nothing else. */
import { group } from 'd3-array';
import { check } from '../errors.js';
import { nearest } from '../nearest.js';

/** Bytes; null where the file does not say. The original's "memory" is parameters and ids, and only that. */
export interface MemoryBytes {
  readonly parameters: number | null;
  readonly state: number | null;
  readonly peakActivation: number | null;
  readonly peakRss: number | null;
  readonly parametersAndIds: number | null;
}

export interface MeasuredPoint {
  readonly n: number;
  /** The run added this length to those that were asked for. */
  readonly added: boolean;
  /** The least sample of process i at position i; null where that process has none. */
  readonly processMs: readonly (number | null)[];
  /** Tokens that one call accounts for, so that tokens per second = tokens / time. */
  readonly tokens: number;
  /** Of single decode steps: the last step of a period may cost more than the others. */
  readonly steps: { readonly medianMs: number; readonly largestMs: number } | null;
  readonly flops: number | null;
  readonly memory: MemoryBytes;
}

/** One curve: a model on an engine; points in ascending n. */
export interface Series {
  readonly name: string;
  readonly model: string;
  /** Empty where it is not known. */
  readonly engine: string;
  readonly points: readonly MeasuredPoint[];
}

export interface Measurements {
  readonly kind: 'attnscale' | 'original' | 'csv';
  /** Empty where it is not known. */
  readonly phase: string;
  /** What a time is the time of, e.g. `generate: prefill of n tokens, then 32 steps`. */
  readonly meaning: string;
  /** Which tokens are in tokens / time, and which time. */
  readonly rateTitle: string;
  readonly series: readonly Series[];
  readonly noisy: boolean;
  /** Seed of the run, or 0: the bootstrap's. */
  readonly seed: number;
  /** What the machine did meanwhile, in sentences. */
  readonly machine: readonly string[];
  /** What a reader must know: cells left out, a partial file, too few processes. */
  readonly notes: readonly string[];
  /** What describes the whole run, for exports: a column each, with its unit in the name. */
  readonly run?: Readonly<Record<string, string | number | null>>;
  /** Provenance for pictures: machine, versions, commit, date. */
  readonly footer: readonly string[];
}

/** The series of that name. @throws UserError naming the nearest name */
export function findSeries(measurements: Measurements, name: string, where: string): Series {
  const names = measurements.series.map((series) => series.name);
  const found = measurements.series.find((series) => series.name === name);
  check(
    found !== undefined,
    `${where}: must be one of ${names.join(', ')}, got ${name}; did you mean ${nearest(name, names)}?`,
  );
  return found;
}

/** More names, or lengths, than this are counted instead. */
const MOST_NAMED = 6;

/** Names the lengths that other models have, or that were asked for, and that these lack: a note for models that lack the same. */
export function missingNotes(
  models: readonly { readonly name: string; readonly lengths: readonly number[] }[],
  expected: readonly number[] = [],
): string[] {
  const all = [...new Set([...expected, ...models.flatMap(({ lengths }) => lengths)])].sort((a, b) => a - b);
  const lacking = group(models, ({ lengths }) => {
    const own = new Set(lengths);
    return listText(all.filter((n) => !own.has(n)));
  });
  lacking.delete('');
  return [...lacking].map(([missing, these]) => {
    const [has, its] = these.length === 1 ? ['has', 'its'] : ['have', 'their'];
    return `${listText(these.map(({ name }) => name))} ${has} no time at n = ${missing}: left out of ${its} fits.`;
  });
}

function listText(items: readonly (string | number)[]): string {
  const more = items.length - MOST_NAMED;
  return more > 1 ? `${items.slice(0, MOST_NAMED).join(', ')} and ${more} more` : items.join(', ');
}
