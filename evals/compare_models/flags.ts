/** The flags of compare-models and what they are when not given. */
import type { OptionValues } from '../../src/models/options.js';
import { DEVICES, type Device } from '../../src/onnx_check.js';

/** Words of flags that --engines has taken the place of. */
export const BACKENDS = ['auto', 'tensorflow', 'wasm'] as const;
export const MODES = ['auto', 'eager', 'compiled', 'both'] as const;

export interface Flags {
  readonly models: readonly string[];
  /** Files of models of one's own. */
  readonly model: readonly string[];
  readonly vocab_size: number;
  readonly hidden_dim: number;
  readonly num_layers: number;
  readonly num_heads: number;
  readonly ff_dim: number;
  /** Of models, those that are given, by name. */
  readonly options: OptionValues;
  readonly seq_lengths: readonly string[];
  readonly exact_lengths?: true;
  readonly n_tokens: number;
  readonly batch_size: number;
  readonly runs?: number;
  readonly quick: boolean;
  readonly seed: number;
  readonly prompt?: string;
  readonly recompute: boolean;
  /** `auto` where none are given. */
  readonly engines?: readonly string[];
  readonly device: Device;
  readonly peer: readonly string[];
  readonly backend?: (typeof BACKENDS)[number];
  readonly mode?: (typeof MODES)[number];
  readonly threads: number;
  readonly output_dir: string;
  readonly output: string;
  readonly resume?: string;
  readonly export?: string;
  readonly analyze?: true;
  readonly report?: true;
  readonly precision: number;
  readonly max_time: number;
  readonly cell_timeout: number;
  readonly dry_run: boolean;
  readonly no_pin: boolean;
  readonly no_progress: boolean;
}

export const DEFAULTS = {
  models: ['BSBR', 'LinearTransformer', 'DeltaNet'],
  model: [] as readonly string[],
  vocab_size: 10000,
  hidden_dim: 256,
  num_layers: 2,
  num_heads: 4,
  ff_dim: 512,
  seq_lengths: ['128-4096*2'],
  n_tokens: 32,
  batch_size: 1,
  seed: 1,
  device: DEVICES[0],
  peer: [] as readonly string[],
  threads: 1,
  output_dir: 'results',
  output: 'comparison_results.json',
  precision: 2.5,
  max_time: 175,
  cell_timeout: 120,
};
