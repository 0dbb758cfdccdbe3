/**
 * How commands end early, and what they started with them. INT, TERM and HUP are handled here alone: children are ended,
 * what was opened is closed on the way out, and the exit code is 128 and the signal's number.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { endingSignals, exitOfSignal } from '#scripts/ending.mjs';
import { packageFolder } from './package_folder.js';

/** What ties children to their command. */
export interface Life {
  /** Aborted when the command is to end. */
  readonly signal: AbortSignal;
  /** Has a child end with this process, however this one ends. */
  keep(child: ChildProcess): void;
  /** Ends a child that is kept, and all that it started. */
  end(child: ChildProcess): void;
}

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
    return await work({ signal: interruption.signal, keep: keeper.keep, end: keeper.end });
  } catch (error) {
    if (received === null) throw error;
    throw new Interrupted(received, lost());
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/**
 * A process that outlives this one for as long as it takes to end the children; started with the first of them, and
 * again where it was ended itself.
 */
function createKeeper(): Omit<Life, 'signal'> & Disposable {
  let keeper: ChildProcess | undefined;
  const kept = new Set<number | undefined>();
  const say = (order: { readonly [verb in 'keep' | 'forget' | 'end']?: number | undefined }): void => {
    if (keeper?.connected) keeper.send(order, () => undefined);
  };
  const ensure = (): void => {
    if (keeper?.connected) return;
    keeper = startKeeper();
    for (const pid of kept) say({ keep: pid });
  };
  return {
    keep(child) {
      ensure();
      kept.add(child.pid);
      say({ keep: child.pid });
      child.once('exit', () => {
        kept.delete(child.pid);
        say({ forget: child.pid });
      });
    },
    end(child) {
      ensure();
      if (keeper?.connected) say({ end: child.pid });
      else child.kill('SIGKILL');
    },
    [Symbol.dispose]: () => keeper?.connected && keeper.disconnect(),
  };
}

function startKeeper(): ChildProcess {
  const file = join(packageFolder(), 'bin', 'keeper.js');
  const keeper = fork(file, { detached: true, stdio: 'ignore', execArgv: [], cwd: dirname(file) });
  keeper.on('error', () => undefined); // no process to be had: then children end when the command can end them
  keeper.unref();
  keeper.channel?.unref();
  return keeper;
}
