/** A process of an engine: how it is started, and what is known of it once it has ended. */
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Engine } from '../../../engines/engine.js';
import { pinned } from './pinning.js';

/** How processes are tied to this one. */
export interface Life {
  /** Aborted when they are to end. */
  readonly signal: AbortSignal;
  /** Starts a program, with pipes, that ends with this process, however this one ends: with all that it started. */
  start(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams;
  /** Ends a program that was started so, and all that it started. */
  end(child: ChildProcess): void;
}

/**
 * Has glibc keep freed memory instead of returning it page by page: 3 to 8 % of prefill (docs/compiled.md). It is read
 * when a process starts; what the user has set counts.
 */
const KEEP_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 30), MALLOC_TRIM_THRESHOLD_: String(2 ** 31 - 1) };

/** What a process that has ended may still have on its way to us; others may hold the pipe open for ever. */
const CLOSING_MS = 2000;
/** Kept of what it writes. */
const MOST_TEXT = 10_000;

/** @param pinnedCpu the CPU it runs on; null to leave that to the system */
export function launch({ program }: Engine, pinnedCpu: number | null, life: Life): ChildProcessWithoutNullStreams {
  const [file, ...args] = program;
  return life.start(...pinned(pinnedCpu, file, args), { ...KEEP_MEMORY, ...process.env });
}

/** Resolves when a process has ended and all that it wrote is read. @throws Error when it could not be started */
export function endOf(child: ChildProcess): Promise<Pick<ChildProcess, 'exitCode' | 'signalCode'>> {
  child.on('exit', () => {
    const closing = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, CLOSING_MS);
    child.on('close', () => clearTimeout(closing));
  });
  return new Promise((done, fail) => child.on('error', fail).on('close', () => done(child)));
}

/** How a process ends whose system, or whose own allocator, has no memory left; a shell says it by 128 + the signal. */
const OUT_OF_MEMORY: ReadonlySet<number | string | null> = new Set(['SIGKILL', 'SIGABRT', 128 + 9, 128 + 6]);

export function deathOf({ exitCode, signalCode }: Pick<ChildProcess, 'exitCode' | 'signalCode'>): string {
  const guess = OUT_OF_MEMORY.has(signalCode ?? exitCode) ? ' (out of memory?)' : '';
  return `its process ended with ${signalCode ?? `exit code ${exitCode}`}${guess}`;
}

/** Information and warnings of TensorFlow's log, which says that XLA was used and what its cost model cannot tell. */
const LOG_CHATTER = /^(?:WARNING: All log messages|[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] )/;

/** Reads a stream as it comes. @returns what gives the last of it */
export function tailOf(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-MOST_TEXT);
  });
  return () => text;
}

/** What a process writes on stderr, which is read as it comes: its error, else its last line that is not chatter. */
export function lastWordsOf(stderr: NodeJS.ReadableStream): () => string {
  const text = tailOf(stderr);
  return () => {
    const lines = text()
      .split('\n')
      .filter((line) => line.trim() !== '' && !LOG_CHATTER.test(line));
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  };
}
