/** results/: what a run writes is ignored by git, what the documents show is tracked and described. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ANALYSIS_FORMATS } from '../../evals/analyze_results/exports.js';
import { EXPORT_FORMATS, exportFileName } from '../../evals/shared/formats.js';

const ROOT = join(import.meta.dirname, '../..');
const inClone = spawnSync('git', ['rev-parse', '--git-dir'], { cwd: ROOT }).status === 0;
const git = (...args: string[]): string[] =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\n').filter(Boolean);

const exportsOf = (name: string): string[] => EXPORT_FORMATS.flatMap((format) => exportFileName(name, format) ?? []);
/** Every file that a command writes when it is not told where. */
const WRITTEN = [
  ...['comparison_results.json', 'calibration.json', 'peers.json'],
  ...['complexity_analysis', 'complexity_loglog'].flatMap((name) => [`${name}.png`, `${name}.svg`]),
  ...ANALYSIS_FORMATS.map((format) => `analysis.${format}`),
  ...exportsOf('comparison'),
  ...exportsOf('regressions'),
].map((name) => `results/${name}`);
/** What stands beside a file while it is written, and what is kept of an older one. */
const BESIDE = ['.lock', '.journal', '.tmp-1234'].flatMap((end) => WRITTEN.map((file) => file + end));
const KEPT = WRITTEN.map((file) => file.replace(/(\.json)?$/, '.previous.json'));

test.skipIf(!inClone)('git ignores all that commands write by default (skipped outside a git checkout)', () => {
  const files = [...WRITTEN, ...BESIDE, ...KEPT];
  expect(git('check-ignore', '--no-index', ...files)).toEqual(files);
});

test.skipIf(!inClone)(
  'what git keeps in results/ is in showcase/ and described (skipped outside a git checkout)',
  () => {
    const readme = readFileSync(join(ROOT, 'results/README.md'), 'utf8');
    const kept = git('ls-files', 'results').filter((file) => file !== 'results/README.md');
    expect(kept.length).toBeGreaterThan(0);
    for (const file of kept) {
      expect(file).toMatch(/^results\/showcase\//);
      const name = file.slice('results/showcase/'.length);
      expect(
        [name, name.replace(/complexity_\w+\.png$/, 'complexity_*.png')].some((one) => readme.includes(`\`${one}\``)),
      ).toBe(true);
    }
  },
);
