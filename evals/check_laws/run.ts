/** What check-laws does once its flags are read. */
import { constants, copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { EXIT } from '#scripts/ending.mjs';
import type { OwnEngine } from '../../src/engines/engine.js';
import { check, messageOf, UserError } from '../../src/errors.js';
import type { Streams } from '../shared/command_line.js';
import { packageFolder } from '../shared/package_folder.js';
import type { LawFlags } from './flags.js';
import { type LawMessage, type LawTask, makeRunning, readRunning } from './messages.js';

const TEMPLATE = 'examples/my_model.js';

/** @throws UserError where there is a file already */
export function writeTemplate(file: string, { stdout }: Streams): number {
  try {
    copyFileSync(join(packageFolder(), TEMPLATE), file, constants.COPYFILE_EXCL);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    check(code !== 'EEXIST', `--new: must be a file that is not there yet, got ${file}`);
    check(false, `--new: must be a file that can be written, got ${file} (${messageOf(error)})`);
  }
  stdout.write(`${file} is a model to start from.\n\n  check-laws ${file}\n  compare-models --model ${file}\n`);
  return EXIT.ok;
}

/**
 * Ends when the thread does, or a law takes too long.
 * @param own the engine that runs the model
 * @returns the exit code: 0 all laws hold, 1 one does not
 */
export async function checkLaws(
  file: string,
  { id, problem: _, ...own }: OwnEngine,
  { timeout, device }: LawFlags,
  { stdout }: Streams,
): Promise<number> {
  const running = makeRunning();
  let left: readonly string[] = [];
  let broken = 0;
  const say = (law: string, reason: string | null): void => {
    left = left.filter((other) => other !== law);
    broken += Number(reason !== null);
    stdout.write(reason === null ? `holds  ${law}\n` : `BROKEN ${law}\n       ${reason}\n`);
  };
  const late = await heard({ file, way: { ...own, device }, running }, 1000 * timeout, (message) => {
    if (message.type === 'refused') throw new UserError(message.reason);
    if (message.type === 'tried') return say(message.law, message.broken);
    left = message.laws;
    stdout.write(`${message.name} of ${basename(file)}, against ${left.length} laws of all models, on ${id}:\n\n`);
  });
  if (late) {
    const what = readRunning(running) || 'the law';
    const reason = `${what}: must return, got none in ${timeout} s`;
    check(left.length > 0, `${file}: ${reason}`);
    say(left[0] as string, reason);
  }
  for (const law of left) stdout.write(`–      ${law}\n`);
  stdout.write(
    broken === 0 ? '\nAll laws hold.\n' : `\n${broken} of the laws ${broken === 1 ? 'does' : 'do'} not hold.\n`,
  );
  return broken === 0 ? EXIT.ok : EXIT.failed;
}

/** Runs the thread and hands on what it says. @returns whether it was ended, since it said nothing for `limitMs` */
async function heard(task: LawTask, limitMs: number, hear: (message: LawMessage) => void): Promise<boolean> {
  const worker = new Worker(new URL('../check_laws_thread.js', import.meta.url), { workerData: task, env: SHARE_ENV });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(() => resolve(true), limitMs);
      worker.on('message', (message: LawMessage) => {
        timer?.refresh();
        try {
          hear(message);
        } catch (error) {
          reject(error);
        }
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve(false));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
