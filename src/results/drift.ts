/**
 * Whether what a process measures late takes longer than what it measures early: a machine that warms up, a neighbour
 * that wakes (docs/method.md, A.3). Lengths that went up in every process would read it as growth.
 */
import { group } from 'd3-array';
import { processTime } from './cell.js';

/** A cell of a results file, as far as this test looks at it. */
export interface OrderedCell {
  readonly model: string;
  readonly phase: string;
  readonly engine: string;
  readonly n: number;
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
  readonly run: number;
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
  const runs = new Set(seen.map(({ run }) => run)).size;
  const freedom = seen.length - new Set(seen.map(({ cell }) => cell)).size - runs;
  if (runs < 2 || freedom < MIN_FREEDOM) return null;
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

/** A change that would be a fault of the run; an interval that holds it and 0 says nothing. */
const VAGUE = 0.1;

/** What the test says, in a sentence or two. */
export function driftText(cells: readonly OrderedCell[]): string {
  const drift = driftAlong(cells);
  const up = alwaysUp(cells);
  if (drift === null) {
    return up
      ? 'Order: a drift along a process cannot be told from growth here, since lengths went up in every process; more processes take other orders.'
      : 'Order: too few cells and processes to tell a drift along a process.';
  }
  const [low, high] = drift.interval.map(percentText);
  const within = `(99 % interval ${low} to ${high})`;
  if (drift.interval[0] <= 0 && drift.interval[1] >= 0) {
    const vague = drift.interval.some((end) => Math.abs(end) > VAGUE);
    const said = vague ? 'cannot tell whether there is a drift along a process' : 'no drift along a process is seen';
    return `Order: ${said}: ${percentText(drift.change)} from its first cell to its last ${within}.`;
  }
  const meaning = up
    ? 'Lengths went up in every process: a part of it is in the exponents'
    : 'Lengths came in another order in each process: it widens intervals rather than bending curves';
  return `Order: cells take ${percentText(drift.change)} from the first of a process to its last ${within}: the machine changed its pace. ${meaning}; let it come to rest, and close what else runs.`;
}

/** 0.096 -> '+9.6 %' */
const percentText = (share: number): string =>
  `${share < 0 ? '−' : '+'}${Number(Math.abs(100 * share).toPrecision(2))} %`;

/** Whether no process measured a length before a shorter one of its series, where there are several. */
function alwaysUp(cells: readonly OrderedCell[]): boolean {
  if (new Set(cells.map(({ n }) => n)).size < 2) return false;
  const last = new Map<string, number>();
  const ascending = [...cells].sort((a, b) => a.n - b.n);
  return ascending.every(({ model, phase, engine, processes }) =>
    processes.every(({ run, order }) => {
      const key = JSON.stringify([model, phase, engine, run]);
      const isUp = order > (last.get(key) ?? -1);
      last.set(key, order);
      return isUp;
    }),
  );
}

/** Places from 0, the first of a process, to 1, the last of the longest one. */
function observationsOf(cells: readonly OrderedCell[]): Observation[] {
  const seen = cells.flatMap(({ processes }, cell) =>
    processes.map((process) => ({
      ...{ cell, run: process.run, place: process.order },
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
    const largest = Math.max(takeMeansOut(values, seen, 'cell'), takeMeansOut(values, seen, 'run'));
    if (largest < NEGLIGIBLE) break;
  }
  return values;
}

/** @returns the largest of the means */
function takeMeansOut(values: number[], seen: readonly Observation[], effect: 'cell' | 'run'): number {
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
