/** Child processes for the set-up. */
import { spawn } from 'node:child_process';
import { endingSignals, exitOfSignal } from './ending.mjs';
import { shareLocks } from './lock.mjs';

/**
 * Runs a program to its end and never rejects: a program that cannot be started has status null.
 * A signal that ends the set-up ends the program first, so that nothing works on behind the back
 * of the next one.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options stdout and stderr are captured unless `stdio` says otherwise
 * @returns {Promise<{ status: number | null, signal: NodeJS.Signals | null, stdout: string, stderr: string }>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    if (child.pid) shareLocks(child.pid);
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name]?.setEncoding('utf8').on('data', (part) => {
        text[name] += part;
      });
    }
    const signals = endingSignals();
    let stopped = 0;
    const stop = (signal) => {
      stopped = exitOfSignal(signal);
      child.kill(signal);
    };
    const finish = (status, signal = null) => {
      for (const name of signals) process.off(name, stop);
      if (stopped) process.exit(stopped);
      resolve({ status, signal, ...text });
    };
    for (const name of signals) process.on(name, stop);
    child.once('close', finish);
    child.once('error', (error) => {
      text.stderr ||= error.message;
      finish(null);
    });
  });
}

/** The first of some commands (with their flags) that ends well with `args`, or null. */
export async function firstThatRuns(commands, args) {
  for (const [command, ...flags] of commands) {
    if ((await run(command, [...flags, ...args])).status === 0) return [command, ...flags];
  }
  return null;
}
