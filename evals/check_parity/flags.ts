/** The flags of `check-parity`. */
import type { BACKENDS } from '../compare_models/flags.js';

export interface ParityFlags {
  readonly backend: (typeof BACKENDS)[number];
  readonly mode: 'eager' | 'compiled';
}
