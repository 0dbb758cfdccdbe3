/** `check-regressions`: is a new run slower, larger or of a higher order than a base run? */
import { type Command, InvalidArgumentError } from 'commander';
import { MARGIN_LIMIT_PCT, USUAL_SETS } from '../src/bench/gate/timed.js';
import type { GateFlags } from './check_regressions/flags.js';
import { workloadHelp } from './compare_models.js';
import { createCommand, positiveNumber, runCommand, type Streams, wholeNumber } from './shared/command_line.js';
import { processTimeout } from './shared/process_timeout.js';

const EXIT_CODES = `
Exit code: 0 not regressed, 1 regressed, 2 bad input or usage, 3 not comparable or cannot tell;
a pass whose exports could not all be written is 2.

  check-regressions base.json new.json                  two stored runs
  check-regressions base.json new.json --confirm        what fires is measured again, here
  check-regressions --ab BASE_DIR HEAD_DIR -- --seq_lengths 256 1024
                                                        two built checkouts, a sample each in turns, with flags of compare-models`;

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  return runCommand<GateFlags>(describe(streams), argv, streams, async (flags, positional, safe) => {
    const { checkRegressions } = await import('./check_regressions/run.js');
    return checkRegressions(flags, positional, safe);
  });
}

function describe(streams: Streams): Command {
  const collect = (value: string, previous: readonly string[]): string[] => [...previous, value];
  return createCommand('check-regressions', 'Compare a new run of compare-models with a base run.', streams)
    .usage('[options] BASE NEW [-- flags of compare-models]')
    .argument('[runs...]', 'results files BASE and NEW; with --ab two folders')
    .option('--margin <pct>', 'slow-down allowed, in percent (default: 5, or what --calibration says)', positivePercent)
    .option(
      '--cell_margin <cell=pct>',
      'for MODEL (or MODEL@ENGINE), MODEL:PHASE or MODEL:PHASE:N=PERCENT; repeatable',
      collect,
      [],
    )
    .option(
      '--confirm',
      'measure cells that fire or cannot be told again, with fresh processes of this checkout',
      false,
    )
    .option('--ab', 'BASE and NEW are built checkouts: measure them in pairs of processes, in turns', false)
    .option('--runs <n>', 'with --ab: pairs of processes in the first set', wholeNumber('--runs', 1), 5)
    .option(
      '--sets <n>',
      'with --ab or --confirm: sets of processes at most, each twice as large as the one before',
      wholeNumber('--sets', 2),
      USUAL_SETS,
    )
    .option('--seed <n>', 'with --ab: of the orders in a pair', wholeNumber('--seed', 0), 1)
    .addOption(processTimeout())
    .option('--advisory', 'compare whatever differs, and never fail', false)
    .option('--counted_only', 'judge only what is counted: machines and versions may differ', false)
    .option('--calibration <file>', 'margins that calibrate found for this machine')
    .option('--export <formats>', 'csv, md, junit, gab, bmf, github; several with commas')
    .option('--output_dir <dir>', 'where exports go, as regressions.*', 'results')
    .addHelpText('after', () => `${EXIT_CODES}\n\n${workloadHelp()}`);
}

function positivePercent(text: string): number {
  const value = positiveNumber('--margin')(text);
  if (value >= MARGIN_LIMIT_PCT) throw new InvalidArgumentError(`is a percentage below ${MARGIN_LIMIT_PCT}`);
  return value;
}
