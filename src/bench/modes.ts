/** How the models' tensor functions are run in each mode. */
import type { TransformerOptions } from '../models/transformer.js';
import type { Mode } from '../results.js';
import type { Clock } from './sampling.js';

export interface Runners {
  readonly options: Record<Mode, TransformerOptions>;
  /** Time spent building graphs so far. */
  compileMs(): number;
}

export function createRunners(_now: Clock): Runners {
  return { options: { eager: {}, compiled: {} }, compileMs: () => 0 };
}
