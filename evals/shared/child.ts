/** Another program as a child of a command. */
import { createInterface } from 'node:readline';
import { endOf, type Life, tailOf } from '../../src/bench/run/process/launch.js';
import { startLimit } from '../../src/bench/run/process/time_limit.js';

export interface EndedChild {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** It was ended since it took longer than its limit. */
  readonly overtime: boolean;
  /** The last of what it wrote. */
  readonly stdout: string;
  readonly stderr: string;
}

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
  const child = life.start(command, args);
  child.stdin.on('error', () => undefined).end();
  const [stdout, stderr] = [tailOf(child.stdout), tailOf(child.stderr)];
  if (onLine !== undefined) createInterface({ input: child.stderr }).on('line', onLine);
  let overtime = false;
  const end = (): void => life.end(child);
  const limit = startLimit(limitMs, () => {
    overtime = true;
    end();
  });
  life.signal.addEventListener('abort', end);
  try {
    const { exitCode } = await endOf(child);
    life.signal.throwIfAborted();
    return { code: exitCode, overtime, stdout: stdout(), stderr: stderr() };
  } finally {
    limit.stop();
    life.signal.removeEventListener('abort', end);
  }
}

/** What a child said last, for errors. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1) || 'it said nothing';
