import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { withLock } from '../../scripts/lock.mjs';
import { addonRevision } from '../../scripts/native_addon.mjs';
import { downloadProblem, wheelFor } from '../../scripts/native_wheel.mjs';
import { cutFile, isProved, writeRecord } from '../../scripts/record.mjs';
import { run } from '../../scripts/run.mjs';
import { distIsStale, fingerprint, staleModules } from '../../scripts/setup.mjs';
import { nativePaths, nativeState, setUpNative } from '../../scripts/setup_native.mjs';
import { unzip } from '../../scripts/unzip.mjs';
import { nativeCode, nativeProblem } from '../../src/native_check.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'attnscale-setup-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, content: string | Buffer): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Runs lines of a module that imports `name` from the set-up's folder as `m`. */
function child(name: string, lines: string, env: NodeJS.ProcessEnv = process.env) {
  const file = JSON.stringify(join(import.meta.dirname, '../../scripts', name));
  const code = `const m = await import(${file}); const [, root] = process.argv; ${lines}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code, root], { env, encoding: 'utf8' });
}

describe('node_modules', () => {
  const entry = { version: '1.0.0', integrity: 'sha512-a' };
  function lock(wanted: object, present: object) {
    put('package-lock.json', JSON.stringify({ packages: { '': {}, ...wanted } }));
    put('node_modules/.package-lock.json', JSON.stringify({ packages: present }));
    for (const path of Object.keys(present)) mkdirSync(join(root, path), { recursive: true });
  }

  test('an installation that npm did not finish is stale', () => {
    put('package-lock.json', JSON.stringify({ packages: {} }));
    expect(staleModules(root)).toBe('node_modules is missing or incomplete');
  });

  test('what the lock says is current, whatever its time', () => {
    lock({ 'node_modules/a': entry }, { 'node_modules/a': entry });
    utimesSync(join(root, 'package-lock.json'), 4e9, 4e9);
    expect(staleModules(root)).toBeNull();
  });

  test('an optional package may be missing, another may not', () => {
    lock({ 'node_modules/a': { ...entry, optional: true } }, {});
    expect(staleModules(root)).toBeNull();
    lock({ 'node_modules/a': entry }, {});
    expect(staleModules(root)).toBe('node_modules/a differs from package-lock.json');
  });

  test('another version, an unknown package and a deleted folder are stale', () => {
    lock({ 'node_modules/a': entry }, { 'node_modules/a': { ...entry, version: '1.0.1' } });
    expect(staleModules(root)).toBe('node_modules/a differs from package-lock.json');
    lock({}, { 'node_modules/b': entry });
    expect(staleModules(root)).toBe('node_modules/b is not in package-lock.json');
    lock({ 'node_modules/a': entry }, { 'node_modules/a': entry });
    rmSync(join(root, 'node_modules/a'), { recursive: true });
    expect(staleModules(root)).toBe('node_modules/a was deleted');
  });
});

describe('dist', () => {
  const build = () => put('dist/.built', fingerprint(root));
  beforeEach(() => {
    put('tsconfig.json', '{}');
    put('src/a.ts', 'a');
    put('evals/b.ts', 'b');
  });

  test('dist is stale before the first build', () => {
    expect(distIsStale(root)).toBe(true);
  });

  test.each<[string, () => void]>([
    ['changes', () => put('src/a.ts', 'aa')],
    ['appears', () => put('evals/data.json', '{}')],
    ['disappears', () => rmSync(join(root, 'evals/b.ts'))],
    ['gets an older time', () => utimesSync(join(root, 'src/a.ts'), 1, 1)],
  ])('dist is current until a source %s', (_, act) => {
    build();
    expect(distIsStale(root)).toBe(false);
    act();
    expect(distIsStale(root)).toBe(true);
  });

  test('a file that is not a source changes nothing', () => {
    build();
    put('src/notes.md', 'x');
    expect(distIsStale(root)).toBe(false);
  });
});

/** The bytes of a zip archive; a name that ends in .stored is not compressed. */
function zipOf(files: Record<string, string>): Buffer {
  const [bodies, directory]: [Buffer[], Buffer[]] = [[], []];
  for (const [name, text] of Object.entries(files)) {
    const method = name.endsWith('.stored') ? 0 : 8;
    const data = method === 0 ? Buffer.from(text) : deflateRawSync(text);
    const header = (signature: string, bytes: number, at: number) => {
      const part = Buffer.alloc(bytes);
      part.write(signature, 'latin1');
      part.writeUInt16LE(method, at);
      part.writeUInt32LE(data.length, at + 10);
      part.writeUInt32LE(text.length, at + 14);
      part.writeUInt16LE(name.length, at + 18);
      return part;
    };
    const entry = header('PK\x01\x02', 46, 10);
    entry.writeUInt32LE(Buffer.concat(bodies).length, 42);
    directory.push(entry, Buffer.from(name));
    bodies.push(header('PK\x03\x04', 30, 8), Buffer.from(name), data);
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(Buffer.concat(bodies).length, 16);
  return Buffer.concat([...bodies, ...directory, end]);
}

describe('zip archives', () => {
  const files = { 'lib/a.txt': 'abc'.repeat(1000), 'b.stored': 'plain', 'c.txt': 'not asked for' };
  const unpack = (bytes: Buffer, names = ['lib/a.txt', 'b.stored']) =>
    unzip(put('x.zip', bytes), new Map(names.map((name) => [name, join(root, 'out', name)])));
  const unpacked = () => readdirSync(join(root, 'out'), { recursive: true });

  test('the files that were asked for equal what was packed', async () => {
    await unpack(zipOf(files));
    for (const name of ['lib/a.txt', 'b.stored'] as const) {
      expect(readFileSync(join(root, 'out', name), 'utf8')).toBe(files[name]);
    }
    expect(unpacked().sort()).toEqual(['b.stored', 'lib', 'lib/a.txt']);
  });

  test('an entry that is missing is named', async () => {
    await expect(unpack(zipOf(files), ['c.txt', 'd.txt'])).rejects.toThrow('has no d.txt');
  });

  test('an archive that was cut is refused', async () => {
    await expect(unpack(zipOf(files).subarray(0, -30))).rejects.toThrow(/end of central directory/i);
  });

  test('a damaged directory is refused', async () => {
    const bytes = zipOf(files);
    bytes.write('XX', bytes.indexOf('PK\x01\x02'));
    await expect(unpack(bytes)).rejects.toThrow(/central directory/i);
  });

  test('damaged or short content leaves no file', async () => {
    const damaged = zipOf(files);
    damaged.fill(0xff, 40, 50);
    const short = zipOf(files);
    short.writeUInt32LE(3001, short.indexOf('PK\x01\x02') + 24);
    for (const bytes of [damaged, short]) await expect(unpack(bytes)).rejects.toThrow();
    expect(unpacked().filter((name) => !String(name).endsWith('.part'))).toEqual(['lib']);
  });
});

const paths = (env: NodeJS.ProcessEnv = {}) => nativePaths(root, { XDG_CACHE_HOME: join(root, 'xdg'), ...env });
const problem = () => nativeProblem(paths().package);

describe('a proved addon', () => {
  /** A clone whose addon and library were proved; returns the library. */
  async function provedClone(made?: object): Promise<string> {
    const library = put('cache/lib/libtensorflow_cc.so.2', 'x'.repeat(1000));
    const addon = put('cache/addon/tfjs_binding.node', 'addon');
    await writeRecord(join(root, 'cache/addon/ready.json'), [addon, library], made);
    const { link } = paths();
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(addon, link);
    return library;
  }
  test('set-up and program agree that a proved addon is ready', async () => {
    await provedClone();
    expect(nativeState(paths())).toEqual({ kind: 'ready' });
    expect(problem()).toBeNull();
  });

  test('a cut or deleted library is never loaded', async () => {
    const library = await provedClone();
    truncateSync(library, 999);
    expect(nativeState(paths()).kind).toBe('to do');
    expect(problem()).toMatch(/libtensorflow_cc\.so\.2 is not whole; to get it: `npm run setup`/);
    rmSync(library);
    expect(nativeState(paths()).kind).toBe('to do');
    expect(problem()).toMatch(/is not whole/);
  });

  test('a record stays true when the cache is moved as a whole', async () => {
    await provedClone();
    cpSync(join(root, 'cache'), join(root, 'moved'), { recursive: true });
    rmSync(join(root, 'cache'), { recursive: true });
    expect(cutFile(join(root, 'moved/addon/ready.json'))).toBeNull();
    expect(await isProved(join(root, 'moved/addon/ready.json'))).toBe(true);
    expect(nativeState(paths()).kind).toBe('to do');
    expect(problem()).toMatch(/was not built/);
  });

  test('a record that was cut proves nothing', async () => {
    await provedClone();
    truncateSync(join(root, 'cache/addon/ready.json'), 20);
    expect(nativeState(paths()).kind).toBe('to do');
    expect(problem()).toMatch(/is not whole/);
  });

  test('an addon that was compiled from other sources of ours is not ready', async () => {
    await provedClone({ userFolder: '', revision: addonRevision() });
    expect(nativeState(paths()).kind).toBe('ready');
    await writeRecord(join(root, 'cache/addon/ready.json'), [], { userFolder: '', revision: 'older' });
    expect(nativeState(paths()).kind).toBe('to do');
  });

  test('libraries of another TENSORFLOW_LIB_DIR than the one asked for are not ready', async () => {
    await provedClone();
    expect(nativeState(paths({ TENSORFLOW_LIB_DIR: '/other' })).kind).toBe('to do');
  });
});

test('an addon carries the code of native/ of which it has the names', () => {
  const addon = 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node';
  expect(nativeCode(paths().package)).toEqual([]);
  put(addon, 'ELF');
  expect(nativeCode(paths().package)).toEqual([]);
  put(addon, 'ELF\0__xla_cpu_runtime_EigenMatMulF32\0');
  expect(nativeCode(paths().package)).toEqual(['small_products']);
  put(addon, 'ELF\0__xla_cpu_runtime_EigenMatMulF32\0attnscale_causal_attention\0');
  expect(nativeCode(paths().package)).toEqual(['small_products', 'causal_attention']);
});

test.runIf(process.platform === 'linux')('an addon that cannot be had with our code is made without', async () => {
  const compiler = put(
    'compiler',
    '#!/bin/sh\ncase "$*" in *causal_attention.cc*) echo "error: no" >&2; exit 1;; *--version*) exit 0;; esac\n' +
      'for output; do :; done\necho made > "$output"\n',
  );
  chmodSync(compiler, 0o755);
  vi.stubEnv('CXX', compiler);
  onTestFinished(() => void vi.unstubAllEnvs());
  put('node_modules/@tensorflow/tfjs-node/package.json', '{"version":"1.0.0","main":"index.js"}');
  put(
    'node_modules/@tensorflow/tfjs-node/index.js',
    `module.exports = { tensor2d: () => 0, matMul: () => ({ dataSync: () => [7, 10, 15, 22] }),
      getBackend: () => 'tensorflow', backend: () => ({ binding: { TF_Version: '2.0' } }) };`,
  );
  for (const name of ['libtensorflow.so.2', 'libtensorflow_framework.so.2']) put(`tf/lib/${name}`, 'ELF');
  const at = paths({ TENSORFLOW_LIB_DIR: join(root, 'tf') });
  const lines: string[] = [];
  expect(await setUpNative(at, (line: string) => lines.push(line))).toEqual({ kind: 'ready' });
  expect(lines).toEqual([
    expect.stringMatching(/^without our code for XLA, which is slower \(.*does not compile \(error: no\).*\)$/),
    'native backend ready, TensorFlow 2.0',
  ]);
  expect(readFileSync(at.link, 'utf8')).toBe('made\n');
  expect(nativeCode(at.package)).toEqual([]);
});

describe('a set-up without native backend', () => {
  test('a failure is remembered with its remedy, per TENSORFLOW_LIB_DIR', async () => {
    const at = paths({ TENSORFLOW_LIB_DIR: join(root, 'nothing') });
    mkdirSync(at.package, { recursive: true });
    const state = await setUpNative(at, expect.unreachable);
    const reason = expect.stringMatching(/^TENSORFLOW_LIB_DIR=.*nothing.* does not exist; to get it: /);
    expect(state).toEqual({ kind: 'failed', reason });
    expect(nativeState(at)).toEqual(state);
    expect(state).toHaveProperty('reason', problem());
    expect(nativeState(paths()).kind).toBe('to do');
  });

  test('a package that npm left out is said', async () => {
    const reason = expect.stringContaining('npm left @tensorflow/tfjs-node out; to get it: ');
    expect(await setUpNative(paths(), expect.unreachable)).toEqual({ kind: 'failed', reason });
  });

  test('a platform without a wheel and a C library that is not glibc are said', () => {
    expect(() => wheelFor('win32-x64')).toThrow('no TensorFlow wheel is known for win32-x64; to get it: ');
    expect(() => wheelFor('linux-x64', '')).toThrow('needs glibc');
    expect(wheelFor('linux-x64', '2.36').project).toBe('tensorflow-cpu');
  });

  test('no network is told apart from a refusal of pip', () => {
    const offline = 'WARNING: NewConnectionError(...)\nERROR: No matching distribution found for tensorflow-cpu';
    expect(downloadProblem(offline).message).toMatch(/^pip could not reach the package index; .*PIP_INDEX_URL/);
    expect(downloadProblem('ERROR: hashes do not match\n').message).toMatch(/\(hashes do not match\)/);
  });
});

describe('locks', () => {
  test('tasks under one lock never overlap, and the lock is gone after them', async () => {
    let inside = 0;
    const task = async () => {
      inside += 1;
      await new Promise((done) => setTimeout(done, 30));
      return inside--;
    };
    const file = join(root, 'lock');
    expect(await Promise.all([1, 2, 3].map(() => withLock(file, task)))).toEqual([1, 1, 1]);
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  test('the lock of a dead process is taken over', async () => {
    const file = join(root, 'lock');
    const { signal } = child(
      'lock.mjs',
      `await m.withLock(root + '/lock', () => process.kill(process.pid, 'SIGKILL'));`,
    );
    expect(signal).toBe('SIGKILL');
    expect(readFileSync(file, 'utf8')).not.toBe('');
    expect(await withLock(file, async () => 'mine')).toBe('mine');
  });

  test('a program that outlives its set-up keeps the lock until it ends', async () => {
    const runner = JSON.stringify(join(import.meta.dirname, '../../scripts/run.mjs'));
    const lines = `const { run } = await import(${runner});
      const code = 'setTimeout(() => require("fs").writeFileSync(process.argv[1], ""), 500)';
      await m.withLock(root + '/lock', async () => {
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);
        await run(process.execPath, ['-e', code, root + '/ended'], { stdio: 'ignore' });
      });`;
    expect(child('lock.mjs', lines).signal).toBe('SIGKILL');
    const ended = await withLock(join(root, 'lock'), async () => readFileSync(join(root, 'ended'), 'utf8'));
    expect(ended).toBe('');
  });
});

test('a program that cannot be started has status null', async () => {
  expect(await run(join(root, 'nothing'), [])).toMatchObject({
    status: null,
    stderr: expect.stringContaining('ENOENT'),
  });
});
