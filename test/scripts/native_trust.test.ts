/** What the set-up of the native backend believes: files that it proved, that did not change, and that nobody else can write. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { isProved, isUnchanged, recordOf, writeRecord } from '../../scripts/record.mjs';
import { nativePaths, nativeState } from '../../scripts/setup_native.mjs';
import { nativeProblem } from '../../src/native_check.js';
import { temporaryFolder } from '../support/temporary.js';

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

function put(path: string, content: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

const paths = () => nativePaths(root, { XDG_CACHE_HOME: join(root, 'xdg') });
const problem = () => nativeProblem(paths().package);
const CONTENT = 'x'.repeat(1000);
const CHANGED = `y${'x'.repeat(999)}`;

/** A clone whose addon and library were proved; returns the library. */
async function provedClone(): Promise<string> {
  const library = put('cache/lib/libtensorflow_cc.so.2', CONTENT);
  const addon = put('cache/addon/tfjs_binding.node', 'addon');
  await writeRecord(join(root, 'cache/addon/ready.json'), [addon, library]);
  const { link } = paths();
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(addon, link);
  return library;
}

test('a library of the same size with other bytes is never loaded: its hash is compared once a change', async () => {
  const library = await provedClone();
  const record = join(root, 'cache/addon/ready.json');
  writeFileSync(library, CHANGED);
  expect(nativeState(paths()).kind).toBe('to do');
  expect(problem()).toMatch(/cache\/addon has changed since it was checked; to get it: /);
  expect(await isProved(record)).toBe(false);
  writeFileSync(library, CONTENT);
  expect(problem()).toMatch(/has changed since it was checked/);
  expect(await isProved(record)).toBe(true);
  expect(isUnchanged(record)).toBe(true);
  expect([nativeState(paths()).kind, problem()]).toEqual(['ready', null]);
});

test('a record of an older version, with sizes alone, gets the hashes of what is there', async () => {
  const library = await provedClone();
  const record = join(root, 'cache/addon/ready.json');
  const { sha256, stamps, ...older } = recordOf(record);
  writeFileSync(record, JSON.stringify(older));
  expect(nativeState(paths()).kind).toBe('to do');
  expect(await isProved(record)).toBe(true);
  expect(recordOf(record)).toEqual({ ...older, sha256, stamps });
  writeFileSync(library, CHANGED);
  expect(await isProved(record)).toBe(false);
});

test('a touched library is compared, and a compared one is not read again', async () => {
  const library = await provedClone();
  const record = join(root, 'cache/addon/ready.json');
  utimesSync(library, 1, 1);
  expect(isUnchanged(record)).toBe(false);
  expect(await isProved(record)).toBe(true);
  const { sha256, stamps } = recordOf(record);
  expect(sha256['../lib/libtensorflow_cc.so.2']).toBe(createHash('sha256').update(CONTENT).digest('hex'));
  expect(stamps['../lib/libtensorflow_cc.so.2']).toMatch(/^1000 1000 \d+$/);
  writeFileSync(library, CHANGED);
  utimesSync(library, 1, 1);
  expect(isUnchanged(record)).toBe(true); // by its time, size and inode: what is not seen is not hashed
});

describe.runIf(process.platform !== 'win32')('is refused with the reason', () => {
  test.each([
    ['a library that everybody can write', 'cache/lib/libtensorflow_cc.so.2', 0o666],
    ['a folder that everybody can write', 'cache/lib', 0o777],
    ['a folder above without sticky bit', 'cache', 0o777],
    ['an addon that everybody can write', 'cache/addon/tfjs_binding.node', 0o777],
    ['a record that everybody can write', 'cache/addon/ready.json', 0o666],
  ])('%s', async (_, path, mode) => {
    await provedClone();
    chmodSync(join(root, path), mode);
    expect(nativeState(paths()).kind).toBe('to do');
    expect(problem()).toMatch(/can be written by everybody; to get it: /);
    expect(problem()).toContain(join(root, path));
  });

  test.runIf(isRoot)('a library of another user, and of a group that is not ours', async () => {
    const library = await provedClone();
    chownSync(library, 12345, 12345);
    expect(problem()).toContain(`${library} belongs to another user (uid 12345)`);
    chownSync(library, 0, 12345);
    expect(problem()).toBeNull();
    chmodSync(library, 0o664);
    expect(problem()).toContain(`${library} can be written by group 12345`);
  });
});

test('a folder above with the sticky bit, as /tmp, and our own group may write', async () => {
  const library = await provedClone();
  chmodSync(join(root, 'cache'), 0o1777);
  chmodSync(library, 0o664);
  expect(problem()).toBeNull();
});

/** A set-up in a process with these variables alone. */
function setUp(env: NodeJS.ProcessEnv): { readonly reason: string; readonly said: readonly string[] } {
  put('node_modules/@tensorflow/tfjs-node/package.json', '{"version":"1.0.0"}');
  const file = JSON.stringify(join(import.meta.dirname, '../../scripts/setup_native.mjs'));
  const code = `const { nativePaths, setUpNative } = await import(${file});
    const said = [];
    const { reason } = await setUpNative(nativePaths(process.argv[1]), (line) => said.push(line));
    console.log(JSON.stringify({ reason, said }));`;
  const own = { XDG_CACHE_HOME: join(root, 'xdg'), ...env };
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code, root], {
    env: own,
    encoding: 'utf8',
  });
  return JSON.parse(stdout);
}

describe.runIf(isLinux)('before anything is downloaded', () => {
  test('all that is missing is said at once', () => {
    expect(setUp({ PATH: '' }).reason).toBe(
      'no C++ compiler (g++ or clang++) was found, and python3 with pip was not found; ' +
        'to get it: install g++ 11 or newer, install python3 and pip, then `npm run setup`',
    );
  });

  test('with the compiler the network is looked for, and both are said', () => {
    const pip = 'case "$*" in *index*) echo "NewConnectionError" >&2; exit 1;; *) exit 0;; esac';
    chmodSync(put('path/python3', `#!/bin/sh\n${pip}\n`), 0o755);
    const { reason } = setUp({ PATH: join(root, 'path') });
    expect(reason).toMatch(/^no C\+\+ compiler .* found, and pip could not reach the package index; to get it: /);
    expect(reason).toMatch(
      /: install g\+\+ 11 or newer, connect to the network, or set PIP_INDEX_URL to a mirror, then/,
    );
  });

  test.runIf(isRoot)('a cache of another user is refused with the reason, and one of our own taken', () => {
    mkdirSync(join(root, 'xdg/attnscale'), { recursive: true });
    chownSync(join(root, 'xdg/attnscale'), 12345, 12345);
    const own = join(root, 'node_modules/.attnscale');
    const line = `${join(root, 'xdg/attnscale')} belongs to another user (uid 12345): ${own} is used instead`;
    expect(setUp({ PATH: '' }).said).toEqual([line]);
  });
});
