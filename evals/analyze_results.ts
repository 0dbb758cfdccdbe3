/** `analyze-results`: tables and pictures of a results file. */
import { Option } from 'commander';
import { PHASES } from '../src/results/words.js';
import type { Flags } from './analyze_results/flags.js';
import { createCommand, oneOf, runCommand, type Streams } from './shared/command_line.js';

const EXAMPLES = `
  analyze-results                                       the last run of compare-models
  analyze-results --results_file times.csv              any table: model,n,time_ms,run
  analyze-results monday.json tuesday.json              side by side
  analyze-results --phase decode --reference Softmax    one token at depth n, as ratios to Softmax
  analyze-results --against Softmax                     from which n each model is faster, by how much at 16,384`;

/** @param argv without node and script */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = createCommand('analyze-results', 'Tables and pictures of how cost grows with length.', streams)
    .usage('[options] [FILES]')
    .argument('[files...]', 'results files to show side by side, instead of --results_file')
    .option(
      '--results_file <file>',
      "compare-models', the original study's, or a .csv with columns model,n,time_ms,run",
      'results/comparison_results.json',
    )
    .option('--output_dir <dir>', 'where the pictures go', 'results')
    .option('--reference <model>', 'whose time is 1 in slowdowns (default: the fastest at the largest length)')
    .option('--reference_engine <id>', "whose time is 1 in the table of engines (default: the file's first)")
    .option(
      '--against <model>',
      'say of each model from which n it is faster than this one, per phase, and by how much',
    )
    .addOption(word('phase', '<phase>', PHASES, 'what to analyze (default: generate)'))
    .addHelpText('after', EXAMPLES)
    .option('--html', 'write a report to hand on: report.html, one file with everything in it')
    .option('--svg', 'write each picture as SVG too')
    .option('--export <formats>', 'write the tables as analysis.* too: md, csv, tex; several with commas');
  return runCommand<Flags>(command, argv, streams, async (flags, files, safe) => {
    const { analyzeResults } = await import('./analyze_results/run.js');
    return analyzeResults(flags, files, safe);
  });
}

function word(flag: string, value: string, words: readonly string[], text: string): Option {
  return new Option(`--${flag} ${value}`, `${text}: ${words.join(', ')}`).argParser(oneOf(`--${flag}`, words));
}
