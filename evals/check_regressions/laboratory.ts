/** Where commands measure: compare-models of this or other checkouts, in child processes, with files in a folder of their own. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Measure } from '../../src/bench/gate/gate.js';
import type { NamedResults } from '../../src/bench/gate/paired_cells.js';
import { measureInTurns, type RunCompareModels } from '../../src/bench/gate/remeasure.js';
import type { Life } from '../../src/bench/run/process/launch.js';
import { check, checkSchema } from '../../src/errors.js';
import { random } from '../../src/random.js';
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

export interface RunPair {
  readonly base: NamedResults;
  readonly next: NamedResults;
  /** Null where measuring again was not asked for. */
  readonly measure: Measure | null;
}

export interface TurnsPlan {
  /** Of compare-models. */
  readonly flags: readonly string[];
  /** Processes a side in the first set. */
  readonly runs: number;
  /** Of the order of the two sides. */
  readonly seed: number;
  /** Throws where the cells are not those expected: called after each process of the first set, not only at its end. */
  readonly checkCells: (results: Results) => void;
}

export interface Laboratory extends Disposable {
  /** Measures cells of `results` again with this checkout. */
  measureHere(results: Results): Measure;
  /** Measures this checkout with the given flags of compare-models. */
  measureAll(flags: readonly string[], runs: number): Promise<Results>;
  /** Measures two checkouts in turns. */
  measureInTurns(base: string, next: string, plan: TurnsPlan): Promise<RunPair>;
}

/**
 * Opens a place for the files of measurements; disposing of it removes them. Children end with `life`.
 * @param process_timeout seconds for a process of compare-models, else what `CELLS_A_PROCESS` says
 * @param ownCheckout this one but in tests
 */
export function openLaboratory(
  { stderr }: Streams,
  life: Life,
  { process_timeout }: { readonly process_timeout?: number },
  ownCheckout = packageFolder(),
): Laboratory {
  const folder = openTemporaryFolder();
  let files = 0;
  const newFile = (): string => folder.file(`${++files}.json`);
  const processes = new Map<string, number>();
  const compareModels: RunCompareModels = (checkout, flags, file, runs) => {
    stderr.write(`measuring: ${checkout}, ${countText(runs, 'process')}\n`);
    const fresh = runs - (processes.get(file) ?? 0);
    processes.set(file, runs);
    const limitS = fresh * (process_timeout ?? CELLS_A_PROCESS * cellTimeoutOf(flags));
    return runCompareModels(checkout, flags, file, runs, 1000 * limitS, life);
  };
  return {
    [Symbol.dispose]: () => folder[Symbol.dispose](),
    measureHere: (results) => async (cells, runs) => ({
      base: null,
      new: await compareModels(ownCheckout, narrowed(flagsOf(results), cells), newFile(), runs),
    }),
    measureAll: (flags, runs) => compareModels(ownCheckout, flags, newFile(), runs),
    async measureInTurns(base, next, { flags, runs, seed, checkCells }) {
      const checkouts = { base: resolve(base), new: resolve(next) };
      scriptOf(checkouts.base);
      scriptOf(checkouts.new);
      const rng = random(seed, 'order of the two sides');
      const turns = (ownFlags: readonly string[], ownRuns: number, run = compareModels) =>
        measureInTurns(checkouts, { base: newFile(), new: newFile() }, ownFlags, ownRuns, rng, run);
      const first = await turns(flags, runs, async (...order) => {
        const results = await compareModels(...order);
        checkCells(results);
        return results;
      });
      return {
        base: { name: `BASE ${base}`, results: first.base },
        next: { name: `NEW ${next}`, results: first.new },
        measure: (cells, further) => turns(narrowed(flags, cells), further),
      };
    },
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
  const goOn = existsSync(file) ? ['--resume', file] : [];
  const own = ['--runs', String(runs), '--max_time', '0', '--output', file, '--no_progress', ...goOn];
  const { code, overtime, stderr } = await runChild(
    process.execPath,
    [scriptOf(checkout), ...flags, ...own],
    limitMs,
    life,
  );
  const where = `compare-models in ${checkout}`;
  check(!overtime, `${where}: must measure within ${limitMs / 1000} s (--process_timeout), got no end`);
  const measured = (code === 0 || code === 1) && existsSync(file);
  check(measured, `${where}: must measure, got exit code ${code}: ${lastLine(stderr)}`);
  return parseResults(readJson(file, checkout), where);
}

/** Seconds that one cell may take with these flags of compare-models, which says itself what is wrong with them. */
function cellTimeoutOf(flags: readonly string[]): number {
  const at = flags.findLastIndex((flag) => /^--cell[_-]timeout(=|$)/.test(flag));
  const seconds = at < 0 ? Number.NaN : Number(flags[at]?.split('=')[1] ?? flags[at + 1]);
  return seconds > 0 ? seconds : DEFAULTS.cell_timeout;
}

const manifestSchema = z.object({ bin: z.object({ 'compare-models': z.string() }) });

/** The script behind a checkout's compare-models. @throws UserError when it is not a built checkout */
function scriptOf(checkout: string): string {
  const manifest = join(checkout, 'package.json');
  check(existsSync(manifest), `${checkout}: must be a checkout with a package.json, got none`);
  const { bin } = checkSchema(manifestSchema, readJson(manifest, checkout), manifest);
  const script = bin['compare-models'];
  const path = join(checkout, script);
  check(existsSync(path), `${checkout}: must be built (npm run build), got no ${script}`);
  return path;
}
