import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cellKey } from '../../../src/results/cell.js';
import { parseResults } from '../../../src/results/parse.js';
import type { Results } from '../../../src/results/schema.js';
import { type Build, build, type Running } from '../../support/built.js';
import { temporaryFolder } from '../../support/temporary.js';

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

const SMALL = '--hidden_dim 16 --num_heads 2 --ff_dim 32 --vocab_size 64 --chunk_size 8 --n_tokens 3'.split(' ');
const PLAN = [...SMALL, '--seq_lengths', '8', '16', '--runs', '2', '--quick'];
const CELLS = ['BSBR', 'LinearTransformer', 'DeltaNet'].flatMap((model) =>
  ['prefill', 'decode', 'generate'].flatMap((phase) => [8, 16].map((n) => ({ model, phase, n }))),
);
const start = (folder: string, ...argv: string[]) => built.start('compare_models', argv, folder);
const read = (folder: string, name = 'results/comparison_results.json'): Results =>
  parseResults(JSON.parse(readFileSync(join(folder, name), 'utf8')), name);
const withoutMode = (file: Results) => file.cells.map(({ model, phase, n }) => ({ model, phase, n }));
const measured = (file: Results) =>
  new Map(file.cells.flatMap((cell) => cell.processes.map((one) => [`${cellKey(cell)} ${one.run}`, one.samples_ms])));

/** Interrupts a run once it has said that something was measured. */
function interruptWhenMeasuring({ child }: Running): void {
  let said = '';
  child.stderr?.on('data', (part: string) => {
    said += part;
    if (said.includes(' measured') && !child.killed) child.kill('SIGINT');
  });
}

