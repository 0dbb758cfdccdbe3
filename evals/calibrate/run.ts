/** What calibrate does once its flags are read: measure, draw suites, print, write. */

import { resolve } from 'node:path';
import { EXIT } from '#scripts/ending.mjs';
import { calibrate } from '../../src/bench/gate/draw_suites.js';
import { check } from '../../src/errors.js';
import { toTerminal } from '../../src/report/terminal.js';
import { parseCurrent } from '../../src/results/parse.js';
import type { Results } from '../../src/results/schema.js';
import { openLaboratory } from '../check_regressions/laboratory.js';
import { boldOn } from '../shared/bold.js';
import type { Streams } from '../shared/command_line.js';
import { interruptible } from '../shared/interruption.js';
import { createOutputWriter, prepareOutput } from '../shared/output.js';
import { readResultsJson } from '../shared/read_results.js';
import type { CalibrateFlags } from './flags.js';
import { advice, calibrationTable } from './report.js';

const RUNS = [5, 10, 20];
const MARGINS_PCT = [3, 5, 10];

/** @returns the exit code: 0, or 1 when no rule can be recommended */
export async function calibrateMachine(
  flags: CalibrateFlags,
  compareFlags: readonly string[],
  streams: Streams,
): Promise<number> {
  const { results_file, suites, seed, detect } = flags;
  const both = results_file !== undefined && compareFlags.length > 0;
  check(!both, '--results_file: judges a run as it is, got flags of compare-models too');
  const output = resolve(flags.output);
  prepareOutput(output, { file: '--output', folder: '--output' });
  const results = results_file === undefined ? await measure(flags, compareFlags, streams) : readRun(results_file);
  const createdAt = new Date().toISOString();
  const where = results_file ?? 'calibrate';
  const options = { runs: RUNS, marginsPct: MARGINS_PCT, suites, goalPct: detect, seed, createdAt };
  const calibration = calibrate(results, where, options);
  const writer = createOutputWriter(streams);
  writer.write(output, `${JSON.stringify(calibration, null, 1)}\n`);
  const table = toTerminal([calibrationTable(calibration)], boldOn(streams.stdout), streams.stdout.columns);
  streams.stdout.write(`${table}\n\n${advice(calibration).join('\n')}\n`);
  return writer.exitCode(calibration.recommended === null ? EXIT.failed : EXIT.ok);
}

function measure(flags: CalibrateFlags, compareFlags: readonly string[], streams: Streams): Promise<Results> {
  return interruptible(
    () => 'nothing is written',
    async (life) => {
      using laboratory = openLaboratory(streams, life, flags);
      return await laboratory.measureAll(compareFlags, flags.runs);
    },
  );
}

function readRun(path: string): Results {
  return parseCurrent(readResultsJson(path, '--results_file'), `--results_file: ${path}`);
}
