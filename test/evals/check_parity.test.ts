import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { main } from '../../evals/check_parity.js';
import { findOwnEngine } from '../../src/engines/registry.js';
import { goldenBytes, SMALL_GOLDEN, withConfig, withElement, withFirst } from '../support/golden_files.js';

let folder = '';
let printed = '';
let warned = '';

const print = (text: unknown) => {
  printed += text;
  return true;
};
const warn = (text: unknown) => {
  warned += text;
  return true;
};
const lines = (text: string) => text.trimEnd().split('\n');
const put = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, `${name}.safetensors`), bytes);
const run = (...flags: string[]) => main([folder, '--engine', 'wasm', ...flags]);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parity-'));
  [printed, warned] = ['', ''];
  vi.spyOn(console, 'log').mockImplementation((text) => print(`${text}\n`));
  vi.spyOn(console, 'error').mockImplementation((text) => warn(`${text}\n`));
  vi.spyOn(process.stdout, 'write').mockImplementation(print);
  vi.spyOn(process.stderr, 'write').mockImplementation(warn);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

test('a folder of files that pass exits 0 and prints a line a file, by name', async () => {
  put('second', goldenBytes('linear-one-token.safetensors'));
  put('first', goldenBytes(SMALL_GOLDEN));
  writeFileSync(join(folder, 'README.md'), 'not a golden file');
  expect(await run()).toBe(0);
  const [first, second, ...rest] = lines(printed)
    .filter((line) => line.includes('.safetensors'))
    .map((line) => line.replaceAll('│', ' ').trim());
  expect(first).toMatch(/^first\.safetensors +BSBR +\d\.\de-\d+ +\d +\d\.\de-\d+ +\d +ok$/);
  expect(second).toMatch(/^second\.safetensors +LinearTransformer +\d\.\de-\d+ +0 +– +– +ok$/);
  expect(rest).toEqual([]);
  expect(warned).toBe('');
});

test.each(['onnx', 'onnx:op'])('on %s a file is checked as graphs', async (engine) => {
  put('good', goldenBytes('gated-delta-t5.safetensors'));
  put('wrong', withFirst('head.bias', 9));
  expect(await run('--engine', engine)).toBe(1);
  expect(printed).toContain(`Golden files on ${engine}: `);
  expect(printed).toMatch(/good\.safetensors .* ok/);
  expect(printed).toMatch(/wrong\.safetensors .* FAIL/);
});

test.skipIf(findOwnEngine('browser', 'test').problem() !== null)('in a browser a file is checked', async () => {
  put('good', goldenBytes('mamba2-t3.safetensors'));
  expect(await run('--engine', 'browser')).toBe(0);
  expect(printed).toContain('Golden files on browser: ');
  expect(printed).toMatch(/good\.safetensors .* ok/);
});

test.skipIf(findOwnEngine('browser', 'test').problem() !== null)(
  'and on its GPU, in software where need be',
  async (at) => {
    put('good', goldenBytes('linear-one-token.safetensors'));
    const code = await run('--engine', 'browser', '--device', 'webgpu');
    at.skip(warned.includes('no WebGPU adapter'), warned);
    expect([code, warned]).toEqual([0, '']);
    expect(printed).toMatch(/good\.safetensors .* ok/);
  },
);

test('the flags of before say what they are now', async () => {
  put('one', goldenBytes('linear-one-token.safetensors'));
  expect(await main([folder, '--backend', 'wasm', '--mode', 'eager'])).toBe(0);
  expect(warned).toBe('--backend wasm --mode eager is now --engine wasm\n');
});

test('a file that fails exits 1 and is marked', async () => {
  put('good', goldenBytes(SMALL_GOLDEN));
  put('wrong', withFirst('head.bias', 9));
  expect(await run()).toBe(1);
  expect(printed).toMatch(/good\.safetensors .* ok/);
  expect(printed).toMatch(/wrong\.safetensors .* FAIL/);
});

test('a golden file of which one position is not a number exits 1 and names the position', async () => {
  const V = 19;
  put('nan', withElement('expected.logits', 2 * V, Number.NaN));
  expect(await run()).toBe(1);
  expect(printed.replaceAll('│', ' ')).toMatch(/nan\.safetensors +BSBR +NaN +2 +NaN +2 +FAIL/);
});

test('unreadable files exit 2, each with a line, and the others are still checked', async () => {
  put('cut', goldenBytes(SMALL_GOLDEN).subarray(0, 5000));
  put('heads', withConfig({ num_heads: 3 }));
  put('wrong', withFirst('head.bias', 9));
  mkdirSync(join(folder, 'folder.safetensors'));
  expect(await run()).toBe(2);
  expect(printed).toMatch(/wrong\.safetensors .* FAIL/);
  const named = lines(warned).map((line) => line.split(':')[0]);
  expect(named).toEqual(['cut.safetensors', 'folder.safetensors', 'heads.safetensors']);
});

test.skipIf(process.platform === 'win32')('a device that never ends exits 2 at once', async () => {
  symlinkSync('/dev/zero', join(folder, 'zero.safetensors'));
  expect(await run()).toBe(2);
  expect(warned).toBe('zero.safetensors: must be a regular file\n');
});

test('an empty folder exits 2', async () => {
  expect(await run()).toBe(2);
  expect(warned).toBe(`error: ${folder}: must hold .safetensors files, got none among 0 files\n`);
});

test.each([
  ['no folder', [], "missing required argument 'dir'"],
  ['a folder that is not there', ['nowhere'], 'nowhere: must be a readable folder'],
  ['an unknown engine', ['.', '--engine', 'abacus'], '--engine: no engine is called abacus'],
  [
    'a device that the engine has not',
    ['.', '--engine', 'wasm', '--device', 'cuda'],
    '--device: cuda needs an engine that has it, such as onnx, got wasm',
  ],
  [
    'an engine, and a flag of before',
    ['.', '--engine', 'wasm', '--mode', 'eager'],
    '--mode eager: --engine says it all, got both',
  ],
  [
    'a way that wasm has not',
    ['.', '--backend', 'wasm', '--mode', 'compiled'],
    '--mode: compiled needs tensorflow, got --backend wasm; leave --mode out',
  ],
  ['an unknown flag', ['.', '--fast'], '--fast'],
])('%s exits 2 and is named', async (_, argv, message) => {
  expect(await main(argv)).toBe(2);
  expect(warned).toContain(message);
  expect(printed).toBe('');
});

test('--help exits 0', async () => {
  expect(await main(['--help'])).toBe(0);
  expect(printed).toContain('check-parity [options] <dir>');
});
