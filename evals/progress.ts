/** Progress on stderr: a bar on a terminal, a line a process elsewhere. */
import { SingleBar } from 'cli-progress';
import type { Progress } from '../src/bench/run.js';
import type { Streams } from './command_line.js';

export interface ProgressView {
  update(progress: Progress): void;
  stop(): void;
}

export function createProgress(stderr: Streams['stderr'], wanted: boolean, runs: number): ProgressView {
  if (!wanted) return { update: () => undefined, stop: () => undefined };
  return stderr.isTTY && process.env['NO_COLOR'] === undefined ? createBar(stderr) : createLines(stderr, runs);
}

function createBar(stderr: Streams['stderr']): ProgressView {
  const format = '{bar} {value}/{total} cells, {eta_formatted} left, {doing}';
  const bar = new SingleBar({ format, stream: stderr as NodeJS.WriteStream, hideCursor: true, clearOnComplete: true });
  return {
    update({ done, total, message }) {
      if (!bar.isActive) bar.start(total, done, { doing: 'checking the models' });
      if (message.type !== 'start') bar.update(done);
      else bar.update(done, { doing: `${message.cell.model} ${message.cell.phase} ${message.cell.n}` });
    },
    stop: () => bar.stop(),
  };
}

function createLines(stderr: Streams['stderr'], runs: number): ProgressView {
  const start = performance.now();
  let said = -1;
  return {
    update({ done, total, message }) {
      const run = Math.floor((done * runs) / total);
      if (message.type !== 'measured' || run === said || done === 0) return;
      said = run;
      const elapsedS = (performance.now() - start) / 1000;
      const leftS = (elapsedS * (total - done)) / done;
      stderr.write(`${done}/${total} cells measured, ${elapsedS.toFixed(0)} s, about ${leftS.toFixed(0)} s left\n`);
    },
    stop: () => undefined,
  };
}
