/** One process of an engine, from hello to bye, and the cells that it works on. */
import type { Engine } from '../../../engines/engine.js';
import { UserError } from '../../../errors.js';
import { type CellId, isLonger } from '../../../results/cell.js';
import type { EngineInfo } from '../../../results/schema.js';
import { type Details, PROTOCOL_VERSION, type ReplyOf } from '../../protocol/messages.js';
import type { Finding } from '../ledger.js';
import { type Connection, connect, Failure, Lost } from './connection.js';
import type { Life } from './launch.js';

/** How long a process may take, in time that it was given. */
export interface WorkerLimits {
  readonly cellTimeoutMs: number;
  /** To start, and to load its runtime. */
  readonly startTimeoutMs: number;
}

/** What processes need of the world. */
export interface WorkerHost extends WorkerLimits, Life {
  /** The CPU that they run on; null to leave that to the system. */
  readonly pinnedCpu: number | null;
}

export interface WorkerSettings extends WorkerHost {
  readonly threads: number;
  /** Whether graphs are made to run fast rather than to be ready soon. */
  readonly thorough: boolean;
}

export type Worker = Pick<Connection, 'ask'> & {
  /** Loads a model, once. @throws as `ask`, for every cell of a model that cannot be had */
  load(model: string): Promise<ReplyOf<'load'>>;
  /** What is asked from now on may take as long as a cell. */
  startOver(): void;
};

/** What a process is to do. */
export interface Task {
  readonly cells: readonly CellId[];
  /** How a model is asked for. */
  loading(model: string): Details<'load'>;
  /** Does what is to be done for a cell. @param position of the cell among those of this process */
  work(worker: Worker, cell: CellId, position: number): Promise<Finding | null>;
}

/** What is heard of a process while it works. */
export type Heard =
  | { readonly type: 'ready'; readonly engine: string; readonly info: EngineInfo }
  | { readonly type: 'start'; readonly cell: CellId }
  | Finding;

/** The program of an engine cannot be used at all. */
export class EngineRefused extends UserError {}

/** Loading a runtime takes a second or two; much longer on a loaded machine or from a slow disk. */
const MIN_START_MS = 30_000;

/** The limits that a time per cell stands for: a machine whose cells need more is slower to start too. */
export function workerLimits(cellTimeoutS: number): WorkerLimits {
  const cellTimeoutMs = 1000 * cellTimeoutS;
  return { cellTimeoutMs, startTimeoutMs: Math.max(MIN_START_MS, cellTimeoutMs) };
}

/**
 * Has a fresh process work on cells, one after the other. One that fails spares it the longer ones.
 * @returns the cells that are left for another process, where this one was lost
 * @throws EngineRefused when it cannot do anything
 * @throws Error when `settings.signal` aborts, and what `hear` throws
 */
export async function workThrough(
  engine: Engine,
  task: Task,
  settings: WorkerSettings,
  hear: (heard: Heard) => void,
): Promise<readonly CellId[]> {
  const connection = connect(engine, settings.pinnedCpu, settings);
  const overtime = `took longer than ${settings.cellTimeoutMs / 1000} s`;
  const worker: Worker = {
    ask: connection.ask,
    load: remembered((model) => connection.ask('load', task.loading(model))),
    startOver: () => connection.allow(settings.cellTimeoutMs, overtime),
  };
  let left = task.cells;
  try {
    hear({ type: 'ready', engine: engine.id, info: await greet(engine, connection, settings) });
    for (const [position, cell] of task.cells.entries()) {
      if (!left.includes(cell)) continue;
      left = left.filter((other) => other !== cell);
      hear({ type: 'start', cell });
      worker.startOver();
      try {
        const finding = await task.work(worker, cell, position);
        if (finding !== null) hear(finding);
      } catch (error) {
        if (!(error instanceof Failure || error instanceof Lost)) throw error;
        hear({ type: 'failed', cell, status: error.status, reason: error.message });
        left = left.filter((other) => !isLonger(other, cell));
        if (error instanceof Lost) return left;
      }
    }
    await connection.bye();
    return [];
  } finally {
    await connection.close();
  }
}

/** Says hello. @throws EngineRefused when the program does not answer as it should, or speaks another protocol */
async function greet(engine: Engine, connection: Connection, settings: WorkerSettings): Promise<EngineInfo> {
  const { threads, thorough, startTimeoutMs } = settings;
  connection.allow(startTimeoutMs, `said nothing for ${startTimeoutMs / 1000} s, was it stopped?`);
  const hello = { protocol: PROTOCOL_VERSION, threads, thorough };
  const { protocol, engine: info } = await connection.ask('hello', hello).catch((error: unknown) => {
    if (error instanceof Failure || error instanceof Lost) throw new EngineRefused(`${engine.id}: ${error.message}`);
    throw error;
  });
  if (protocol === PROTOCOL_VERSION) return info;
  throw new EngineRefused(`${engine.id}: must speak version ${PROTOCOL_VERSION} of the protocol, got ${protocol}`);
}

/**
 * Has fresh processes work on cells until every one was tried. Of someone else's engine that cannot be used, all fail.
 * @throws EngineRefused when one of ours cannot be used @throws Error as `workThrough`
 */
export async function workThroughAll(
  engine: Engine,
  cells: readonly CellId[],
  settings: WorkerSettings,
  hear: (heard: Heard) => void,
  taskOf: (left: readonly CellId[]) => Task,
): Promise<void> {
  let left = cells;
  try {
    while (left.length > 0) left = await workThrough(engine, taskOf(left), settings, hear);
  } catch (error) {
    if (!(error instanceof EngineRefused) || engine.command === null) throw error;
    // the longest first: else the others would be said to have been spared
    for (const cell of left.toSorted((a, b) => b.n - a.n)) {
      hear({ type: 'failed', cell, status: 'failed', reason: error.message });
    }
  }
}

/** Does its work once for each name: what failed fails again. */
export function remembered<T, Rest extends unknown[]>(
  work: (name: string, ...rest: Rest) => Promise<T>,
): (name: string, ...rest: Rest) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (name, ...rest) => {
    const result = known.get(name) ?? work(name, ...rest);
    known.set(name, result);
    return result;
  };
}