test('a run that is interrupted leaves a valid file, and resuming completes it with the same cells', async () => {
  const folder = temporaryFolder();
  const first = start(folder, ...PLAN);
  interruptWhenMeasuring(first);
  const { code, stderr } = await first.ended;
  expect(code).toBe(130);
  const file = join(folder, 'results', 'comparison_results.json');
  expect(stderr).toMatch(/interrupted: what was measured is in \S+; to go on: node \S+ --resume \S+\n$/);
  expect(stderr).toContain(`--resume ${file}\n`);
  const partial = read(folder);
  expect(partial.complete).toBe(false);
  expect(withoutMode(partial)).toEqual(CELLS);
  const before = measured(partial);
  expect(before.size).toBeGreaterThan(0);
  expect(before.size).toBeLessThan(2 * CELLS.length);

  const second = await start(folder, '--resume', 'results/comparison_results.json').ended;
  expect([second.code, second.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  const whole = read(folder);
  expect(whole.complete).toBe(true);
  expect(withoutMode(whole)).toEqual(CELLS);
  for (const { status, processes, summary, counted } of whole.cells) {
    expect(status).toBe('ok');
    expect(processes.map(({ run }) => run).sort()).toEqual([0, 1]);
    expect(processes.every(({ leaked_tensors }) => leaked_tensors === 0)).toBe(true);
    expect(summary?.value_ms).toBeGreaterThan(0);
    expect(counted?.flops).toBeGreaterThan(0);
  }
  for (const [key, samples] of before) expect(measured(whole).get(key)).toEqual(samples);
  for (const table of [whole.time_results, whole.memory_results]) {
    expect(Object.keys(table)).toEqual(['BSBR', 'LinearTransformer', 'DeltaNet']);
    for (const row of Object.values(table)) expect(Object.keys(row)).toEqual(['8', '16']);
  }
  expect(whole.config.options).toEqual({ chunk_size: 8 });
  expect(whole.models.map(({ name, options, period }) => ({ name, options, period }))).toEqual([
    { name: 'BSBR', options: { chunk_size: 8, compression_factor: 2, retrieval_norm: 'none' }, period: 8 },
    { name: 'LinearTransformer', options: { scan_chunk: 32 }, period: null }, // chosen by the head dim, 8
    { name: 'DeltaNet', options: { scan_chunk: 32 }, period: null },
  ]);
  expect(whole.seq_lengths).toEqual([8, 16]);
  expect(Object.keys(whole.param_counts)).toEqual(['BSBR', 'LinearTransformer', 'DeltaNet']);
  expect(readdirSync(join(folder, 'results'))).toEqual(['comparison_results.json']);

  const third = await start(folder, ...PLAN, '--resume', 'results/comparison_results.json').ended;
  expect(third.code).toBe(0);
  expect(third.stdout).toContain('nothing left to measure');
  expect(read(folder)).toEqual(whole);
});

test('a run adds lengths, analyzes itself, and is resumed with the lengths that it added', async () => {
  const folder = temporaryFolder();
  const few = ['--models', 'LinearTransformer', '--seq_lengths', '8', '16', '32', '--quick'];
  const first = await start(folder, ...SMALL, ...few, '--analyze').ended;
  expect(first.code).toBe(0);
  expect(first.stderr).toContain('64 and 128 tokens are measured too; --exact_lengths leaves them out');
  expect(first.stdout).toContain('64 and 128 tokens (hollow symbols) were added to the 3 lengths asked for');
  const file = read(folder);
  expect(file.config).toMatchObject({ seq_lengths: [8, 16, 32], added_lengths: [64, 128] });
  expect(new Set(file.cells.map(({ n }) => n))).toEqual(new Set([8, 16, 32, 64, 128]));
  expect(Object.keys(file.time_results['LinearTransformer'] ?? {})).toEqual(['8', '16', '32']);
  const pictures = ['complexity_analysis.png', 'complexity_loglog.png'];
  expect(readdirSync(join(folder, 'results')).sort()).toEqual(['comparison_results.json', ...pictures]);

  const resumed = ['--resume', 'results/comparison_results.json', '--runs', '2', '--max_time', '1'];
  const second = await start(folder, ...SMALL, ...few, ...resumed).ended;
  expect([second.code, second.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  expect(read(folder).config.added_lengths).toEqual([64, 128]);
  expect(read(folder).cells.map(({ processes }) => processes.length)).toEqual(Array(15).fill(2));
});

test('engines and a peer of one model are one table of one run, which is resumed with them', async () => {
  const folder = temporaryFolder();
  const worker = join(dirname(dirname(built.script('compare_models'))), 'dist', 'evals', 'compare_worker.js');
  const peer = `other='${process.execPath}' '${worker}' --engine wasm`;
  const engines = ['--engines', 'wasm', '--peer', peer];
  const few = ['--models', 'LinearTransformer', 'Softmax@wasm', '--seq_lengths', '8', '--quick'];
  const first = await start(folder, ...SMALL, ...few, ...engines).ended;
  expect([first.code, first.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  const { engines: used, cells, comparisons } = read(folder);
  expect(new Map(used.map(({ id, command }) => [id, command]))).toEqual(
    new Map([
      ['wasm', null],
      ['other', peer.slice('other='.length)],
    ]),
  );
  for (const { id } of used) expect(first.stdout).toContain(`LinearTransformer@${id} `);
  expect(first.stdout.match(/Softmax@/g)).toHaveLength(1);
  expect(comparisons).toEqual([{ model: 'LinearTransformer', engine: 'other', relative_error: expect.closeTo(0, 5) }]);
  expect(cells.map(({ status }) => status)).toEqual(cells.map(() => 'ok'));

  const second = await start(folder, '--resume', 'results/comparison_results.json', '--runs', '2').ended;
  expect([second.code, second.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  expect(read(folder).cells.map(({ model, engine, processes }) => [model, engine, processes.length])).toEqual(
    cells.map(({ model, engine }) => [model, engine, 2]),
  );
});

test('--help exits 0 and loads nothing but the flags', async () => {
  const { code, stdout, stderr, loaded } = await start(temporaryFolder(), '--help').ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('--seq_lengths <n...>');
  const packages = loaded.flatMap((url) => url.match(/(?<=node_modules\/)(@[^/]+\/)?[^/]+/)?.[0] ?? []);
  expect([...new Set(packages)]).toEqual(['commander', 'fastest-levenshtein']); // the latter, of 5 KB, with the models' names
});

test('bad input is found without loading TensorFlow.js', async () => {
  const { code, loaded } = await start(temporaryFolder(), '--hidden_dim', '130').ended;
  expect(code).toBe(2);
  expect(loaded.length).toBeGreaterThan(0);
  expect(loaded.filter((url) => /@tensorflow|vega|canvas/.test(url))).toEqual([]);
});
