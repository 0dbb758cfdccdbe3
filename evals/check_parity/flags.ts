/** The flags of `check-parity`. */
import type { BACKENDS } from '../compare_models/flags.js';
import type { EngineFlags } from '../shared/engines/engine_option.js';

/** Words of a flag that --engine has taken the place of, as BACKENDS are of another. */
export const MODES = ['eager', 'compiled'] as const;

export interface ParityFlags extends EngineFlags {
  readonly model: readonly string[];
  readonly backend?: (typeof BACKENDS)[number];
  readonly mode?: (typeof MODES)[number];
}
