/** What the gate's commands say of themselves. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { main as calibrate } from '../../evals/calibrate.js';
import { main as checkParity } from '../../evals/check_parity.js';
import { main as checkRegressions } from '../../evals/check_regressions.js';
import { DEFAULTS } from '../../evals/compare_models/flags.js';
import { MODEL_OPTIONS } from '../../src/models/registry.js';

const ROOT = join(import.meta.dirname, '../..');

async function help(main: typeof calibrate): Promise<string> {
  let text = '';
  const streams = { stdout: { write: (words: string) => (text += words) }, stderr: { write: () => 0 } };
  expect(await main(['--help'], streams)).toBe(0);
  return text;
}

/** Set by the commands that measure, or without a use for them. */
const NOT_TAKEN = ['runs', 'precision', 'max_time', 'output_dir', 'output'];

test.each([
  ['calibrate', calibrate],
  ['check-regressions', checkRegressions],
])('%s --help lists the flags that it takes after --', async (_, main) => {
  const [, listed = ''] = (await help(main)).split('Flags of compare-models, after --:\n');
  const flags = [...listed.matchAll(/^ {2}--(\w+)/gm)].map(([, flag]) => flag);
  const known = Object.keys(DEFAULTS).filter((flag) => !NOT_TAKEN.includes(flag));
  const options = MODEL_OPTIONS.map(({ name }) => name);
  expect(flags).toEqual(expect.arrayContaining([...known, ...options, 'quick', 'prompt', 'recompute', 'no_pin']));
  for (const flag of [...NOT_TAKEN, 'resume', 'dry_run']) expect(flags).not.toContain(flag);
});

test('check-parity --help says what a golden file must hold', async () => {
  const text = await help(checkParity);
  for (const word of [
    '__metadata__',
    'input.ids',
    'expected.logits',
    'compression_factor',
    'I32 [B, T]',
    'Exit code',
  ]) {
    expect(text).toContain(word);
  }
});

describe('check_gate', () => {
  const run = (...argv: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'scripts/check_gate.mjs'), ...argv], { encoding: 'utf8', cwd: ROOT });
  beforeAll(() => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs', '--no-native'], { cwd: ROOT });
    expect(status, String(stderr)).toBe(0);
  });
  test('--help lists its flags and measures nothing', () => {
    const { status, stdout, stderr } = run('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const flag of ['identical', 'slowed', 'by', 'margin', 'runs', 'sets', 'seed', 'json', 'help']) {
      expect(stdout).toMatch(new RegExp(`^ {2}--${flag} .*\\w`, 'm'));
    }
  });
  test('says what goes on, and fails when a suite cannot be measured', () => {
    const { status, stdout, stderr } = run('--slowed', '0', '--', '--no_such_flag');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^identical 0, \d+ s: error: unknown flag --no_such_flag /m);
    expect(stdout).toContain('identical 0: exit code 2 after ');
    expect(stdout).toContain('the gate does not do here what it should');
  });
});
