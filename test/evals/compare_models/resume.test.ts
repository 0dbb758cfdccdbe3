/** Runs that break off, and what goes on with them; the workers measure nothing. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readUnfinished } from '../../../evals/shared/read_results.js';
import { cellKey } from '../../../src/results/cell.js';
import { parseResults } from '../../../src/results/parse.js';
import type { Results } from '../../../src/results/schema.js';
import { type Build, build, type Running } from '../../support/built.js';
import { fakeEngine } from '../../support/fake_worker.js';
import { smallDisk } from '../../support/small_disk.js';
import { temporaryFolder } from '../../support/temporary.js';

let built: Build;
beforeAll(() => {
  built = build();
});
beforeEach(() => {
  built.useWorker(fakeEngine('await new Promise((done) => setTimeout(done, 10));').file);
});
afterAll(() => built[Symbol.dispose]());

const PLAN =
  '--hidden_dim 16 --num_heads 2 --ff_dim 32 --n_tokens 3 --models LinearTransformer --seq_lengths 8 16 --runs 8 --quick --engines wasm'.split(
    ' ',
  );
const start = (folder: string, ...argv: string[]) => built.start('compare_models', argv, folder);
const read = (folder: string, name = 'results/comparison_results.json'): Results =>
  parseResults(JSON.parse(readFileSync(join(folder, name), 'utf8')), name);
const measured = (file: Results) =>
  new Map(file.cells.flatMap((cell) => cell.processes.map((one) => [`${cellKey(cell)} ${one.run}`, one.samples_ms])));

/** Resolves once a run has said that something was measured. */
const measuring = ({ child }: Running): Promise<void> =>
  new Promise((done) => {
    let said = '';
    child.stderr?.on('data', (part: string) => {
      said += part;
      if (said.includes(' measured')) done();
    });
  });

test.skipIf(process.platform === 'win32')('the command that an interrupted run prints can be pasted', async () => {
  const folder = temporaryFolder();
  const first = start(folder, ...PLAN, '--output_dir', "it's my $HOME", '--export', 'csv');
  await measuring(first);
  first.child.kill('SIGINT');
  const { stderr } = await first.ended;
  const command = stderr.split('to go on: ')[1] as string;
  execFileSync('sh', ['-c', command], { cwd: folder, stdio: 'ignore' });
  expect(read(folder, "it's my $HOME/comparison_results.json").complete).toBe(true);
  expect(readdirSync(join(folder, "it's my $HOME")).sort()).toEqual(['comparison.csv', 'comparison_results.json']);
});

test('a second run of the same file is refused in one line that names the first, which goes on', async () => {
  const folder = temporaryFolder();
  const first = start(folder, ...PLAN);
  await measuring(first);
  const second = await start(folder, ...PLAN).ended;
  expect([second.code, second.stdout]).toEqual([2, '']);
  expect(second.stderr).toMatch(/^error: --output: \S+ is being written by another run, process \d+; [^\n]+\n$/);
  expect(second.stderr).toContain(`process ${first.child.pid};`);
  expect((await first.ended).code).toBe(0);
  expect(read(folder).complete).toBe(true);
  expect(readdirSync(join(folder, 'results'))).toEqual(['comparison_results.json']);
});

test('a run that is killed at any moment is gone on with by --resume alone, and loses nothing it had written', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'results', 'comparison_results.json');
  let kept = new Map<string, number[]>();
  for (const delayMs of [0, 40, 90, 150]) {
    const run = start(folder, ...(kept.size === 0 ? PLAN : ['--resume', file]));
    await measuring(run);
    await sleep(delayMs);
    run.child.kill('SIGKILL');
    await run.ended;
    const found = measured(readUnfinished(file, 'killed'));
    for (const [key, samples] of kept) expect(found.get(key)).toEqual(samples);
    expect(found.size).toBeGreaterThan(kept.size);
    kept = found;
  }
  const last = await start(folder, '--resume', file).ended;
  expect([last.code, last.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  const whole = measured(read(folder));
  for (const [key, samples] of kept) expect(whole.get(key)).toEqual(samples);
  expect(read(folder).cells.map(({ processes }) => processes.length)).toEqual(Array(6).fill(8));
  expect(readdirSync(join(folder, 'results'))).toEqual(['comparison_results.json']);
});

test('a disk that is full ends a run in one line, and the older file stays', async (context) => {
  const disk = smallDisk(64, context);
  const file = join(disk, 'comparison_results.json');
  writeFileSync(file, 'older');
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(56 * 1024));
  const { code, stdout, stderr } = await start(temporaryFolder(), ...PLAN, '--output_dir', disk, '--no_progress').ended;
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^error: --output: \S+[^\n]+ENOSPC[^\n]+\n$/);
  expect(readFileSync(file, 'utf8')).toBe('older');
  expect(readdirSync(disk).sort()).toEqual(['ballast', 'comparison_results.json']);
});

test('flags that are given beside --resume must agree with the file, but for those that may change', async () => {
  const folder = temporaryFolder();
  expect((await start(folder, ...PLAN, '--models', 'BSBR', '--chunk_size', '8').ended).code).toBe(0);
  const resume = ['--resume', 'results/comparison_results.json'];
  for (const [flag, then, now] of [
    ['hidden_dim', 16, 32],
    ['chunk_size', 8, 16],
  ] as const) {
    const refused = await start(folder, ...resume, `--${flag}`, String(now)).ended;
    expect([refused.code, refused.stderr]).toEqual([
      2,
      `error: --resume: results/comparison_results.json was made with --${flag} ${then}, got ${now}\n`,
    ]);
  }
  const more = await start(folder, ...resume, '--runs', '9', '--precision=1').ended;
  expect(more.code).toBe(0);
  const { config, cells, tool } = read(folder);
  expect([config.runs, config.precision_pct, config.n_tokens]).toEqual([9, 1, 3]);
  expect(cells.every(({ processes }) => processes.length === 9)).toBe(true);
  expect(tool.argv).toContain('--n_tokens');
});
