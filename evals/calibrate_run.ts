/** What calibrate does once its flags are read: measure, draw suites, print, write. */
import { resolve } from 'node:path';
import pc from 'picocolors';
import writeFileAtomic from 'write-file-atomic';
import { type Table, toTerminal } from '../src/analysis/tables.js';
import { calibrate } from '../src/bench/calibrate.js';
import { type Calibration, MAX_FALSE_ALARMS, type Rule } from '../src/bench/calibration.js';
import { cellKey } from '../src/bench/plan.js';
import { check } from '../src/errors.js';
import { percent } from '../src/exports/gate_tables.js';
import { parseResults, type Results, readJson } from '../src/results.js';
import type { CalibrateFlags } from './calibrate.js';
import type { Streams } from './command_line.js';
import { openLaboratory } from './laboratory.js';
import { prepareOutput } from './output.js';

const RUNS = [5, 10, 20];
const MARGINS_PCT = [3, 5, 10];

/** @returns the exit code: 0, or 1 when no rule can be recommended */
export async function calibrateMachine(
  flags: CalibrateFlags,
  compareFlags: readonly string[],
  streams: Streams,
): Promise<number> {
  const { results_file, runs, suites, seed } = flags;
  const both = results_file !== undefined && compareFlags.length > 0;
  check(!both, '--results_file: judges a run as it is, got flags of compare-models too');
  const output = resolve(flags.output);
  prepareOutput(output);
  using laboratory = openLaboratory(streams);
  const results = results_file === undefined ? await laboratory.measureAll(compareFlags, runs) : readRun(results_file);
  const createdAt = new Date().toISOString();
  const where = results_file ?? 'calibrate';
  const calibration = calibrate(results, where, { runs: RUNS, marginsPct: MARGINS_PCT, suites, seed, createdAt });
  await writeFileAtomic(output, `${JSON.stringify(calibration, null, 1)}\n`);
  streams.stdout.write(`${toTerminal(calibrationTables(calibration), pc.bold)}\n\n${advice(calibration)}\n`);
  streams.stderr.write(`wrote ${output}\n`);
  return calibration.recommended === null ? 1 : 0;
}

function readRun(path: string): Results {
  return parseResults(readJson(path, '--results_file'), `--results_file: ${path}`);
}

function calibrationTables({ cells, suite }: Calibration): Table[] {
  const cell = (rule: Rule): string => `${percent(rule.false_alarm)}, ≥ ${percent(rule.detectable_pct / 100)}`;
  const heading = (rule: Rule): string => `${rule.runs} runs, ${rule.margin_pct} %`;
  return [
    {
      title: 'False alarms of identical code, and least slow-down found in 95 %, by runs a side and margin',
      columns: ['cell', 'spread', ...suite.map(heading)],
      rows: [
        ...cells.map((one) => [cellKey(one), percent(one.spread), ...one.rules.map(cell)]),
        ['whole suite', '', ...suite.map(cell)],
      ],
      notes: [
        'Spread: interquartile range of the process values over their median. A firing is confirmed by a second set of twice the runs.',
      ],
    },
  ];
}

function advice({ recommended }: Calibration): string {
  if (recommended === null) {
    return `Nothing to recommend: every rule raised ${percent(MAX_FALSE_ALARMS)} false alarms or more. Quieten the machine, or raise --runs.`;
  }
  return `Recommended: --runs ${recommended.runs}, --margin ${recommended.margin_pct}, with --confirm or --ab.`;
}
