/** `calibrate`: what the gate is worth on this machine, for these cells. */
import type { Command } from 'commander';
import { check } from '../src/errors.js';
import type { CalibrateFlags } from './calibrate/flags.js';
import { workloadHelp } from './compare_models.js';
import {
  createCommand,
  excessArgumentText,
  positiveNumber,
  runCommand,
  type Streams,
  wholeNumber,
} from './shared/command_line.js';
import { processTimeout } from './shared/process_timeout.js';

const EXAMPLES = `
  calibrate --runs 40 -- --seq_lengths 256 1024         measures, with flags of compare-models
  calibrate --results_file results/many_runs.json       judges a run of 20 or more processes

Exit code: 0 a rule is recommended, 1 none can be, 2 bad input or usage.`;

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = describe(streams);
  return runCommand<CalibrateFlags>(command, argv, streams, async (flags, positional, safe) => {
    const [first = '--'] = positional;
    check(first.startsWith('--'), excessArgumentText(first, command));
    const { calibrateMachine } = await import('./calibrate/run.js');
    return calibrateMachine(flags, positional, safe);
  });
}

function describe(streams: Streams): Command {
  return createCommand('calibrate', 'False alarms and least detectable slow-down on this machine (A/A).', streams)
    .usage('[options] [-- flags of compare-models]')
    .argument('[flags...]', 'flags of compare-models, after --')
    .option('--runs <n>', 'processes to measure', wholeNumber('--runs', 20), 40)
    .option('--suites <n>', 'suites to draw from them, for each rule', wholeNumber('--suites', 100), 400)
    .option('--detect <pct>', 'slow-down to find in the typical cell', positiveNumber('--detect'), 10)
    .option('--seed <n>', 'of the drawing', wholeNumber('--seed', 0), 1)
    .addOption(processTimeout())
    .option('--results_file <file>', 'judge this run instead of measuring')
    .option('--output <file>', 'for check-regressions --calibration', 'results/calibration.json')
    .addHelpText('after', () => `${EXAMPLES}\n\n${workloadHelp()}`);
}
