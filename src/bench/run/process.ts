/** One fresh worker process: what is sent to it, what comes back, and how it can end. */
import { type ChildProcess, fork } from 'node:child_process';
import { UserError } from '../../errors.js';
import { type CellId, cellKey } from '../../results/cell.js';
import type { WorkerMessage, WorkerOrder } from '../protocol/messages.js';
import { pinned } from './pinning.js';
import { startLimit } from './time_limit.js';

/** How long a process may take, in time that it was given. */
export interface WorkerLimits {
  readonly cellTimeoutMs: number;
  /** To load the backend, and between cells. */
  readonly startTimeoutMs: number;
}

export interface WorkerSettings extends WorkerLimits {
  /** File that runs `work` on the first message it gets, and says `done` or `refused`. */
  readonly workerFile: string;
  /** The CPU it runs on; null to leave that to the system. */
  readonly pinnedCpu: number | null;
  readonly signal: AbortSignal;
  /** Has the worker end with this process, however this one ends: it hears nothing while it measures. */
  keep(worker: ChildProcess): void;
}

/** A cell the process could not finish; it was ended. */
export interface Casualty {
  readonly cell: CellId;
  readonly status: 'failed' | 'timeout';
  readonly reason: string;
}

/**
 * Has glibc keep freed memory instead of returning it page by page: 3 to 8 % of prefill (docs/compiled.md). It is read
 * when a process starts; what the user has set counts.
 */
const KEEP_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 30), MALLOC_TRIM_THRESHOLD_: String(2 ** 31 - 1) };

/** A worker that has done its work is gone by then, or ended. */
const ENDING_MS = 5_000;
/** Loading the backend takes a second or two; much longer on a loaded machine or from a slow disk. */
const MIN_START_MS = 30_000;

/** The limits that a time per cell stands for: a machine whose cells need more is slower to start too. */
export function workerLimits(cellTimeoutS: number): WorkerLimits {
  const cellTimeoutMs = 1000 * cellTimeoutS;
  return { cellTimeoutMs, startTimeoutMs: Math.max(MIN_START_MS, cellTimeoutMs) };
}

/**
 * Runs an order in a fresh process.
 * @param onMessage hears every message in order; what it throws ends the process
 * @returns the cell that ended the process early, or null when it did all
 * @throws UserError when the worker refuses the order, or ends or hangs outside a cell
 * @throws Error when `signal` aborts
 */
export function runProcess(
  order: WorkerOrder,
  settings: WorkerSettings,
  onMessage: (message: WorkerMessage) => void,
): Promise<Casualty | null> {
  const { cellTimeoutMs, startTimeoutMs } = settings;
  const child = startWorker(settings);
  const lastWords = lastWordsOf(child);
  let current: CellId | null = null;
  let timedOut = false;
  let done = false;
  const timeOut = (): void => {
    timedOut = true;
    child.kill('SIGKILL');
  };
  let timer = startLimit(startTimeoutMs, timeOut);
  const restartTimer = (ms: number): void => {
    timer.stop();
    timer = startLimit(ms, timeOut);
  };
  return new Promise((resolve, reject) => {
    const giveUp = (error: unknown): void => {
      reject(error);
      child.removeAllListeners('message').kill('SIGKILL');
    };
    child.on('error', giveUp);
    child.on('message', (message: WorkerMessage) => {
      if ('cell' in message) current = message.type === 'start' ? message.cell : null;
      done = message.type === 'done';
      if (message.type === 'refused') giveUp(new UserError(message.reason));
      if (message.type !== 'model') restartTimer(done ? ENDING_MS : current === null ? startTimeoutMs : cellTimeoutMs);
      try {
        onMessage(message);
      } catch (error) {
        giveUp(error);
      }
    });
    // not 'exit': messages and stderr may still be on their way then
    child.on('close', (code, killedBy) => {
      timer.stop();
      if (done) resolve(null);
      else if (current === null && timedOut) reject(new UserError(`worker: ${hangReason(startTimeoutMs)}`));
      else if (current === null)
        reject(new UserError(`worker: ${deathOf(code, killedBy)} outside a cell; ${lastWords()}`));
      else if (timedOut) resolve({ cell: current, status: 'timeout', reason: timeoutReason(cellTimeoutMs) });
      else resolve({ cell: current, status: 'failed', reason: `${deathOf(code, killedBy)}; ${lastWords()}` });
    });
    child.send(order, () => undefined); // 'close' tells of a worker that is gone already
  });
}

function startWorker({ workerFile, pinnedCpu, signal, keep }: WorkerSettings): ChildProcess {
  const env = { ...KEEP_MEMORY, ...process.env };
  const [execPath, execArgv] = pinned(pinnedCpu, process.execPath, process.execArgv);
  const child = fork(workerFile, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    ...{ execPath, execArgv, env, signal },
    killSignal: 'SIGKILL',
  });
  keep(child);
  return child;
}

const timeoutReason = (ms: number): string => `took longer than --cell_timeout ${ms / 1000} s`;

const hangReason = (ms: number): string =>
  `said nothing for ${ms / 1000} s outside a cell, was it stopped? A longer --cell_timeout gives it more`;

function deathOf(code: number | null, killedBy: NodeJS.Signals | null): string {
  const outOfMemory = killedBy === 'SIGKILL' || killedBy === 'SIGABRT' ? ' (out of memory?)' : '';
  return `its process ended with ${killedBy ?? `exit code ${code}`}${outOfMemory}`;
}

/** Information and warnings of TensorFlow's log, which says that XLA was used and what its cost model cannot tell. */
const LOG_CHATTER = /^(?:WARNING: All log messages|[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] )/;

/** What the process wrote on stderr: its error, else its last line that is not chatter. */
function lastWordsOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-10_000);
  });
  return () => {
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !LOG_CHATTER.test(line));
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  };
}

/** The cells of an order that come after `cell`. */
export function cellsAfter(cells: readonly CellId[], cell: CellId): CellId[] {
  return cells.slice(cells.findIndex((other) => cellKey(other) === cellKey(cell)) + 1);
}
