import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isFinished } from '../../../evals/compare_models/resume.js';
import { main } from '../../../evals/compare_models.js';
import { outputFile } from '../../../evals/shared/output.js';
import { MODEL_NAMES } from '../../../src/models/registry.js';
import { configHash } from '../../../src/results/config_hash.js';
import type { Cell, Results } from '../../../src/results/schema.js';
import { SPEC } from '../../support/fake_worker.js';
import { makeResults } from '../../support/make_results.js';
import { runMain } from '../../support/run_main.js';
import { temporaryFolder } from '../../support/temporary.js';

const hashOf = (config: Results['config']) => configHash(config, () => true);
let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

const run = (...argv: string[]) => runMain(main, argv);
/** One line on stderr that starts and ends as told, exit code 2, nothing on stdout. */
async function expectRefused(argv: readonly string[], start: string, end: string) {
  const { code, stdout, stderr } = await run(...argv);
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  const message = stderr.slice('error: '.length, -1);
  expect({ code, stdout, start: message.slice(0, start.length) }).toEqual({ code: 2, stdout: '', start });
  expect(message).toContain(end);
}

const UNKNOWN_MODELS = Object.entries({
  BSRB: 'BSBR',
  deltanets: 'DeltaNet',
  Linaer: 'LinearTransformer',
  transfomer: 'LinearTransformer',
  DletaNet: 'DeltaNet',
  s: 'Softmax',
}).map(([name, nearest]): [string, string, string] => {
  const rule = `--models: no model is called ${name}; did you mean ${nearest}?`;
  return [`--models ${name}`, rule, nearest];
});

describe('bad input is refused in one line that names flag and value, with exit code 2, and nothing is written', () => {
  const words = (text: string) => text.split(' ').map((word) => (word === "''" ? '' : word));
  test.each([
    ['--hidden_dim 130', '--hidden_dim: must be divisible by --num_heads (4)', 'got 130'],
    ['--hidden_dim 0', '--hidden_dim: ', 'got 0'],
    ['--hidden-dim 1.5', '--hidden_dim: ', 'got 1.5'],
    ['--num_heads 0', '--num_heads: ', 'got 0'],
    ['--num_layers -1', '--num_layers: ', 'got -1'],
    ['--ff_dim x', '--ff_dim: ', 'got x'],
    ["--vocab_size ''", '--vocab_size: ', "got ''"],
    ['--chunk_size 0', '--chunk_size: ', 'got 0'],
    ['--compression_factor 1000', '--compression_factor: must be at most hidden_dim (256)', 'got 1000'],
    ['--compression_factor -1', '--compression_factor: ', 'got -1'],
    ['--retrieval_norm l3', '--retrieval_norm: must be one of none, l2', 'got l3'],
    ['--seq_lengths 0', '--seq_lengths: ', 'got 0'],
    ['--seq_lengths 256 -5', '--seq_lengths: ', 'got -5'],
    ['--seq_lengths 1.5', '--seq_lengths: ', 'got 1.5'],
    ['--seq_lengths many', '--seq_lengths: ', 'got many'],
    ['--seq_lengths 512-256*2', '--seq_lengths: a range must ascend', 'got 512-256*2'],
    ['--seq_lengths 256-512*1', '--seq_lengths: a range must grow', 'got 256-512*1'],
    ['--seq_lengths', "option '--seq_lengths", 'argument missing'],
    ['--n_tokens 0', '--n_tokens: ', 'got 0'],
    ['--n_tokens 1e400', '--n_tokens: ', 'got 1e400'],
    ['--batch_size 0', '--batch_size: ', 'got 0'],
    ['--runs 0', '--runs: ', 'got 0'],
    ['--seed -1', '--seed: ', 'got -1'],
    ['--threads 0', '--threads: ', 'got 0'],
    ['--cell_timeout 0', '--cell_timeout: must be a number above 0', 'got 0'],
    ['--cell_timeout -3', '--cell_timeout: ', 'got -3'],
    ['--cell_timeout soon', '--cell_timeout: ', 'got soon'],
    ['--precision 0', '--precision: must be a number above 0', 'got 0'],
    ['--precision 2%', '--precision: ', 'got 2%'],
    ['--max_time -1', '--max_time: must be a number of at least 0', 'got -1'],
    ["--max_time ''", '--max_time: ', "got ''"],
    ...UNKNOWN_MODELS,
    ['--models all BSRB', '--models: no model is called BSRB', 'BSBR'],
    ["--models ''", '--models: ', "got ''"],
    ['--models BSBR,,DeltaNet', '--models: ', "got ''"],
    ['--backend gpu', '--backend: must be one of auto, tensorflow, wasm', 'got gpu'],
    ['--mode fast', '--mode: must be one of auto, eager, compiled, both', 'got fast'],
    ['extra', 'unexpected argument extra', ''],
    ["--output ''", '--output: must be the name of a file', "got ''"],
    ['--output .', '--output: must be the name of a file', 'got .'],
    ['--output somewhere/', '--output: must be the name of a file', 'got somewhere/'],
  ])('%s', async (flags, start, end) => {
    const output = join(folder, 'out');
    await expectRefused(['--output_dir', output, ...words(flags)], start, end);
    expect(existsSync(output)).toBe(false);
  });
});

