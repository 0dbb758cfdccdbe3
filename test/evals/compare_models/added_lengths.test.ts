/** Lengths that a run adds so that the floor fit has enough of them. */
import { randomNormal } from 'd3-random';
import { describe, expect, test } from 'vitest';
import { addLengths } from '../../../evals/compare_models/added_lengths.js';
import { exportResults } from '../../../evals/compare_models/exports.js';
import { warningsOf } from '../../../evals/compare_models/report.js';
import { main } from '../../../evals/compare_models.js';
import { analyze } from '../../../src/analysis/analysis.js';
import { complexityAnalysis } from '../../../src/analysis/charts/charts.js';
import { complexityLogLog } from '../../../src/analysis/charts/loglog.js';
import { fitScaling } from '../../../src/analysis/fits/scaling.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { preamble } from '../../../src/analysis/tables/tables.js';
import { differences } from '../../../src/bench/gate/comparable.js';
import { random } from '../../../src/random.js';
import { configHash } from '../../../src/results/config_hash.js';
import { lostCells } from '../../../src/results/facts.js';
import { makeResults } from '../../support/make_results.js';
import { runMain } from '../../support/run_main.js';
import { temporaryFolder } from '../../support/temporary.js';

/** Every length takes as long as any other: all fit. */
const even = (lengths: readonly number[]): number => 1000 * lengths.length;
const inProportion = (lengths: readonly number[]): number => lengths.reduce((sum, n) => sum + n, 0);
const HOUR = 3.6e6;

describe('lengths are added', () => {
  test.each<[readonly number[], readonly number[]]>([
    [
      [256, 512, 1024, 2048],
      [4096, 8192],
    ],
    [
      [256, 512, 1024],
      [2048, 4096],
    ],
    [
      [100, 200, 300, 400],
      [800, 1600],
    ],
  ])('to %j: longer ones, with which there are five over a range of 16', (asked, added) => {
    expect(addLengths(asked, HOUR, even)).toEqual({
      added,
      note: expect.stringContaining('are measured too; --exact_lengths'),
    });
  });

  test.each([[[]], [[512]], [[256, 512]], [[1, 2, 4, 8, 16]], [[100, 110, 120, 130]]])(
    'to %j never: too few for a scaling, enough as they are, or too near to each other',
    (asked) => expect(addLengths(asked as number[], HOUR, even)).toEqual({ added: [], note: null }),
  );

  test('only so many that the run takes at most twice as long, and ends in time', () => {
    const asked = [256, 512, 1024, 2048];
    expect(addLengths(asked, HOUR, (all) => 5000 + inProportion(all)).added).toEqual([4096]);
    const none = addLengths(asked, HOUR, inProportion);
    expect(none).toEqual({ added: [], note: expect.stringContaining('time against counted FLOPs') });
    expect(none.note).toContain('4,096 tokens more would more than double the run');
    expect(addLengths(asked, even([1, 2, 3, 4, 5]), even).added).toEqual([4096]);
    expect(addLengths(asked, even(asked), even).added).toEqual([]);
  });

  test('never with --max_time 0, which adds nothing at all', () => {
    expect(addLengths([256, 512, 1024, 2048], 0, even)).toEqual({ added: [], note: null });
  });
});

describe('the plan', () => {
  const plan = async (...argv: string[]) => {
    const flags = [
      '--engines',
      'wasm',
      '--hidden_dim',
      '16',
      '--ff_dim',
      '16',
      '--num_heads',
      '2',
      '--vocab_size',
      '300',
    ];
    const { code, stdout, stderr } = await runMain(main, [
      ...flags,
      '--n_tokens',
      '3',
      '--output_dir',
      temporaryFolder(),
      '--dry_run',
      ...argv,
    ]);
    return { code, lengths: /^lengths +(.*)$/m.exec(stdout)?.[1], stderr };
  };

  test('shows added lengths apart, and says so', async () => {
    const { code, lengths, stderr } = await plan('--seq_lengths', '16', '32', '64', '128');
    expect([code, lengths]).toEqual([0, '16 32 64 128 256 512 (256 and 512 tokens: added for the fit)']);
    expect(stderr).toContain('--exact_lengths leaves them out');
  });

  test.each(['--exact_lengths', '--exact-lengths', '--max_time 0'])('has none with %s', async (flag) => {
    expect(await plan('--seq_lengths', '16', '32', '64', '128', ...flag.split(' '))).toEqual({
      code: 0,
      lengths: '16 32 64 128',
      stderr: '',
    });
  });
});

