/** Where commands measure again: compare-models of this checkout, in child processes, with files in a folder of their own. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Measure } from '../../src/bench/gate/gate.js';
import type { Life } from '../../src/bench/run/process/launch.js';
import { check } from '../../src/errors.js';
import { countText } from '../../src/report/format.js';
import { readJson } from '../../src/results/json.js';
import { parseResults } from '../../src/results/parse.js';
import type { Results } from '../../src/results/schema.js';
import { DEFAULTS } from '../compare_models/flags.js';
import { flagsOf, narrowed } from '../compare_models/rerun.js';
import { lastLine, runChild } from '../shared/child.js';
import type { Streams } from '../shared/command_line.js';
import { packageFolder } from '../shared/package_folder.js';
import { openTemporaryFolder } from '../shared/temporary_folder.js';

/** A process may take as long as so many cells that each take all the time they may. */
const CELLS_A_PROCESS = 10;

export interface Laboratory extends Disposable {
  /** Measures cells of `results` again. */
  measureHere(results: Results): Measure;
  /** Measures with the given flags of compare-models. */
  measureAll(flags: readonly string[], runs: number): Promise<Results>;
}

/**
 * Opens a place for the files of measurements; disposing of it removes them. Children end with `life`.
 * @param process_timeout seconds for a process of compare-models, else what `CELLS_A_PROCESS` says
 * @param checkout this one but in tests
 */
export function openLaboratory(
  { stderr }: Streams,
  life: Life,
  { process_timeout }: { readonly process_timeout?: number },
  checkout = packageFolder(),
): Laboratory {
  const folder = openTemporaryFolder();
  let files = 0;
  const compareModels = (flags: readonly string[], runs: number): Promise<Results> => {
    const file = folder.file(`${++files}.json`);
    stderr.write(`measuring: ${countText(runs, 'process')}\n`);
    const limitS = runs * (process_timeout ?? CELLS_A_PROCESS * cellTimeoutOf(flags));
    return runCompareModels(checkout, flags, file, runs, 1000 * limitS, life);
  };
  return {
    [Symbol.dispose]: () => folder[Symbol.dispose](),
    measureHere: (results) => async (cells, runs) => ({
      base: null,
      new: await compareModels(narrowed(flagsOf(results), cells), runs),
    }),
    measureAll: compareModels,
  };
}

/** A child process that fails to measure, or takes too long, is an error with its last words. */
async function runCompareModels(
  checkout: string,
  flags: readonly string[],
  file: string,
  runs: number,
  limitMs: number,
  life: Life,
): Promise<Results> {
  const own = ['--runs', String(runs), '--max_time', '0', '--output', file, '--no_progress'];
  const command = [join(checkout, 'bin/compare_models.js'), ...flags, ...own];
  const { code, overtime, stderr } = await runChild(process.execPath, command, limitMs, life);
  const where = 'compare-models';
  check(!overtime, `${where}: must measure within ${limitMs / 1000} s (--process_timeout), got no end`);
  const measured = (code === 0 || code === 1) && existsSync(file);
  check(measured, `${where}: must measure, got exit code ${code}: ${lastLine(stderr)}`);
  return parseResults(readJson(file, where), where);
}

/** Seconds that one cell may take with these flags of compare-models, which says itself what is wrong with them. */
function cellTimeoutOf(flags: readonly string[]): number {
  const at = flags.findLastIndex((flag) => /^--cell[_-]timeout(=|$)/.test(flag));
  const seconds = at < 0 ? Number.NaN : Number(flags[at]?.split('=')[1] ?? flags[at + 1]);
  return seconds > 0 ? seconds : DEFAULTS.cell_timeout;
}