test.each([
  ['--n_token 3', 'unknown flag --n_token; did you mean --n_tokens?', '(compare-models --help lists all)'],
  ['--seq_len 512', 'unknown flag --seq_len; did you mean --seq_lengths?', ''],
  ['--hidden-size 64', 'unknown flag --hidden_size; did you mean --hidden_dim?', ''],
  ['--layers 2', 'unknown flag --layers; did you mean --num_layers?', ''],
  ['--numheads 2', 'unknown flag --numheads; did you mean --num_heads?', ''],
  ['--quikc', 'unknown flag --quikc; did you mean --quick?', ''],
  ['--quick=yes', 'unknown flag --quick=yes; did you mean --quick?', ''],
  ['--epochs 3', 'unknown flag --epochs (compare-models --help lists all)', ''],
])('a flag that is unknown gets a hint: %s', async (flags, start, end) => {
  await expectRefused(flags.split(' '), start, end);
});

describe('--prompt', () => {
  const prompt = (bytes: Uint8Array | string) => {
    writeFileSync(join(folder, 'prompt'), bytes);
    return ['--prompt', join(folder, 'prompt'), '--output_dir', join(folder, 'out')];
  };

  test('a file that is missing, a folder, or empty is refused', async () => {
    await expectRefused(['--prompt', join(folder, 'none')], '--prompt: cannot read ', 'none');
    await expectRefused(['--prompt', folder], '--prompt: cannot read ', folder);
    await expectRefused(prompt(''), '--prompt: must hold at least one byte', 'empty file');
  });

  test('a byte that is no token is refused', async () => {
    await expectRefused(
      [...prompt('abc'), '--vocab_size', '99'],
      '--prompt: bytes must be below --vocab_size (99)',
      'got 99',
    );
    expect((await run(...prompt('abc'), '--vocab_size', '100', '--dry_run')).code).toBe(0);
  });

  test('one byte is enough', async () => {
    expect((await run(...prompt('a'), '--dry_run')).code).toBe(0);
  });
});

describe('the output is found to be unwritable before anything is measured:', () => {
  test('a folder that is a file', async () => {
    writeFileSync(join(folder, 'file'), 'keep me');
    await expectRefused(['--output_dir', join(folder, 'file')], '--output_dir: ', 'not a folder');
    await expectRefused(['--output_dir', join(folder, 'file', 'deeper')], '--output_dir: ', 'not a folder');
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('keep me');
  });

  test('a file that is a folder', async () => {
    mkdirSync(join(folder, 'taken.json'));
    await expectRefused(['--output_dir', folder, '--output', 'taken.json'], '--output: must be a file', 'taken.json');
  });

  test.runIf(process.platform === 'linux')('a device, and a folder that the system refuses to make', async () => {
    await expectRefused(['--output', '/dev/null'], '--output: must be a file', 'got /dev/null');
    await expectRefused(['--output_dir', '/proc/attnscale'], '--output_dir: ', '/proc/attnscale');
  });

  describe('a folder that may not be written', () => {
    beforeEach(() => chmodSync(folder, 0o500));
    afterEach(() => chmodSync(folder, 0o700));
    const isRoot = process.getuid?.() === 0; // root may write everywhere
    test.skipIf(isRoot || process.platform === 'win32')('by its permissions', async () => {
      await expectRefused(['--output_dir', folder], '--output_dir: ', folder);
      await expectRefused(['--output_dir', join(folder, 'deeper')], '--output_dir: ', folder);
    });
  });
});

