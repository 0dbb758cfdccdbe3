/** What all commands do alike with flags: hints, versions, lists given twice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCommand, runCommand } from '../../../evals/shared/command_line.js';
import { type Main, runMain } from '../../support/run_main.js';

const COMMANDS = ['compare_models', 'analyze_results', 'check_regressions', 'calibrate', 'check_parity'] as const;
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
  version: string;
};

test.each(COMMANDS)('%s says its version, and --help explains every flag', async (name) => {
  const { main } = (await import(`../../../evals/${name}.ts`)) as { main: Main };
  expect(await runMain(main, ['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  const { code, stdout } = await runMain(main, ['--help']);
  expect(code).toBe(0);
  expect(stdout).not.toContain('(default: )');
  const flags = [...stdout.matchAll(/^ {2}(?:-h, )?--\w+(?: <[^>]+>)?(.*)$/gm)];
  expect(flags.length).toBeGreaterThan(3);
  for (const [line, text] of flags) expect([line, text?.trim()]).not.toEqual([line, '']);
});

test('calibrate says how a bare results file is given', async () => {
  const { main } = (await import('../../../evals/calibrate.js')) as { main: Main };
  const { code, stderr } = await runMain(main, ['results.json']);
  const hint = 'error: unexpected argument results.json; did you mean --results_file results.json?\n';
  expect({ code, stderr }).toEqual({ code: 2, stderr: hint });
});

test('of a list that is given twice the later one counts, in any spelling', async () => {
  const read = async (...argv: string[]): Promise<unknown> => {
    let options: unknown;
    const main: Main = (args, streams) => {
      const command = createCommand('x', 'y', streams)
        .option('--some_lengths <n...>', 'z', ['1'])
        .option('--fast', 'z');
      return runCommand<object>(command, args, streams, async (found) => {
        options = found;
        return 0;
      });
    };
    await runMain(main, argv);
    return options;
  };
  expect(await read()).toEqual({ some_lengths: ['1'] });
  expect(await read('--some_lengths', '2', '3', '--fast', '--some-lengths', '4', '5')).toEqual({
    some_lengths: ['4', '5'],
    fast: true,
  });
  expect(await read('--some_lengths', '2', '3', '--some_lengths=4')).toEqual({ some_lengths: ['4'] });
});
