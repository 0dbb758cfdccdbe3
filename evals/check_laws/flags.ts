/** The flags of `check-laws`. */
import type { EngineFlags } from '../shared/engines/engine_option.js';

export interface LawFlags extends EngineFlags {
  readonly new?: string;
  /** Seconds. */
  readonly timeout: number;
}
