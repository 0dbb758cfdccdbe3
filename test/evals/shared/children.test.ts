/** What a command starts ends with it, and what that leaves behind. With real processes. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { interruptible } from '../../../evals/shared/interruption.js';
import type { Life } from '../../../src/bench/run/process/launch.js';
import { isAlive, until } from '../../support/process_tree.js';

afterEach(() => vi.unstubAllEnvs());

const FOREVER = 'setInterval(() => {}, 1e6)';
/** Starts a process in a session of its own, says its number, and `then`. */
const leaving = (then: string): string => `
  const { spawn } = require('node:child_process');
  const left = spawn(process.execPath, ['-e', '${FOREVER}'], { detached: true, stdio: 'ignore' });
  left.unref();
  process.stdout.write(left.pid + '\\n', () => { ${then} });`;

/** Starts a child that leaves one behind. @returns the number of that, once it is there */
async function leftBy(life: Life, then: string) {
  const child = life.start(process.execPath, ['-e', leaving(then)]);
  const pid = await new Promise<number>((done) => child.stdout.once('data', (text) => done(Number(text))));
  return { child, pid };
}

test('a child ends with a command that ends at once, before what looks after it has begun', async () => {
  const children = await Promise.all(
    Array.from({ length: 4 }, () =>
      interruptible(
        () => '',
        async (life) => life.start(process.execPath, ['-e', FOREVER]),
      ),
    ),
  );
  await until(() => !children.some(({ pid }) => isAlive(pid as number)));
});

describe.skipIf(process.platform !== 'linux')('a process that a child has started, in a session of its own,', () => {
  test('is ended when the child has ended by itself', async () => {
    await interruptible(
      () => '',
      async (life) => {
        const { pid } = await leftBy(life, 'process.exit(0)');
        await until(() => !isAlive(pid));
      },
    );
  });

  test('is ended with a child that is ended', async () => {
    await interruptible(
      () => '',
      async (life) => {
        const { child, pid } = await leftBy(life, FOREVER);
        life.end(child);
        await until(() => !isAlive(pid) && !isAlive(child.pid as number));
      },
    );
  });

  test('is ended with the command', async () => {
    const { child, pid } = await interruptible(
      () => '',
      (life) => leftBy(life, FOREVER),
    );
    await until(() => !isAlive(pid) && !isAlive(child.pid as number));
  });

  test('carries the marks of all the commands around it, by which each of them finds it', async () => {
    vi.stubEnv('ATTNSCALE_STARTED_BY', '12.1/');
    const { pid } = await interruptible(
      () => '',
      async (life) => {
        const { pid } = await leftBy(life, FOREVER);
        expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toMatch(
          new RegExp(`\0ATTNSCALE_STARTED_BY=12\\.1/${process.pid}\\.\\d+/\0`),
        );
        return { pid };
      },
    );
    await until(() => !isAlive(pid));
  });

  test('is left alone while the child runs, and while another one ends', async () => {
    await interruptible(
      () => '',
      async (life) => {
        const first = await leftBy(life, FOREVER);
        const second = await leftBy(life, 'process.exit(0)');
        await until(() => !isAlive(second.pid));
        expect([first.pid, first.child.pid as number].map(isAlive)).toEqual([true, true]);
      },
    );
  });
});
