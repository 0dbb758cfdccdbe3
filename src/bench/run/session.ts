/** One process of an engine, from hello to bye, and the cells that it works on. */
import type { Engine } from '../../engines/engine.js';
import { UserError } from '../../errors.js';
import { type CellId, isLonger } from '../../results/cell.js';
import type { EngineInfo } from '../../results/schema.js';
import { PROTOCOL_VERSION } from '../protocol/wire.js';
import { type Connection, connect, type Details, Lost, Refusal, type ReplyOf } from './connection.js';
import type { Life } from './launch.js';
import type { Finding } from './ledger.js';

/** How long a process may take, in time that it was given. */
export interface WorkerLimits {
  readonly cellTimeoutMs: number;
  /** To start, and to load its runtime. */
  readonly startTimeoutMs: number;
}

export interface WorkerSettings extends WorkerLimits, Life {
  /** The CPU that processes run on; null to leave that to the system. */
  readonly pinnedCpu: number | null;
  readonly threads: number;
  /** Whether graphs are made to run fast rather than to be ready soon. */
  readonly thorough: boolean;
}

export type Worker = Pick<Connection, 'ask'> & {
  /** Loads a model, once. @throws as `ask`, for every cell of a model that cannot be had */
  load(model: string): Promise<ReplyOf<'load'>>;
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
  const worker = { ask: connection.ask, load: remembered((model) => connection.ask('load', task.loading(model))) };
  const overtime = `took longer than ${settings.cellTimeoutMs / 1000} s`;
  let left = task.cells;
  try {
    hear({ type: 'ready', engine: engine.id, info: await greet(engine, connection, settings) });
    for (const [position, cell] of task.cells.entries()) {
      if (!left.includes(cell)) continue;
      left = left.filter((other) => other !== cell);
      hear({ type: 'start', cell });
      connection.allow(settings.cellTimeoutMs, overtime);
      try {
        const finding = await task.work(worker, cell, position);
        if (finding !== null) hear(finding);
      } catch (error) {
        if (!(error instanceof Refusal || error instanceof Lost)) throw error;
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
    if (error instanceof Refusal || error instanceof Lost) throw new EngineRefused(`${engine.id}: ${error.message}`);
    throw error;
  });
  if (protocol === PROTOCOL_VERSION) return info;
  throw new EngineRefused(`${engine.id}: must speak version ${PROTOCOL_VERSION} of the protocol, got ${protocol}`);
}

/** Does its work once for each name: what failed fails again. */
function remembered<T>(work: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (name) => {
    const result = known.get(name) ?? work(name);
    known.set(name, result);
    return result;
  };
}
