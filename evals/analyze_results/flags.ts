/** The flags of `analyze-results`. */
import type { Phase } from '../../src/results/words.js';

export interface Flags {
  readonly results_file: string;
  readonly output_dir: string;
  readonly reference?: string;
  readonly reference_engine?: string;
  readonly against?: string;
  readonly phase?: Phase;
  readonly svg?: true;
  readonly html?: true;
  readonly export?: string;
}
