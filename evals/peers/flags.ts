/** The flags of `npm run peers`. */
import type { Flags } from '../compare_models/flags.js';

export interface PeersFlags
  extends Pick<
    Flags,
    | 'models'
    | 'vocab_size'
    | 'hidden_dim'
    | 'num_layers'
    | 'num_heads'
    | 'ff_dim'
    | 'chunk_size'
    | 'compression_factor'
    | 'seq_lengths'
    | 'n_tokens'
    | 'seed'
    | 'cell_timeout'
    | 'output_dir'
  > {
  readonly rounds: number;
  readonly peer_modes: readonly ('eager' | 'compile')[];
  readonly peer_timeout: number;
}