describe('--resume', () => {
  const flags = ['--seq_lengths', '128', '256'];
  const put = (content: unknown): string => {
    const file = join(folder, 'partial.json');
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  const partial = () => ({ ...makeResults({ BSBR: { 128: [1] } }), complete: false });

  test.each<[string, unknown, string]>([
    ['empty', '', 'is empty'],
    ['cut short', '{"schema_version": 1, "comp', 'is not JSON or was cut short'],
    ['not a results file', [], 'file'],
    ['of a newer schema', { schema_version: 99 }, 'got 99'],
    ['of an older schema', { schema_version: 1 }, 'schema_version must be 2 to compare or go on, got 1'],
    ['with a negative time', { ...partial(), time_results: { BSBR: { 128: -1 } } }, 'time_results.BSBR.128'],
    ['without cells', { ...partial(), cells: [] }, 'cells: must be at least one, got none'],
    ['of another plan', partial(), 'was made with --seq_lengths 128, got 128 256'],
  ])('a file that is %s is refused and stays as it is', async (_, content, message) => {
    const file = put(content);
    const before = readFileSync(file, 'utf8');
    await expectRefused([...flags, '--resume', file], '--resume: ', message);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(folder)).toEqual(['partial.json']);
  });

  test('a finished file has nothing left, unless other processes are asked for or some are missing', () => {
    const file = makeResults({ BSBR: { 128: [1, 2, 3, 4, 5], 256: [1, 2, 3, 4, 5] } });
    const config = { ...file.config, precision_pct: 2.5, max_time_s: 175 };
    const finished = { ...file, config };
    const spec = { ...SPEC, cells: file.cells, runs: 5, precisionPct: 2.5, maxTimeS: 175 };
    expect(isFinished(finished, config, spec)).toBe(true);
    for (const change of [{ runs: 6 }, { precision_pct: 1 }, { max_time_s: 600 }]) {
      expect(isFinished(finished, { ...config, ...change }, spec)).toBe(false);
      const cellsAsBefore = hashOf({ ...config, ...change }) === hashOf(file.config);
      expect(cellsAsBefore).toBe(true); // and both may be compared
    }
    const [first, second] = file.cells as [Cell, Cell];
    const broken: Partial<Results>[] = [
      { complete: false },
      { cells: [first] },
      { cells: [] },
      { cells: [first, { ...second, processes: [] }] },
      { cells: [first, { ...second, processes: second.processes.slice(1) }] },
      { cells: [first, { ...second, counted: null }] },
      { cells: [first, { ...second, status: 'timeout', summary: null }] },
    ];
    for (const change of broken) expect(isFinished({ ...finished, ...change }, config, spec)).toBe(false);
  });

  test('a file that is missing is refused', async () => {
    await expectRefused(['--resume', join(folder, 'none.json')], '--resume: cannot read ', 'none.json');
  });
});

describe('--dry_run', () => {
  test('prints the plan, and writes nothing', async () => {
    const output = join(folder, 'out');
    const { code, stdout, stderr } = await run('--output_dir', output, '--seq-lengths', '4096-1048576*4', '--dry-run');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^lengths +4096 16384 65536 262144 1048576$/m);
    expect(stdout).toMatch(/^models +BSBR LinearTransformer DeltaNet$/m);
    expect(stdout).toMatch(/^time +about \d+ (s|min)$/m);
    expect(stdout).toContain(join(output, 'comparison_results.json'));
    expect(existsSync(output)).toBe(false);
  });

  test('lengths that repeat or descend are sorted, and it is said', async () => {
    const { stdout, stderr } = await run('--seq_lengths', '512', '256', '256', '--dry_run');
    expect(stderr).toBe('--seq_lengths: sorted, repeats left out: 256 512\n');
    expect(stdout).toMatch(/^lengths +256 512$/m);
  });

  test('all models are all that there are, whatever is named beside them', async () => {
    for (const models of [['all'], ['softmax', 'all']]) {
      const { stdout } = await run('--models', ...models, '--dry_run');
      const names = stdout
        .match(/^models +(.+)$/m)?.[1]
        ?.split(' ')
        .sort();
      expect(names).toEqual([...MODEL_NAMES].sort());
    }
  });
});

test('--help exits 0 and shows defaults as they would be typed', async () => {
  const { code, stdout, stderr } = await run('--help');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('(default: BSBR LinearTransformer DeltaNet)');
  expect(stdout).not.toMatch(/default: (\[|"|false|true)/);
});

test('--output is a name in --output_dir, or a path', () => {
  expect(outputFile('results', 'a.json')).toBe(resolve('results', 'a.json'));
  expect(outputFile('results', 'other/a.json')).toBe(resolve('other/a.json'));
  expect(outputFile('results', resolve('a.json'))).toBe(resolve('a.json'));
});
