/** `npm run pair`: two engines, a sample each in turns. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseResults } from '../../src/results/parse.js';
import { temporaryFolder } from '../support/temporary.js';

const ROOT = join(import.meta.dirname, '../..');
const SMALL = '--quick --models LinearTransformer --hidden_dim 16 --num_heads 2 --vocab_size 50 --ff_dim 24'.split(' ');

beforeAll(() => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs', '--no-native'], { cwd: ROOT });
  expect(status, String(stderr)).toBe(0);
});

const run = (own: readonly string[], ...flags: string[]) =>
  spawnSync(process.execPath, ['scripts/pair_engines.mjs', ...own, '--', ...SMALL, ...flags], {
    ...{ cwd: ROOT, encoding: 'utf8' },
  });

test('says the ratio of each cell, and writes both sides into one file', () => {
  const json = join(temporaryFolder(), 'new', 'pairs.json');
  const flags = ['--seq_lengths', '16', '--engines', 'onnx', 'wasm'];
  const { status, stdout, stderr } = run(['--pairs', '2', '--phases', 'decode', '--json', json], ...flags);
  expect(status, stderr).toBe(0);
  expect(stderr).toContain('measuring: 2 pairs of processes, 1 cell\n');
  expect(stdout).toContain('onnx over wasm');
  expect(stdout).toMatch(/LinearTransformer │ decode │ 16 │ [\d.]+ +│ [\d.]+ +│ [\d.]+ +│ [\d.]+ to [\d.]+ │/);
  const { cells, engines } = parseResults(JSON.parse(readFileSync(json, 'utf8')), 'json');
  expect(engines.map(({ id }) => id)).toEqual(['onnx', 'wasm']);
  expect(cells.map(({ engine, processes }) => [engine, processes.length])).toEqual([
    ['onnx', 2],
    ['wasm', 2],
  ]);
  const counts = cells.map(({ processes }) => processes.map(({ samples_ms }) => samples_ms.length));
  expect(counts[0]).toEqual(counts[1]);
});

test.each([
  [[], ['--engines', 'wasm'], 'error: --engines, --peer: must be two, got wasm'],
  [['--pairs', '0'], ['--engines', 'wasm', 'onnx'], 'error: --pairs: must be a whole number of at least 1, got 0'],
  [
    ['--phases', 'x'],
    ['--engines', 'wasm', 'onnx'],
    'error: --phases: must be some of prefill, decode, generate, got x',
  ],
  [
    [],
    ['--models', 'BSBR@wasm', 'Softmax@onnx'],
    'error: --models: each must be on both engines, got one that is on one alone',
  ],
  [['--json', '/proc/none/x.json'], ['--engines', 'wasm', 'onnx'], /^error: --json: /],
  [['--nope'], [], "error: Unknown option '--nope'; --help lists all"],
  [[], ['--nope'], 'error: unknown flag --nope; did you mean --mode? (compare-models --help lists all)'],
])('%j -- %j is 2, in one line', (own, flags, message) => {
  const { status, stdout, stderr } = run(own, ...flags);
  expect([status, stdout]).toEqual([2, '']);
  if (typeof message === 'string') expect(stderr.trim()).toBe(message);
  else expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});
