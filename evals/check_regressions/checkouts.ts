/** Two built checkouts, whose engines the harness of this one times in pairs of processes. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Measured } from '../../src/bench/gate/gate.js';
import { inPairs } from '../../src/bench/protocol/plan.js';
import {
  type Both,
  both,
  measurePairs,
  type PairsHost,
  type PairsSpec,
  type Version,
} from '../../src/bench/run/pairs.js';
import type { Life } from '../../src/bench/run/process/launch.js';
import { NOT_PINNED, pinnableCpus } from '../../src/bench/run/process/pinning.js';
import { workerLimits } from '../../src/bench/run/process/session.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import type { Engine } from '../../src/engines/engine.js';
import { check } from '../../src/errors.js';
import { countText } from '../../src/report/format.js';
import type { CellId } from '../../src/results/cell.js';
import { max } from '../../src/statistics.js';
import type { Flags } from '../compare_models/flags.js';
import { parseLengths } from '../compare_models/lengths.js';
import { runConfigOf, specOf } from '../compare_models/plan.js';
import { readPrompt } from '../compare_models/prompt.js';
import { labelOf, withOwnModels } from '../compare_models/run.js';
import { parseWorkload } from '../compare_models.js';
import type { Streams } from '../shared/command_line.js';
import { WORKER_FILE } from '../shared/package_folder.js';
import { openTemporaryFolder } from '../shared/temporary_folder.js';

/** What is measured of two checkouts. */
export interface Comparison {
  readonly cells: readonly CellId[];
  /** Measures cells, all but where some are named, in `runs` pairs of processes that were not there before. */
  measure(runs: number, cells?: readonly CellId[]): Promise<Measured & Both<Measured['new']>>;
}

/**
 * @param argv flags of compare-models @param seed of the orders in a pair
 * @throws UserError for a folder that is no built checkout, and for bad flags
 */
export async function compareCheckouts(
  folders: Both<string>,
  argv: readonly string[],
  seed: number,
  life: Life,
  streams: Streams,
): Promise<Comparison> {
  const workers = both((side) => workerOf(resolve(folders[side])));
  const flags = await withOwnModels(await parseWorkload(argv, streams));
  const { lengths } = parseLengths(flags.seq_lengths);
  const prompt = flags.prompt === undefined ? null : readPrompt(flags.prompt, max(lengths));
  const plan = specOf(flags, lengths, prompt);
  checkEngines(plan.engines);
  const versions = both((side): Version => {
    const config = runConfigOf(flags, plan.runs, lengths, [], prompt);
    return {
      name: folders[side],
      engines: plan.engines.map((engine) => runBy(engine, workers[side])),
      label: labelOf(flags, config, argv, resolve(folders[side])),
    };
  });
  let done = 0;
  return {
    cells: plan.cells,
    async measure(runs, cells = plan.cells) {
      using folder = openTemporaryFolder();
      const numbers = Array.from({ length: runs }, (_, i) => done + i);
      done += runs;
      const onPair = (run: number): void =>
        void streams.stderr.write(`measuring: pair ${run + 1} of ${done}, ${countText(cells.length, 'cell')}\n`);
      const spec: PairsSpec = { ...plan, cells, rules: inPairs(plan.rules), runs: numbers, seed };
      return measurePairs(spec, versions, { ...hostOf(flags, life), temporaryFile: folder.file, onPair });
    },
  };
}

function hostOf(flags: Flags, life: Life): Omit<PairsHost, 'temporaryFile' | 'onPair'> {
  const cpus = flags.no_pin ? NOT_PINNED : pinnableCpus(flags.threads);
  return { ...life, ...workerLimits(flags.cell_timeout), ...cpus, now: () => performance.now() };
}

/** A peer is the same program whatever the checkout. */
function checkEngines(engines: RunSpec['engines']): void {
  const peer = engines.find(({ command }) => command !== null);
  check(peer === undefined, `--peer: is no part of a checkout, got ${peer?.id}`);
}

/** An engine whose program is that of another checkout. */
const runBy = (engine: Engine, worker: string): Engine => {
  const [program, ...args] = engine.program;
  return { ...engine, program: [program, ...args.map((word) => (word === WORKER_FILE ? worker : word))] };
};

/** Where a checkout has the program of its engines. */
const WORKER = join('dist', 'evals', 'compare_worker.js');

/** @throws UserError when it is not a built checkout */
function workerOf(checkout: string): string {
  const manifest = join(checkout, 'package.json');
  check(existsSync(manifest), `${checkout}: must be a checkout with a package.json, got none`);
  const worker = join(checkout, WORKER);
  check(existsSync(worker), `${checkout}: must be built (npm run build), got no ${WORKER}`);
  return worker;
}
