/** Who reads what a command prints changes nothing of its work, its files and its exit code. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Build, build } from '../../support/built.js';
import { makeResults } from '../../support/make_results.js';
import { temporaryFolder } from '../../support/temporary.js';

const hasBash = spawnSync('bash', ['--version']).status === 0;
const hasFullDevice = existsSync('/dev/full');
const hasTerminals = spawnSync('script', ['-qec', 'exit 3', '/dev/null']).status === 3;

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

/** Runs a line of bash in `folder`; `node` of a command is `"$NODE" COMMAND.js`. @returns the line's exit code */
function shell(folder: string, line: string): Promise<number | null> {
  const env = { ...process.env, NODE: process.execPath };
  const child = spawn('bash', ['-c', line], { cwd: folder, env, stdio: 'ignore' });
  return new Promise((done, fail) => child.on('error', fail).on('close', done));
}

const LENGTHS = [64, 128, 256, 512, 1024];
const resultsOf = (factor: number, processes = 10) =>
  makeResults({
    BSBR: Object.fromEntries(
      LENGTHS.map((n) => [n, Array.from({ length: processes }, (_, i) => factor * (n + (i * n) / 1000))]),
    ),
  });

interface Case {
  readonly argv: readonly string[];
  readonly code: number;
  /** What it writes, in `out`. */
  readonly files: readonly string[];
}

const SMALL =
  '--models LinearTransformer --hidden_dim 16 --num_heads 2 --ff_dim 32 --vocab_size 64 --seq_lengths 8 --n_tokens 2 --quick';
const EXPORTS = ['csv', 'md', 'junit', 'gab', 'bmf'];
const exportsOf = (name: string): string[] =>
  ['bmf.json', 'csv', 'gab.json', 'junit.xml', 'md'].map((end) => `${name}.${end}`);

const CASES: Readonly<Record<string, Case>> = {
  check_regressions: {
    argv: ['base.json', 'slow.json', '--export', EXPORTS.join(), '--output_dir', 'out'],
    code: 1,
    files: exportsOf('regressions'),
  },
  analyze_results: {
    argv: '--results_file base.json --output_dir out --export md --svg'.split(' '),
    code: 0,
    files: [
      'analysis.md',
      ...['analysis', 'loglog'].flatMap((name) => [`complexity_${name}.png`, `complexity_${name}.svg`]),
    ],
  },
  calibrate: {
    argv: '--results_file many.json --suites 100 --output out/calibration.json'.split(' '),
    code: 0,
    files: ['calibration.json'],
  },
  check_parity: { argv: ['golden'], code: 0, files: [] },
  compare_models: {
    argv: [...SMALL.split(' '), '--output_dir', 'out', '--export', EXPORTS.join()],
    code: 0,
    files: [...exportsOf('comparison'), 'comparison_results.json'].sort(),
  },
};

function prepare(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'base.json'), JSON.stringify(resultsOf(1)));
  writeFileSync(join(folder, 'slow.json'), JSON.stringify(resultsOf(1.5)));
  writeFileSync(join(folder, 'many.json'), JSON.stringify(resultsOf(1, 40)));
  mkdirSync(join(folder, 'golden'));
  const golden = 'bsbr-c4-t4.safetensors';
  cpSync(join(import.meta.dirname, '../../fixtures', golden), join(folder, 'golden', golden));
  return folder;
}

/** Runs a command with its streams as `redirection` says, and expects what it does with nobody in its way. */
async function expectUnmoved(name: string, redirection: string, folder = prepare()): Promise<void> {
  const { argv, code, files } = CASES[name]!;
  rmSync(join(folder, 'out'), { recursive: true, force: true });
  const command = ['"$NODE"', `'${built.script(name)}'`, ...argv].join(' ');
  expect(await shell(folder, `set -o pipefail; ${redirection.replace('COMMAND', command)}`)).toBe(code);
  expect(existsSync(join(folder, 'out')) ? readdirSync(join(folder, 'out')).sort() : []).toEqual(files);
}

describe.runIf(hasBash)('a regression whose reader leaves after a line', () => {
  test('is 1 with all exports, 20 times of 20', async () => {
    const folder = prepare();
    for (let i = 0; i < 20; i++) await expectUnmoved('check_regressions', 'COMMAND | head -1', folder);
  });
});

describe.runIf(hasBash).each(Object.keys(CASES))('%s', (name) => {
  test('does its work where nobody reads', () => expectUnmoved(name, 'COMMAND 2>&1 | true'));
  test.runIf(hasFullDevice)('does its work with streams that are closed or on a full device', () =>
    expectUnmoved(name, 'COMMAND >/dev/full 2>&-'),
  );
  test.runIf(hasTerminals)('does its work on a terminal that is gone', async () => {
    const folder = prepare();
    const { argv, code, files } = CASES[name]!;
    const words = argv.map((word) => `'${word}'`).join(' ');
    const lines = `trap '' HUP; touch started; sleep 0.2; "$NODE" '${built.script(name)}' ${words}; echo $? >code.new; mv code.new code`;
    writeFileSync(join(folder, 'detached.sh'), lines);
    const terminal = `setsid bash detached.sh & until [ -e started ]; do sleep 0.05; done`;
    await shell(folder, `script -qec "bash -c '${terminal}'" /dev/null; until [ -e code ]; do sleep 0.05; done`);
    expect(readFileSync(join(folder, 'code'), 'utf8')).toBe(`${code}\n`);
    if (files.length > 0) expect(readdirSync(join(folder, 'out')).sort()).toEqual(files);
  });
});
