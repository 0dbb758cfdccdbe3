/** The limit of what calibrate and check-regressions measure. */
import { Option } from 'commander';
import { positiveNumber } from './command_line.js';

export function processTimeout(): Option {
  const text = 'seconds that compare-models may take for a process of all cells (default: 10 times its --cell_timeout)';
  return new Option('--process_timeout <s>', text).argParser(positiveNumber('--process_timeout'));
}
