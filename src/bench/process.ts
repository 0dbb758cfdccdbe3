/** One fresh worker process: what is sent to it, what comes back, and how it can end. */
import { type ChildProcess, fork } from 'node:child_process';
import type { WorkerMessage, WorkerOrder } from './messages.js';
import { type CellId, cellKey } from './plan.js';

export interface WorkerSettings {
  /** File that runs `work` on the first message it gets. */
  readonly workerFile: string;
  readonly cellTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A cell the process could not finish; it was ended. */
export interface Casualty {
  readonly cell: CellId;
  readonly status: 'failed' | 'timeout';
  readonly reason: string;
}

/**
 * Runs an order in a fresh process.
 * @param onMessage hears every message in order
 * @returns the cell that ended the process early, or null when it did all
 * @throws Error when the process ends before its first cell, or `signal` aborts
 */
export function runProcess(
  order: WorkerOrder,
  settings: WorkerSettings,
  onMessage: (message: WorkerMessage) => void,
): Promise<Casualty | null> {
  const { workerFile, cellTimeoutMs, signal } = settings;
  const child = fork(workerFile, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], signal, killSignal: 'SIGKILL' });
  const errors = tailOf(child);
  let current: CellId | null = null;
  let timer: NodeJS.Timeout | undefined;
  let timedOut = false;
  const settle = (): void => {
    clearTimeout(timer);
    current = null;
  };
  child.on('message', (message: WorkerMessage) => {
    if (message.type === 'start') {
      current = message.cell;
      timer = setTimeout(() => {
        timedOut = true;
        child.kill('SIGKILL');
      }, cellTimeoutMs);
    } else if ('cell' in message) settle();
    onMessage(message);
  });
  child.send(order);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, killedBy) => {
      const cell = current;
      settle();
      if (cell === null) {
        if (code === 0) resolve(null);
        else reject(new Error(`worker: ended with ${killedBy ?? `exit code ${code}`} outside a cell; ${errors()}`));
      } else if (timedOut) {
        resolve({ cell, status: 'timeout', reason: `took longer than --cell_timeout ${cellTimeoutMs / 1000} s` });
      } else {
        resolve({ cell, status: 'failed', reason: `its process ended with ${deathOf(code, killedBy)}; ${errors()}` });
      }
    });
  });
}

function deathOf(code: number | null, killedBy: NodeJS.Signals | null): string {
  if (killedBy === 'SIGKILL' || killedBy === 'SIGABRT') return `${killedBy} (out of memory?)`;
  return killedBy ?? `exit code ${code}`;
}

/** The last line that the process wrote on stderr. */
function tailOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-2000);
  });
  return () => text.trim().split('\n').pop() || 'it said nothing';
}

/** The cells of an order that come after `cell`. */
export function cellsAfter(cells: readonly CellId[], cell: CellId): CellId[] {
  return cells.slice(cells.findIndex((other) => cellKey(other) === cellKey(cell)) + 1);
}
