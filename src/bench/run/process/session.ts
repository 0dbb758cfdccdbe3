/** One process of an engine, from hello to bye, and the cells that it works on. */
import type { Engine } from '../../../engines/engine.js';
import { UserError } from '../../../errors.js';
import { type CellId, isLonger } from '../../../results/cell.js';
import type { EngineInfo } from '../../../results/schema.js';
import { type Details, PROTOCOL_VERSION, type ReplyOf } from '../../protocol/messages.js';
import type { Finding } from '../ledger.js';
import { type Connection, connect, Failure, Lost } from './connection.js';
import type { Life } from './launch.js';
import type { PinnableCpus } from './pinning.js';

/** How long a process may take, in time that it was given. */
export interface WorkerLimits {
  readonly cellTimeoutMs: number;
  /** To start, and to load its runtime. */
  readonly startTimeoutMs: number;
}

/** What processes need of the world. */
export interface WorkerHost extends WorkerLimits, Life, PinnableCpus {}

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
  /** Has what a cell needs built, as far as it stays built. @returns how long that took, in ms */
  ready?(worker: Worker, cell: CellId): Promise<number>;
  /** Times that all cells are worked on, one after the other; 1 where it is not said. */
  readonly rounds?: number;
  /**
   * Does what is to be done for a cell in a round.
   * @param position of the cell among those of this process
   * @returns what is known of it by then, which is told once: after the last round, or when there are no more
   */
  work(worker: Worker, cell: CellId, position: number): Promise<Finding | null>;
}

/** What is heard of a process while it works. */
export type Heard =
  | { readonly type: 'ready'; readonly engine: string; readonly info: EngineInfo }
  | { readonly type: 'built'; readonly cell: CellId; readonly ms: number }
  /** @property isLast whether the cell is not visited again */
  | { readonly type: 'start'; readonly cell: CellId; readonly isLast: boolean }
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

/** A process that has said hello. */
export interface Session extends Pick<Connection, 'moveTo' | 'bye' | 'close'> {
  readonly worker: Worker;
  /** Has it build what its cells need. What fails now is tried again, and told, when the cell is worked on. */
  getReady(task: Task): Promise<void>;
  /**
   * Has it work on cells, one after the other, and end. One that fails spares it the longer ones.
   * @returns the cells that are left for another process, where this one was lost
   * @throws Error when `settings.signal` aborts, and what `hear` throws
   */
  work(task: Task): Promise<readonly CellId[]>;
}

/** Starts a process, on `settings.pinnedCpu`. @throws EngineRefused when it cannot do anything */
export async function openSession(
  engine: Engine,
  { loading }: Pick<Task, 'loading'>,
  settings: WorkerSettings,
  hear: (heard: Heard) => void,
): Promise<Session> {
  const connection = connect(engine, settings.pinnedCpu, settings);
  const overtime = `took longer than ${settings.cellTimeoutMs / 1000} s`;
  const worker: Worker = {
    ask: connection.ask,
    load: remembered((model) => connection.ask('load', loading(model))),
    startOver: () => connection.allow(settings.cellTimeoutMs, overtime),
  };
  const { moveTo, bye, close } = connection;
  try {
    hear({ type: 'ready', engine: engine.id, info: await greet(engine, connection, settings) });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...{ worker, moveTo, bye, close },
    async getReady({ cells, ready }) {
      if (ready === undefined) return;
      await untilLost(visitsOf(cells), worker.startOver, async ({ cell }) =>
        hear({ type: 'built', cell, ms: await ready(worker, cell) }),
      );
    },
    async work({ cells, rounds, work }) {
      const left = await workInRounds(visitsOf(cells, rounds), worker, work, hear);
      if (left.length === 0) await bye();
      return left;
    },
  };
}

/** One of the times that a process works on a cell. */
export interface Visit {
  readonly cell: CellId;
  /** Of the cell among those of the process. */
  readonly position: number;
  readonly isLast: boolean;
}

/** All cells, in each round in the same order: so the visits of each are as far apart as they can be. */
export const visitsOf = (cells: readonly CellId[], rounds = 1): Visit[] =>
  Array.from({ length: rounds }, (_, round) =>
    cells.map((cell, position) => ({ cell, position, isLast: round === rounds - 1 })),
  ).flat();

/** @returns the cells of which nothing is known yet, where the process was lost */
async function workInRounds(
  visits: readonly Visit[],
  worker: Worker,
  work: Task['work'],
  hear: (heard: Heard) => void,
): Promise<readonly CellId[]> {
  const found = new Map<CellId, Finding>();
  const tell = (cell: CellId): void => {
    const finding = found.get(cell);
    found.delete(cell);
    if (finding) hear(finding);
  };
  const visit = async ({ cell, position, isLast }: Visit): Promise<void> => {
    hear({ type: 'start', cell, isLast });
    const finding = await work(worker, cell, position);
    if (finding !== null) found.set(cell, finding);
    if (isLast) tell(cell);
  };
  try {
    const left = await untilLost(visits, worker.startOver, visit, (cell, { status, message }) => {
      found.delete(cell);
      for (const other of [...found.keys()]) if (isLonger(other, cell)) tell(other); // else they would be said to be spared
      hear({ type: 'failed', cell, status, reason: message });
    });
    return [...new Set(left.map(({ cell }) => cell))].filter((cell) => !found.has(cell));
  } finally {
    for (const cell of [...found.keys()]) tell(cell);
  }
}

/** Works on cells; one that fails is not visited again, nor are the longer ones. @returns what is left where the process is lost */
export async function untilLost(
  visits: readonly Visit[],
  startOver: () => void,
  work: (visit: Visit) => Promise<void>,
  onFailure: (cell: CellId, failure: Failure | Lost) => void = () => undefined,
): Promise<readonly Visit[]> {
  let left = visits;
  for (const visit of visits) {
    if (!left.includes(visit)) continue;
    left = left.filter((other) => other !== visit);
    startOver();
    try {
      await work(visit);
    } catch (error) {
      if (!(error instanceof Failure || error instanceof Lost)) throw error;
      const { cell } = visit;
      onFailure(cell, error);
      left = left.filter((other) => other.cell !== cell && !isLonger(other.cell, cell));
      if (error instanceof Lost) return left;
    }
  }
  return [];
}

/** Has a fresh process work on cells. @returns the cells that are left for another one @throws as `openSession`, `work` */
export async function workThrough(
  engine: Engine,
  task: Task,
  settings: WorkerSettings,
  hear: (heard: Heard) => void,
): Promise<readonly CellId[]> {
  const session = await openSession(engine, task, settings, hear);
  try {
    return await session.work(task);
  } finally {
    await session.close();
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
