/**
 * How commands end early, and what they started with them. INT, TERM and HUP are handled here alone: children are ended,
 * what was opened is closed on the way out, and the exit code is 128 and the signal's number.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { endingSignals, exitOfSignal, SIGNALS } from '#scripts/ending.mjs';
import type { Life } from '../../src/bench/run/process/launch.js';
import { packageFolder } from './package_folder.js';

/** A signal ended the command. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(
    readonly signal: NodeJS.Signals,
    message: string,
  ) {
    super(message);
  }
}

/** What a command that a signal ended says. @returns its exit code; @throws any other error */
export function sayInterrupted(error: unknown, stderr: { write(text: string): unknown }): number {
  if (!(error instanceof Interrupted)) throw error;
  stderr.write(`interrupted: ${error.message}\n`);
  return exitOfSignal(error.signal);
}

/**
 * Does work that a signal may end.
 * @param lost what is said then, e.g. `nothing is written`
 * @throws Interrupted when it did
 */
export async function interruptible<T>(lost: () => string, work: (life: Life) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  let received: NodeJS.Signals | null = null;
  const interrupt = (signal: NodeJS.Signals): void => {
    received ??= signal;
    interruption.abort();
  };
  const signals = endingSignals();
  for (const signal of signals) process.on(signal, interrupt);
  using keeper = createKeeper();
  try {
    return await work({ signal: interruption.signal, start: keeper.start, end: keeper.end });
  } catch (error) {
    if (received === null) throw error;
    throw new Interrupted(received, lost());
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/**
 * A variable in the environment of all that a child starts, by which what outlives the child is found (on Linux): the marks
 * of the commands around this one, and of the child.
 */
const MARK = 'ATTNSCALE_STARTED_BY';
/** Children so far: no two have one mark, whoever looks after them. */
let count = 0;

/**
 * A process that outlives this one for as long as it takes to end the children; started with the first of them, and
 * again as soon as it was killed itself: a signal may come before it listens.
 */
function createKeeper(): Omit<Life, 'signal'> & Disposable {
  let keeper: ChildProcess | undefined;
  const kept = new Map<number | undefined, { readonly mark: string; isToEnd: boolean }>();
  const say = (order: object): void => {
    if (keeper?.connected) keeper.send(order, () => undefined);
  };
  const ensure = (): void => {
    if (keeper?.connected) return;
    const started = startKeeper();
    keeper = started;
    started.once('exit', (_code, signal) => {
      if (signal === null || keeper !== started) return;
      keeper = undefined;
      if (kept.size > 0) ensure();
    });
    for (const [pid, { mark, isToEnd }] of kept) {
      say({ keep: pid, mark });
      if (isToEnd) say({ end: pid });
    }
  };
  return {
    start(command, args, env = process.env) {
      ensure();
      count += 1;
      const mark = `${process.env[MARK] ?? ''}${process.pid}.${count}/`;
      const child = spawn(command, args, { stdio: 'pipe', env: { ...env, [MARK]: mark } });
      kept.set(child.pid, { mark, isToEnd: false });
      say({ keep: child.pid, mark });
      child.once('exit', () => {
        kept.delete(child.pid);
        say({ forget: child.pid, mark });
      });
      return child;
    },
    end(child) {
      ensure();
      const known = kept.get(child.pid);
      if (known) known.isToEnd = true; // said again to the next keeper, should this one be killed first
      if (keeper?.connected) say({ end: child.pid });
      else child.kill('SIGKILL');
    },
    [Symbol.dispose]: () => keeper?.connected && keeper.disconnect(),
  };
}

/** Without a mark: it is nobody's to end. */
function startKeeper(): ChildProcess {
  const file = join(packageFolder(), 'bin', 'keeper.cjs');
  const { [MARK]: _, ...env } = process.env;
  const keeper = fork(file, SIGNALS, { detached: true, stdio: 'ignore', execArgv: [], cwd: dirname(file), env });
  keeper.on('error', () => undefined); // no process to be had: then children end when the command can end them
  keeper.unref();
  keeper.channel?.unref();
  return keeper;
}
