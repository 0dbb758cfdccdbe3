/** The commands of README's "Use", in their order: their flags are known, and their files are shipped or made by an earlier one. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Streams } from '../../evals/shared/command_line.js';

const ROOT = join(import.meta.dirname, '../..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const scripts = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

/** Commands without comments and brackets, those joined by && apart. */
const COMMANDS = (/^## Use\n+```\n(.*?)^```/ms.exec(readme)?.[1] ?? '')
  .split('\n')
  .flatMap((line) => line.replace(/\s#.*/, '').split('&&'))
  .map((command) => command.replaceAll(/[()]/g, '').trim())
  .filter((command) => command !== '');

const inClone = spawnSync('git', ['rev-parse', '--git-dir'], { cwd: ROOT }).status === 0;
/** What a fresh clone holds: all there is, less what git ignores. */
const shipped = (): string[] =>
  execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' }).split('\n');

const ran = vi.hoisted(() => ({ flags: [] as Record<string, unknown>[], positional: [] as (readonly string[])[] }));
/** In place of a command's work: notes what it was asked for. */
const noting = vi.hoisted(() => async (flags: Record<string, unknown>, positional?: unknown) => {
  ran.flags.push(flags);
  ran.positional.push(Array.isArray(positional) ? (positional as string[]) : []);
  return 0;
});
vi.mock('../../evals/compare_models/run.js', () => ({ compareModels: noting }));
vi.mock('../../evals/compare_models/resume.js', () => ({ flagsOfFile: () => [] })); // that the file is there is checked below
vi.mock('../../evals/analyze_results/run.js', () => ({ analyzeResults: noting }));
vi.mock('../../evals/check_regressions/run.js', () => ({ checkRegressions: noting }));
vi.mock('../../evals/calibrate/run.js', () => ({ calibrateMachine: noting }));
vi.mock('../../evals/check_parity/run.js', () => ({ checkFolder: noting }));

/** Parses a command's flags as the command does. @returns what it was asked for */
async function parse(command: string, argv: readonly string[]) {
  const { main } = (await import(`../../evals/${command.replaceAll('-', '_')}.ts`)) as {
    main(argv: readonly string[], streams: Streams): Promise<number>;
  };
  let stderr = '';
  const streams = { stdout: { write: () => undefined }, stderr: { write: (text: string) => (stderr += text) } };
  expect([await main(argv, streams), stderr]).toEqual([0, '']);
  const positional = command === 'compare-models' ? [] : (ran.positional.at(-1) ?? []); // its second argument is argv
  return { flags: ran.flags.at(-1) ?? {}, positional };
}

test.skipIf(!inClone)(
  'every command of "Use" can be run where it stands (skipped outside a git checkout)',
  async () => {
    const there = new Set(shipped());
    expect(COMMANDS.length).toBeGreaterThan(15);
    for (const command of COMMANDS) {
      const [program, name = '', ...argv] = command.split(/\s+/);
      if (program === 'npx') {
        const { flags, positional } = await parse(name, argv);
        for (const file of filesRead(flags, positional)) {
          expect([command, there.has(file)]).toEqual([command, true]);
        }
        if (name === 'compare-models' && flags['dry_run'] !== true)
          for (const file of filesWritten(flags)) there.add(file);
        const passedOn = positional.findIndex((word) => word.startsWith('--'));
        if (passedOn >= 0) await parse('compare-models', positional.slice(passedOn));
      } else if (program === 'npm')
        expect([name, scripts]).toEqual(['run', expect.objectContaining({ [argv[0] ?? '']: expect.any(String) })]);
      else expect(['git worktree add --detach ../base', 'cd ../base']).toContain(command);
    }
  },
);

/** Files that a command's flags and arguments name, but for those it writes. */
function filesRead(flags: Record<string, unknown>, positional: readonly string[]): string[] {
  const { output, ...others } = flags;
  const words = [...Object.values(others), ...positional];
  return words.filter((word): word is string => typeof word === 'string' && /\.(json|csv|md)$/.test(word));
}

/** Files that a run of compare-models writes, of those that other commands read. */
function filesWritten(flags: Record<string, unknown>): string[] {
  const exported = String(flags['export']).includes('csv') ? ['results/comparison.csv'] : [];
  return [`results/${flags['output']}`, ...exported];
}
