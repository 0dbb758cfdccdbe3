/** Progress on stderr: a bar on a terminal, some lines elsewhere. */

import { SingleBar } from 'cli-progress';
import type { Progress } from '../../src/bench/run/run.js';
import { printable } from '../../src/report/escape.js';
import { roughTimeText } from '../../src/report/format.js';
import type { Streams } from '../shared/command_line.js';

export interface ProgressView {
  update(progress: Progress): void;
  stop(): void;
}

/** Lines that a whole run prints where there is no terminal. */
const LINES = 10;

export function createProgress(stderr: Streams['stderr'], wanted: boolean): ProgressView {
  if (!wanted) return { update: () => undefined, stop: () => undefined };
  return stderr.isTTY && process.env['NO_COLOR'] === undefined ? createBar(stderr) : createLines(stderr);
}

function createBar(stderr: Streams['stderr']): ProgressView {
  const format = '{bar} {value}/{total}, {left}{doing}';
  const stream = (stderr.bare ?? stderr) as NodeJS.WriteStream;
  const bar = new SingleBar({ format, stream, hideCursor: true, clearOnComplete: true });
  const timeLeft = createTimeLeft();
  let doing = 'checking the models';
  return {
    update(progress) {
      const { done, total, heard } = progress;
      const left = timeLeft(progress);
      if (!bar.isActive) bar.start(total, done, { doing, left: '' });
      if (heard.type === 'start') doing = printable(`${heard.cell.model} ${heard.cell.phase} ${heard.cell.n}`);
      if (heard.type === 'built') doing = 'building graphs';
      bar.setTotal(total);
      bar.update(Math.floor(done), { doing, left: left === null ? '' : `${left} left, ` });
    },
    stop: () => bar.stop(),
  };
}

function createLines(stderr: Streams['stderr']): ProgressView {
  const timeLeft = createTimeLeft();
  let nextLine = 0;
  let known = Number.POSITIVE_INFINITY;
  return {
    update(progress) {
      const { done, total, heard } = progress;
      const left = timeLeft(progress);
      if (heard.type === 'ready' && nextLine === 0) stderr.write('checking the models, counting what they do\n');
      if (total > known) stderr.write(`not precise enough yet: ${total - done} measured once more\n`);
      known = total;
      nextLine ||= done + total / LINES;
      if ((heard.type !== 'measured' && heard.type !== 'start') || done < nextLine) return;
      nextLine = done + total / LINES;
      stderr.write(`${Math.floor(done)} of ${total} measured${left === null ? '' : `, ${left} left`}\n`);
    },
    stop: () => undefined,
  };
}

/** Estimates from the first cell built or measured on: what comes before it is no measure of it. */
function createTimeLeft(): (progress: Progress) => string | null {
  let first: { readonly at: number; readonly done: number } | undefined;
  return ({ done, total, heard }) => {
    if (heard.type === 'built' || heard.type === 'measured') first ??= { at: performance.now(), done };
    if (first === undefined || done === first.done) return null;
    const seconds = ((performance.now() - first.at) / 1000 / (done - first.done)) * (total - done);
    return roughTimeText(seconds);
  };
}
