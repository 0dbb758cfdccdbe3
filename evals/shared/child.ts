/** Another program as a child of a command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { startLimit } from '../../src/bench/run/time_limit.js';
import type { Life } from './interruption.js';

export interface EndedChild {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** It was ended since it took longer than its limit. */
  readonly overtime: boolean;
  /** The last of what it wrote. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Kept of what a child writes. */
const MOST_TEXT = 10_000;
/** What a child that has ended may still have on its way to us; others may hold the pipe open for ever. */
const CLOSING_MS = 2000;

/**
 * Runs a program to its end, in a child that ends with this process, with all that it started.
 * @param onLine hears each line of its stderr as it comes
 * @throws Error when it cannot be started, or `life` ends
 */
export async function runChild(
  command: string,
  args: readonly string[],
  limitMs: number,
  life: Life,
  onLine?: (line: string) => void,
): Promise<EndedChild> {
  life.signal.throwIfAborted();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  life.keep(child);
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  if (onLine !== undefined) createInterface({ input: child.stderr }).on('line', onLine);
  let overtime = false;
  const end = (): void => life.end(child);
  const limit = startLimit(limitMs, () => {
    overtime = true;
    end();
  });
  life.signal.addEventListener('abort', end);
  try {
    const code = await endOf(child);
    life.signal.throwIfAborted();
    return { code, overtime, stdout: stdout(), stderr: stderr() };
  } finally {
    limit.stop();
    life.signal.removeEventListener('abort', end);
  }
}

/** What a child said last, for errors. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1) || 'it said nothing';

function textOf(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-MOST_TEXT);
  });
  return () => text;
}

async function endOf(child: ChildProcess): Promise<number | null> {
  child.on('exit', () => {
    const closing = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, CLOSING_MS);
    child.on('close', () => clearTimeout(closing));
  });
  return new Promise((done, fail) => child.on('error', fail).on('close', done));
}
