import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../evals/analyze_results.js';
import { makeResults } from '../support/make_results.js';
import { runMain } from '../support/run_main.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'analyze-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...argv: string[]) => runMain(main, argv);

/** Runs on a file of this content, writing to a folder that does not exist yet. */
async function runOn(content: unknown, ...flags: string[]) {
  const file = join(folder, 'file.json');
  const output = join(folder, `output-${Math.abs(flags.join().length)}-${readdirSync(folder).length}`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return { output, ...(await run('--results_file', file, '--output_dir', output, ...flags)) };
}

const ORIGINAL = {
  time_results: {
    BSBR: { '256': 0.43, '512': 0.9, '1024': 2.2, '2048': 6.1 },
    'Hopfield Net': { '256': 0.2, '512': null, '1024': 0.83, '2048': 1.9 },
  },
  memory_results: { BSBR: { '256': 7.66, '512': 7.66, '1024': 7.66, '2048': 7.67 } },
  param_counts: { BSBR: 2007168 },
  seq_lengths: ['256', '512', '1024', '2048'],
};

const lengths = [128, 256, 512, 1024, 2048];
const good = makeResults({ A: Object.fromEntries(lengths.map((n) => [n, [n, n, n, n, n]])) });

describe('a file of the original project', () => {
  test('is read: exponents and R² are those of least squares on logs', async () => {
    const { code, stdout, output } = await runOn(ORIGINAL);
    expect(code).toBe(0);
    for (const [name, times] of Object.entries(ORIGINAL.time_results)) {
      const pairs = Object.entries(times).flatMap(([n, t]) => (t === null ? [] : [[Math.log(Number(n)), Math.log(t)]]));
      const { slope, r2 } = leastSquares(pairs as [number, number][]);
      expect(stdout).toMatch(new RegExp(`${name} +│ ${slope.toFixed(3)} +│ ${r2.toFixed(4)}`));
    }
    expect(readdirSync(output)).toEqual(['complexity_analysis.png', 'complexity_loglog.png']);
  });

  test('says what it lacks, once, and calls its memory what it is', async () => {
    const { stdout } = await runOn(ORIGINAL);
    expect(stdout).toContain('Hopfield Net has no time at n = 512: left out of its fits.');
    expect(stdout.match(/one sample per cell/g)).toHaveLength(1);
    expect(stdout).toContain('Parameters + ids');
    expect(stdout).toMatch(/BSBR +│ 2,048 │ 7\.66 MiB +│ 7\.67 MiB/);
    expect(stdout).toMatch(/Hopfield Net +│ 2,048 │ not recorded/);
  });

  test('has the generate phase only', async () => {
    expect(await runOn(ORIGINAL, '--phase', 'decode')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a file of the original project has only the phase generate, got decode'),
    });
  });
});

function leastSquares(pairs: readonly [number, number][]): { slope: number; r2: number } {
  const average = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [average(pairs.map((pair) => pair[0])), average(pairs.map((pair) => pair[1]))];
  const sum = (f: (dx: number, dy: number) => number): number =>
    pairs.reduce((total, pair) => total + f(pair[0] - x, pair[1] - y), 0);
  const slope = sum((dx, dy) => dx * dy) / sum((dx) => dx * dx);
  return { slope, r2: 1 - sum((dx, dy) => (dy - slope * dx) ** 2) / sum((_, dy) => dy * dy) };
}

describe('a results file', () => {
  test('gives tables, two pictures, and with flags SVG and an export; a dash works for an underscore', async () => {
    const file = join(folder, 'good.json');
    const output = join(folder, 'good', 'deep');
    writeFileSync(file, JSON.stringify(good));
    const { code, stdout, stderr } = await run(
      `--results-file=${file}`,
      '--output-dir',
      output,
      '--svg',
      '--export',
      'md',
    );
    expect(code).toBe(0);
    for (const title of ['Complexity', 'Slowdown', 'Memory']) expect(stdout).toContain(title);
    expect(stderr).toContain(`wrote ${join(output, 'complexity_loglog.png')}`);
    const names = ['complexity_analysis', 'complexity_loglog'].flatMap((name) => [`${name}.png`, `${name}.svg`]);
    expect(readdirSync(output)).toEqual(['analysis.md', ...names]);
    expect(readFileSync(join(output, 'analysis.md'), 'utf8')).toContain('## Complexity');
  });

  test('is not changed by an analysis', async () => {
    const file = join(folder, 'kept.json');
    writeFileSync(file, JSON.stringify(good));
    await run('--results_file', file, '--output_dir', join(folder, 'kept'));
    expect(readFileSync(file, 'utf8')).toBe(JSON.stringify(good));
  });
});

test('--against answers first, on the terminal, in the report and in exports', async () => {
  const file = makeResults({ Softmax: { 64: [10] }, Linear: { 64: [8] } }, { phase: 'decode' });
  const flags = ['--phase', 'decode', '--against', 'Softmax', '--html', '--export', 'md'];
  const { code, stdout, output } = await runOn(file, ...flags);
  const answer = 'In decode it is faster than Softmax at n = 64. At n = 64 it takes 0.800 times as long.';
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Linear against Softmax: .*\nMeasured and counted: .*\nFastest: /m);
  expect(stdout).toContain(`Linear against Softmax: ${answer}`);
  for (const name of ['report.html', 'analysis.md']) expect(readFileSync(join(output, name), 'utf8')).toContain(answer);
  expect((await runOn(file, '--phase', 'decode')).stdout).not.toContain('against Softmax');
});

