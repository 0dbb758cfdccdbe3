/**
 * Whether what a process measures late takes longer than what it measures early: a machine that warms up, a neighbour
 * that wakes (docs/method.md, A.3). Lengths that went up in every process would read it as growth.
 */
import { group } from 'd3-array';
import { type CellId, processTime, seriesKey } from './cell.js';

/** A cell of a results file, as far as this test looks at it. */
export interface OrderedCell extends CellId {
  readonly processes: readonly {
    readonly run: number;
    /** Place in the order of its process. */
    readonly order: number;
    readonly samples_ms: number[];
  }[];
}

export interface Drift {
  /** Time of what is measured last over that of what is measured first, less 1. */
  readonly change: number;
  /** 99 % interval. */
  readonly interval: readonly [low: number, high: number];
}

/** One process's value of a cell, or its place: what is left of it when those of cell and process are taken out. */
interface Observation {
  readonly cell: number;
  /** Each engine has a process of its own in a run. */
  readonly process: string;
  readonly place: number;
  readonly logMs: number;
}

const NORMAL_99 = 2.5758;
/** Fewer free observations tell no spread. */
const MIN_FREEDOM = 10;

/**
 * The change of log time along a process, by least squares beside an effect of each cell and of each process.
 * @returns null where the orders cannot tell it: one process, few cells, or the same order in all
 */
export function driftAlong(cells: readonly OrderedCell[]): Drift | null {
  const seen = observationsOf(cells);
  const processes = new Set(seen.map(({ process }) => process)).size;
  const freedom = seen.length - new Set(seen.map(({ cell }) => cell)).size - processes;
  if (processes < 2 || freedom < MIN_FREEDOM) return null;
  const places = residuals(seen, ({ place }) => place);
  const times = residuals(seen, ({ logMs }) => logMs);
  const spread = sumOfProducts(places, places);
  if (spread < 1e-6 * seen.length) return null;
  const slope = sumOfProducts(places, times) / spread;
  const rest = sumOfProducts(times, times) - slope ** 2 * spread;
  const error = Math.sqrt(Math.max(0, rest) / freedom / spread);
  return {
    change: Math.expm1(slope),
    interval: [Math.expm1(slope - NORMAL_99 * error), Math.expm1(slope + NORMAL_99 * error)],
  };
}

/** What the order of the cells says of their times. */
export function orderOf(cells: readonly OrderedCell[]): { readonly drift: Drift | null; readonly alwaysUp: boolean } {
  return { drift: driftAlong(cells), alwaysUp: alwaysUp(cells) };
}

/** Whether no process measured a length before a shorter one of its series, where there are several. */
function alwaysUp(cells: readonly OrderedCell[]): boolean {
  if (new Set(cells.map(({ n }) => n)).size < 2) return false;
  const last = new Map<string, number>();
  const ascending = [...cells].sort((a, b) => a.n - b.n);
  return ascending.every((cell) =>
    cell.processes.every(({ run, order }) => {
      const key = `${run} ${seriesKey(cell)}`;
      const isUp = order > (last.get(key) ?? -1);
      last.set(key, order);
      return isUp;
    }),
  );
}

/** Places from 0, the first of a process, to 1, the last of the longest one. */
function observationsOf(cells: readonly OrderedCell[]): Observation[] {
  const seen = cells.flatMap(({ engine, processes }, cell) =>
    processes.map((process) => ({
      ...{ cell, process: `${process.run} ${engine}`, place: process.order },
      logMs: Math.log(processTime(process)),
    })),
  );
  const longest = seen.reduce((most, { place }) => Math.max(most, place), 1);
  return seen.map((one) => ({ ...one, place: one.place / longest }));
}

/** Means of cells and of processes are taken out in turns until none is larger; at once with all cells in all processes. */
const NEGLIGIBLE = 1e-10;
const MAX_SWEEPS = 100;

function residuals(seen: readonly Observation[], of: (one: Observation) => number): number[] {
  const values = seen.map(of);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    const largest = Math.max(takeMeansOut(values, seen, 'cell'), takeMeansOut(values, seen, 'process'));
    if (largest < NEGLIGIBLE) break;
  }
  return values;
}

/** @returns the largest of the means */
function takeMeansOut(values: number[], seen: readonly Observation[], effect: 'cell' | 'process'): number {
  let largest = 0;
  for (const members of group(seen.keys(), (i) => seen[i]?.[effect]).values()) {
    const mean = members.reduce((sum, i) => sum + (values[i] as number), 0) / members.length;
    for (const i of members) values[i] = (values[i] as number) - mean;
    largest = Math.max(largest, Math.abs(mean));
  }
  return largest;
}

const sumOfProducts = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
