/** Talks to a program that speaks the protocol (docs/protocol.md), as plainly as it can be done. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

export interface Conversation {
  /** Sends a line. @returns the program's next line, or null when it ends instead */
  ask(line: string): Promise<string | null>;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts a program, and ends it with the running test. */
export function startConversation(file: string, args: readonly string[]): Conversation {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      const { done, value } = await lines.next();
      return done ? null : value;
    },
    ended: new Promise((resolve, reject) => child.on('error', reject).on('close', resolve)),
  };
}
