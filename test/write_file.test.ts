import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeFileDurably } from '../src/write_file.js';
import { type Build, build } from './support/built.js';
import { smallDisk } from './support/small_disk.js';
import { temporaryFolder } from './support/temporary.js';

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

const isWindows = process.platform === 'win32';
const read = (file: string) => readFileSync(file, 'utf8');
/** The name that a writer of this machine gives its temporary file. */
const temporaryOf = (pid: number, host = hostname()) => `.attnscale-${host.replaceAll(/[^\w-]/g, '_')}-${pid}.tmp`;

/** A folder with an older file; `file` is to be written. */
function olderFile(folder = temporaryFolder()) {
  const file = join(folder, 'a.json');
  writeFileSync(file, 'older');
  return { folder, file };
}

test('text and bytes are written as they are, over an older file or as a new one, and nothing stays beside them', () => {
  const { folder, file } = olderFile();
  writeFileDurably(file, 'größer'.repeat(100_000));
  expect(read(file)).toBe('größer'.repeat(100_000));
  const bytes = Buffer.from([0, 255, 10]);
  writeFileDurably(join(folder, 'b.png'), bytes);
  expect(readFileSync(join(folder, 'b.png'))).toEqual(bytes);
  writeFileDurably(file, '');
  expect(read(file)).toBe('');
  expect(readdirSync(folder).sort()).toEqual(['a.json', 'b.png']);
});

describe.skipIf(isWindows)('of an older file', () => {
  test('the mode is kept', () => {
    const { file } = olderFile();
    for (const mode of [0o600, 0o664, 0o440]) {
      chmodSync(file, mode);
      writeFileDurably(file, 'newer');
      expect(statSync(file).mode & 0o7777).toBe(mode);
    }
  });

  test('that is reached by links, the last one is written and the links stay', () => {
    const { folder, file } = olderFile();
    mkdirSync(join(folder, 'deeper'));
    symlinkSync('../a.json', join(folder, 'deeper', 'one'));
    symlinkSync('deeper/one', join(folder, 'two'));
    writeFileDurably(join(folder, 'two'), 'newer');
    expect(read(file)).toBe('newer');
    expect(readlinkSync(join(folder, 'two'))).toBe('deeper/one');
    symlinkSync('../none.json', join(folder, 'deeper', 'dangling'));
    writeFileDurably(join(folder, 'deeper', 'dangling'), 'new');
    expect(read(join(folder, 'none.json'))).toBe('new');
    expect(lstatSync(join(folder, 'deeper', 'dangling')).isSymbolicLink()).toBe(true);
  });

  test('that is no file, or a link to itself, nothing is replaced', () => {
    const { folder } = olderFile();
    symlinkSync('loop', join(folder, 'loop'));
    expect(() => writeFileDurably(folder, 'x')).toThrow('is not a file');
    expect(() => writeFileDurably('/dev/null', 'x')).toThrow('is not a file');
    expect(() => writeFileDurably(join(folder, 'loop'), 'x')).toThrow('ELOOP');
    expect(readdirSync(folder).sort()).toEqual(['a.json', 'loop']);
  });
});

test('a name as long as the file system takes can be written', () => {
  const file = join(temporaryFolder(), 'n'.repeat(255));
  writeFileDurably(file, 'x');
  expect(read(file)).toBe('x');
});

test('a full disk is an error that leaves the older file, and no other', (context) => {
  const { folder, file } = olderFile(smallDisk(64, context));
  expect(() => writeFileDurably(file, 'x'.repeat(100_000))).toThrow('ENOSPC');
  expect(read(file)).toBe('older');
  expect(readdirSync(folder)).toEqual(['a.json']);
  writeFileDurably(file, 'x'.repeat(10_000));
  expect(read(file)).toHaveLength(10_000);
});

test.skipIf(isWindows)('a write that the system cuts short is an error and leaves the older file', () => {
  const { folder, file } = olderFile();
  const module = built.module(`
    import { writeFileDurably } from './dist/src/write_file.js';
    try {
      writeFileDurably(${JSON.stringify(file)}, 'x'.repeat(100_000));
    } catch ({ message }) {
      console.log(message);
    }`);
  const { stdout } = spawnSync('sh', ['-c', `ulimit -f 8; exec "$0" "$1"`, process.execPath, module], {
    encoding: 'utf8',
  });
  expect(stdout).toMatch(/^EFBIG[^\n]+\n$/);
  expect(read(file)).toBe('older');
  expect(readdirSync(folder)).toEqual(['a.json']);
});

test('after a kill at any moment the file is whole, and the next writer removes what lies beside it', async () => {
  const { folder, file } = olderFile();
  const module = built.module(`
    import { writeFileDurably } from './dist/src/write_file.js';
    for (let i = 0; ; i++) writeFileDurably(${JSON.stringify(file)}, JSON.stringify({ i, text: 'x'.repeat(1e6) }));`);
  for (let round = 0; round < 6; round++) {
    const writer = spawn(process.execPath, [module], { stdio: 'ignore' });
    while (read(file) === 'older' && writer.exitCode === null) await sleep(5);
    await sleep(7 * round);
    const ended = new Promise((done) => writer.once('exit', done));
    writer.kill('SIGKILL');
    await ended;
    expect(JSON.parse(read(file)).text).toHaveLength(1e6);
    writeFileDurably(join(folder, 'other'), 'x');
    expect(readdirSync(folder).sort()).toEqual(['a.json', 'other']);
    writeFileSync(file, 'older');
  }
});

test('temporary files of living writers, of other machines and of other programs stay', () => {
  const { folder, file } = olderFile();
  const dead = spawnSync(process.execPath, ['--version']).pid;
  const others = [temporaryOf(process.ppid), temporaryOf(dead, 'elsewhere'), '.attnscale-x.tmp', `${dead}.tmp`];
  for (const name of [...others, temporaryOf(dead), temporaryOf(process.pid)]) writeFileSync(join(folder, name), 'x');
  writeFileDurably(file, 'newer');
  expect(readdirSync(folder).sort()).toEqual([...others, 'a.json'].sort());
});
