/** What commands write: found to be writable before the work, never replaced where it is not ours, never lost in silence. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { main as analyzeResults } from '../../../evals/analyze_results.js';
import { main as calibrate } from '../../../evals/calibrate.js';
import { main as checkRegressions } from '../../../evals/check_regressions.js';
import { main as compareModels } from '../../../evals/compare_models.js';
import { createOutputWriter } from '../../../evals/shared/output.js';
import { parseResults } from '../../../src/results/parse.js';
import { type Build, build } from '../../support/built.js';
import { makeResults } from '../../support/make_results.js';
import { smallDisk } from '../../support/small_disk.js';
import { temporaryFolder } from '../../support/temporary.js';

const LENGTHS = [64, 128, 256, 512, 1024];
const resultsOf = (factor: number, processes = 10) =>
  makeResults({
    BSBR: Object.fromEntries(
      LENGTHS.map((n) => [n, Array.from({ length: processes }, (_, i) => factor * (n + (i * n) / 1000))]),
    ),
  });

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, 'base.json'), JSON.stringify(resultsOf(1)));
  writeFileSync(join(folder, 'slow.json'), JSON.stringify(resultsOf(1.5)));
  writeFileSync(join(folder, 'many.json'), JSON.stringify(resultsOf(1, 40)));
});
const at = (name: string): string => join(folder, name);

const COMMANDS = {
  'compare-models': (...argv: string[]) => [compareModels, ['--quick', '--output_dir', at('out'), ...argv]] as const,
  'check-regressions': (...argv: string[]) =>
    [checkRegressions, [at('base.json'), at('slow.json'), '--output_dir', at('out'), ...argv]] as const,
  'analyze-results': (...argv: string[]) =>
    [analyzeResults, ['--results_file', at('base.json'), '--output_dir', at('out'), ...argv]] as const,
  calibrate: (...argv: string[]) =>
    [calibrate, ['--results_file', at('many.json'), '--suites', '100', ...argv]] as const,
};
type CommandName = keyof typeof COMMANDS;

async function run(name: CommandName, ...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const [main, argv] = COMMANDS[name](...flags);
  const code = await main(argv, {
    stdout: { write: (words) => (text.out += words) },
    stderr: { write: (words) => (text.err += words) },
  });
  return { code, ...text };
}

describe('an output that is taken by a folder is refused before the work, by its flag', () => {
  test.each<[CommandName, string, string, string]>([
    ['compare-models', '', 'out/comparison_results.json', '--output: must be a file, got '],
    ['compare-models', '--export csv,junit', 'out/comparison.junit.xml', '--export: must be a file, got '],
    ['check-regressions', '--export md,bmf', 'out/regressions.bmf.json', '--export: must be a file, got '],
    ['analyze-results', '', 'out/complexity_loglog.png', '--output_dir: must be a file, got '],
    ['analyze-results', '--svg', 'out/complexity_loglog.svg', '--output_dir: must be a file, got '],
    ['analyze-results', '--html', 'out/report.html', '--output_dir: must be a file, got '],
    ['calibrate', '--output OUT', 'out/calibration.json', '--output: must be a file, got '],
  ])('%s %s', async (name, flags, taken, message) => {
    mkdirSync(at(taken), { recursive: true });
    const words = flags.replace('OUT', at(taken)).split(' ').filter(Boolean);
    expect(await run(name, ...words)).toEqual({ code: 2, out: '', err: `error: ${message}${at(taken)}\n` });
    expect(readdirSync(at('out'))).toEqual([taken.slice('out/'.length)]);
  });
});

describe("GitHub's step summary", () => {
  test.each<[CommandName, string, string]>([
    ['check-regressions', 'nowhere/summary.md', 'must be a file that can be written'],
    ['compare-models', 'nowhere/summary.md', 'must be a file that can be written'],
    ['check-regressions', '.', 'must be a file, got'],
    ['check-regressions', 'base.json/summary.md', 'must be a file that can be written'],
  ])('%s refuses %s before the work', async (name, summary, message) => {
    vi.stubEnv('GITHUB_STEP_SUMMARY', at(summary));
    const { code, out, err } = await run(name, '--export', 'github').finally(() => vi.unstubAllEnvs());
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error: --export: github: \$GITHUB_STEP_SUMMARY: .*\n$/);
    expect(err).toContain(message);
  });
});

describe('a disk that is full', () => {
  test('keeps the verdict of a regression, and its code', async (context) => {
    const disk = smallDisk(4, context);
    const { code, out, err } = await run('check-regressions', '--export', 'csv,junit', '--output_dir', disk);
    expect(code).toBe(1);
    expect(out).toContain('5 regressed');
    expect(err).toContain(`error: cannot write ${join(disk, 'regressions.junit.xml')} (ENOSPC`);
  });

  test('is 2 where the code would be 0, after the tables were printed', async (context) => {
    const disk = smallDisk(4, context);
    const { code, out, err } = await run('analyze-results', '--output_dir', disk);
    expect(code).toBe(2);
    expect(out).toContain('BSBR');
    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^error: cannot write .*complexity_analysis\.png \(ENOSPC/),
      expect.stringMatching(/^error: cannot write .*complexity_loglog\.png \(ENOSPC/),
      '',
    ]);
  });

  test('what cannot be written leaves any other code as it is', () => {
    const writer = createOutputWriter({ stdout: { write: () => 0 }, stderr: { write: () => 0 } });
    expect([0, 1, 3].map(writer.exitCode)).toEqual([0, 1, 3]);
    writer.write(at('base.json/file'), '');
    expect([0, 1, 3].map(writer.exitCode)).toEqual([2, 1, 3]);
  });
});

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());
const start = (name: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  built.start(name, argv, folder, { env: { ...process.env, ...env } }).ended;

describe('as shipped', () => {
  test('a run whose cells all time out is 1, and its exports say so', async () => {
    const shape = '--models LinearTransformer --hidden_dim 16 --num_heads 2 --ff_dim 32 --vocab_size 64 --n_tokens 2';
    const flags = `${shape} --seq_lengths 8 16 --quick --cell_timeout 0.001 --export junit,md`.split(' ');
    const { code, stderr } = await start('compare_models', flags);
    expect(code).toBe(1);
    const file = parseResults(JSON.parse(readFileSync(at('results/comparison_results.json'), 'utf8')), 'file');
    const statuses = file.cells.map(({ status }) => status);
    expect(statuses).toEqual(['timeout', 'skipped', 'timeout', 'skipped', 'timeout', 'skipped']);
    expect(stderr).toContain('warning: 6 of 6 cells were not measured, so the exit code is 1');
    expect(readFileSync(at('results/comparison.junit.xml'), 'utf8')).toContain('tests="6" failures="0" errors="6"');
    expect(readFileSync(at('results/comparison.md'), 'utf8')).toContain('**6 of 6 cells were not measured.**');
  });

  test('two stored files need no temporary folder', async () => {
    const { code, stderr } = await start('check_regressions', ['base.json', 'slow.json'], { TMPDIR: at('nowhere') });
    expect([code, stderr]).toEqual([1, '']);
  });

  test('measuring without a temporary folder is refused in a line', async () => {
    const { code, stdout, stderr } = await start('calibrate', [], { TMPDIR: at('nowhere') });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: TMPDIR: must name a folder that can be written, got .*nowhere \(ENOENT.*\)\n$/);
  });

  test.runIf(process.platform === 'linux')('a working folder that was deleted is refused in a line', () => {
    const line = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" a b';
    const ended = spawnSync('sh', ['-c', line, process.execPath, built.script('check_regressions')], { cwd: folder });
    const [stdout, stderr] = [String(ended.stdout), String(ended.stderr)];
    expect([ended.status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: the working folder must exist, got one that was deleted or is hidden.*\n$/);
  });
});

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };
describe.skipIf(!isRoot)('to another user (root alone can become one)', () => {
  test.each([
    [
      'a read-only file',
      'regressions.md',
      0o777,
      0o444,
      /^error: --export: must be a file that can be written, got .*regressions\.md \(EACCES/,
    ],
    [
      'a read-only folder',
      'other.md',
      0o555,
      0o666,
      /^error: --output_dir: must be a folder that can be written, got .*out \(EACCES/,
    ],
  ])('%s is refused before the work', async (_, name, folderMode, fileMode, message) => {
    chmodSync(folder, 0o755);
    mkdirSync(at('out'));
    writeFileSync(at(`out/${name}`), 'keep me');
    chmodSync(at(`out/${name}`), fileMode);
    chmodSync(at('out'), folderMode);
    const argv = ['base.json', 'slow.json', '--export', 'md', '--output_dir', 'out'];
    const { code, stdout, stderr } = await built.start('check_regressions', argv, folder, nobody).ended;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(readFileSync(at(`out/${name}`), 'utf8')).toBe('keep me');
  });

  test('a link into a folder that cannot be written is refused', async () => {
    chmodSync(folder, 0o755);
    mkdirSync(at('out'));
    chmodSync(at('out'), 0o777);
    writeFileSync(at('kept.md'), 'keep me');
    chmodSync(at('kept.md'), 0o666);
    symlinkSync(at('kept.md'), at('out/regressions.md'));
    const argv = ['base.json', 'slow.json', '--export', 'md', '--output_dir', 'out'];
    const { code, stderr } = await built.start('check_regressions', argv, folder, nobody).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`'${dirname(at('kept.md'))}'`);
  });
});

test.skipIf(!isRoot)('a native cache that cannot be read is the reason for wasm', () => {
  chmodSync(folder, 0o755);
  const addon = at('node_modules/@tensorflow/tfjs-node/lib/napi-v8');
  for (const path of [addon, at('cache/addon')]) mkdirSync(path, { recursive: true });
  writeFileSync(at('cache/addon/tfjs_binding.node'), 'ELF');
  symlinkSync(at('cache/addon/tfjs_binding.node'), join(addon, 'tfjs_binding.node'));
  const module = built.module(`import { nativeCode, nativeProblem } from './dist/src/native_check.js';
    console.log(JSON.stringify([nativeProblem(process.argv[2]), nativeCode(process.argv[2])]));`);
  const ask = (): unknown => {
    const words = [module, at('node_modules/@tensorflow/tfjs-node')];
    return JSON.parse(spawnSync(process.execPath, words, { ...nobody, encoding: 'utf8' }).stdout);
  };
  expect(ask()).toEqual([null, []]);
  for (const [path, mode] of [
    ['cache/addon/tfjs_binding.node', 0o600],
    ['cache', 0o700],
  ] as const) {
    chmodSync(at(path), mode);
    expect(ask()).toEqual([
      expect.stringMatching(/ cannot be read \(EACCES\); to get it: a clone or an installation of your own$/),
      [],
    ]);
    chmodSync(at(path), 0o755);
  }
});