describe('a file with added lengths', () => {
  const spread = (t: number): number[] => [0.98, 0.99, 1, 1.01, 1.02].map((factor) => t * factor);
  const all = [256, 512, 1024, 2048, 4096, 8192];
  const plain = makeResults({ A: Object.fromEntries(all.map((n) => [n, spread(1 + n / 1000)])) });
  const file = { ...plain, config: { ...plain.config, seq_lengths: all.slice(0, 4), added_lengths: all.slice(4) } };
  const analysis = analyze(readMeasurements(file, 'file', null), null, 'file');

  test('has its exponent identified with them, where the lengths that were asked for do not', () => {
    expect(analysis.models[0]?.floor).toMatchObject({ unidentified: null, value: expect.closeTo(1, 1) });
    const asked = { ...file, cells: file.cells.filter(({ n }) => n <= 2048) };
    const without = analyze(readMeasurements(asked, 'file', null), null, 'file');
    expect(without.models[0]?.floor?.unidentified).toBe('4 lengths, needs 5');
  });

  test('is marked: a line in tables and pictures, hollow symbols at those points alone', () => {
    const line = '4,096 and 8,192 tokens (hollow symbols) were added to the 4 lengths asked for, for the fits.';
    expect(preamble(analysis)).toContain(line);
    for (const spec of [complexityAnalysis(analysis), complexityLogLog(analysis)]) {
      expect(JSON.stringify(spec)).toContain(line);
      const holes = layersOf(spec).filter(({ mark }) => mark.fill === 'white');
      expect(holes.length).toBeGreaterThan(0);
      for (const { data, encoding } of holes) {
        expect(data.values.map(({ n }) => n)).toEqual([4096, 8192]);
        expect(encoding.shape, 'the outline of the symbol of the model').toBeDefined();
      }
    }
  });

  test('lacks nothing where an added length could not be measured, whatever reads it', () => {
    const failed = { status: 'failed' as const, reason: 'out of memory', summary: null, processes: [] };
    const losing = (length: number) => ({
      ...file,
      cells: file.cells.map((cell) => (cell.n === length ? { ...cell, ...failed } : cell)),
    });
    expect([lostCells(losing(8192)).length, lostCells(losing(512)).length]).toEqual([
      0,
      file.cells.length / all.length,
    ]);
    expect(exportResults(losing(8192), 'junit')).not.toMatch(/failure message|n=8192/);
    expect(exportResults(losing(512), 'junit')).toMatch(/failure message/);
    expect(warningsOf(losing(8192))).toEqual([]);
    expect(warningsOf(losing(512)).join()).toContain('not measured, so the exit code is 1');
  });

  test('is compared with one that has the same cells, whichever of them were asked for', () => {
    const { added_lengths, ...asked } = file.config;
    const every = { ...file, config: { ...asked, seq_lengths: all } };
    expect(differences(file, every, () => true)).toEqual([]);
    expect(configHash(every.config, () => true)).toBe(configHash(file.config, () => true));
  });
});

test("with them the exponents of the seed's command are identified, without them never", () => {
  const normal = randomNormal.source(random(1, 'runs of the seed').float)();
  /** ms of a constant and of 1,000 tokens, of the three models in results/showcase/comparison_results.json. */
  const laws = [
    [2.18, 4.04],
    [1.82, 4.64],
    [1.69, 6.85],
  ] as const;
  const scalings = (lengths: readonly number[]) =>
    laws.flatMap(([constant, slope]) =>
      Array.from({ length: 4 }, () => {
        const processes = Array.from({ length: 5 }, () => Math.exp(0.02 * normal()));
        const noise = (): number => Math.exp(0.02 * Math.abs(normal()));
        return fitScaling(
          lengths.map((n) => ({ n, t: processes.map((own) => (constant + (slope * n) / 1000) * own * noise()) })),
        );
      }),
    );
  const asked = [256, 512, 1024, 2048];
  const { added } = addLengths(asked, HOUR, even);
  for (const { floor } of scalings(asked)) expect(floor?.unidentified).toMatch(/4 lengths/);
  for (const { floor } of scalings([...asked, ...added])) {
    expect(floor?.unidentified).toBeNull();
    expect(Math.abs((floor?.value ?? 0) - 1)).toBeLessThan(0.15);
  }
});

interface PlainLayer {
  readonly mark: { readonly fill?: string };
  readonly encoding: { readonly shape?: unknown };
  readonly data: { readonly values: readonly { readonly n: number }[] };
}

/** Every layer with a mark anywhere in a specification. */
function layersOf(node: unknown): PlainLayer[] {
  if (Array.isArray(node)) return node.flatMap(layersOf);
  if (typeof node !== 'object' || node === null) return [];
  const own = 'mark' in node && 'data' in node ? [node as PlainLayer] : [];
  return [...own, ...Object.values(node).flatMap(layersOf)];
}