describe('one length alone', () => {
  const one = (models: Parameters<typeof makeResults>[0]) => runOn(makeResults(models));
  const around = (ms: number): number[] => [0.98, 0.99, 1, 1.01, 1.02].map((factor) => factor * ms);

  test('names the fastest, gives slowdown and memory, and says why there are no pictures', async () => {
    const { code, stdout, stderr, output } = await one({ A: { 512: around(30) }, B: { 512: around(10) } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Fastest: At n = 512 B is the fastest with 10\.0 ms .*: A takes 3\.0+ times as long .*$/m);
    expect(stdout).toMatch(/\bA\W+3\.0+x/);
    expect(stdout).toContain('Memory at n = 512');
    expect(stdout).not.toContain('Cross-overs');
    expect(stderr).toBe('no pictures: one length draws no curve\n');
    expect(existsSync(join(output, 'complexity_loglog.png'))).toBe(false);
  });

  test('names no clear winner where intervals meet, and none of one model', async () => {
    const tie = await one({ A: { 512: around(30) }, B: { 512: around(30.1) } });
    expect(tie.stdout).toMatch(/^Fastest: At n = 512 A .* and B cannot be told apart: /m);
    const alone = await one({ A: { 512: [30] } });
    expect(alone.stdout).toContain('Fastest: At n = 512 A takes 30.0 ms.');
  });
});

const original = (time: unknown) => ({
  ...ORIGINAL,
  time_results: { BSBR: { ...ORIGINAL.time_results.BSBR, '512': time } },
});
const cell = good.cells[0];
const BARE = 'a bare word';
const withBare = (word: string, content: unknown): string => JSON.stringify(content).replace(`"${BARE}"`, word);
const BAD_FILES: [string, unknown, string[], string][] = [
  ['an empty file', '', [], 'is empty'],
  ['a truncated file', JSON.stringify(good).slice(0, 500), [], 'cut short'],
  ['a file that is not JSON', 'hello', [], 'is not JSON'],
  ['a file that is a list', '[]', [], 'must be a JSON object'],
  ['an unrelated file', { a: 1 }, [], '--results_file'],
  ['a newer schema', { ...good, schema_version: 99 }, [], 'schema_version must be at most'],
  [
    'a negative time',
    { ...good, cells: [{ ...cell, processes: [{ ...cell?.processes[0], samples_ms: [-1] }] }] },
    [],
    'samples_ms.0',
  ],
  ['a negative time of the original', original(-0.5), [], 'time_results.BSBR.512: must be positive, got -0.5'],
  ['a zero time of the original', original(0), [], 'time_results.BSBR.512: must be positive, got 0'],
  ['a word for a time of the original', original('fast'), [], 'time_results.BSBR.512: must be a number, got fast'],
  ...['NaN', 'Infinity', '-Infinity'].flatMap((word): [string, unknown, string[], string][] => [
    [
      `Python's ${word} for a value`,
      withBare(word, { ...good, cells: [{ ...cell, summary: { ...cell?.summary, value_ms: BARE } }] }),
      [],
      `cells.0.summary.value_ms: must be a number, got ${word}`,
    ],
    [
      `Python's ${word} for a time of the original`,
      withBare(word, original(BARE)),
      [],
      `time_results.BSBR.512: must be a number, got ${word}`,
    ],
  ]),
  ['a length that is no number', { ...ORIGINAL, time_results: { BSBR: { long: 1 } } }, [], 'time_results.BSBR.long'],
  ['no time at all', { ...ORIGINAL, time_results: {} }, [], 'holds no time'],
  [
    'a phase that was not measured',
    good,
    ['--phase', 'decode'],
    'no measured cell of phase decode; the file has only generate',
  ],
  ['an unknown phase', good, ['--phase', 'training'], 'training'],
  ['an unknown engine', good, ['--reference_engine', 'wasn'], '--reference_engine: must be one of wasm, got wasn; did'],
  ['an unknown reference', good, ['--reference', 'a'], '--reference: must be one of A, got a; did you mean A?'],
  [
    'an unknown model to ask about',
    good,
    ['--against', 'a'],
    '--against: must be a model that was measured (A), got a',
  ],
  ['an unknown flag', good, ['--colour'], '--colour'],
];

describe('bad input is one line on stderr, exit 2, nothing written', () => {
  test.each(BAD_FILES)('%s', async (_name, content, flags, message) => {
    const { code, stdout, stderr, output } = await runOn(content, ...flags);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(existsSync(output)).toBe(false);
  });

  test('a file that does not exist', async () => {
    const { code, stderr } = await run('--results_file', join(folder, 'none.json'));
    expect(stderr).toMatch(/^error: --results_file: cannot read .*none\.json/);
    expect(code).toBe(2);
  });

  test('an output folder that is a file', async () => {
    const file = join(folder, 'plain');
    writeFileSync(file, '');
    const results = join(folder, 'results.json');
    writeFileSync(results, JSON.stringify(good));
    const { code, stderr } = await run('--results_file', results, '--output_dir', file);
    expect(stderr).toMatch(/^error: --output_dir: must be a folder that can be written, got/);
    expect(code).toBe(2);
  });
});

test('help exits 0 and names every flag', async () => {
  const { code, stdout } = await run('--help');
  expect(code).toBe(0);
  for (const flag of ['results_file', 'output_dir', 'reference', 'phase', 'svg', 'export'])
    expect(stdout).toContain(`--${flag}`);
});
