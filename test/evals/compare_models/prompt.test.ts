import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPrompt } from '../../../evals/compare_models/prompt.js';
import { UserError } from '../../../src/errors.js';
import { temporaryFolder } from '../../support/temporary.js';

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const onUnix = test.skipIf(process.platform === 'win32');

test.each([1, 5, 65_535, 65_536, 65_537, 200_000, 300_000])(
  'of a file the first %i bytes are read, and all are hashed',
  (most) => {
    const path = join(temporaryFolder(), 'prompt');
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
    writeFileSync(path, bytes);
    const prompt = readPrompt(path, most);
    expect(Buffer.compare(prompt.bytes, bytes.subarray(0, most))).toBe(0);
    expect(prompt.sha256).toBe(sha256(bytes));
  },
);

onUnix.each([1, 100_000])('of a device that never ends %i bytes are read, and these are hashed', (most) => {
  expect(readPrompt('/dev/zero', most)).toEqual({ bytes: Buffer.alloc(most), sha256: sha256(Buffer.alloc(most)) });
});

onUnix('a device without bytes is empty', () => {
  const message = '--prompt: must hold at least one byte, got the empty file /dev/null';
  expect(() => readPrompt('/dev/null', 5)).toThrow(new UserError(message));
});

onUnix('a pipe is read as far as is needed, whoever writes on, and to its end where it is short', async () => {
  const path = join(temporaryFolder(), 'pipe');
  const feed = async (command: string) => {
    const writer = spawn('sh', ['-c', `rm -f "$0"; mkfifo "$0"; echo ready; ${command} > "$0"`, path]);
    await once(writer.stdout, 'data');
    return writer;
  };
  const endless = await feed('exec yes');
  expect(Buffer.from(readPrompt(path, 70_001).bytes).toString()).toBe(`${'y\n'.repeat(35_000)}y`);
  await once(endless, 'exit'); // its reader is gone
  await feed('printf abc');
  const short = readPrompt(path, 70_001);
  expect([Buffer.from(short.bytes).toString(), short.sha256]).toEqual(['abc', sha256(Buffer.from('abc'))]);
});

onUnix('a folder and a socket are refused in one line', async () => {
  const folder = temporaryFolder();
  const socket = join(folder, 'socket');
  const server = createServer().listen(socket);
  await once(server, 'listening');
  for (const path of [folder, socket]) {
    expect(() => readPrompt(path, 5)).toThrow(UserError);
    expect(() => readPrompt(path, 5)).toThrow(/^--prompt: cannot read [^\n]+ \(E[^\n]+\)$/);
  }
  server.close();
});
