/** Two built checkouts, whose engines the harness of this one times in pairs of processes. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Measured } from '../../src/bench/gate/gate.js';
import { type Both, both, type Version } from '../../src/bench/run/pairs.js';
import type { Life } from '../../src/bench/run/process/launch.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import type { Engine } from '../../src/engines/engine.js';
import { check } from '../../src/errors.js';
import type { CellId } from '../../src/results/cell.js';
import type { Streams } from '../shared/command_line.js';
import { WORKER_FILE } from '../shared/package_folder.js';
import { planPairs, timePairs } from './pairs.js';

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
  const plan = await planPairs(argv, streams);
  const { cells: all, engines, runs: planned } = plan.spec;
  checkEngines(engines);
  const versions = both(
    (side): Version => ({
      name: folders[side],
      engines: engines.map((engine) => runBy(engine, workers[side])),
      label: plan.labelOf(planned, resolve(folders[side])),
    }),
  );
  let done = 0;
  return {
    cells: all,
    measure(count, cells = all) {
      const runs = Array.from({ length: count }, (_, i) => done + i);
      done += count;
      return timePairs(plan, { cells, runs, seed, versions }, life, streams);
    },
  };
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
