/** The flags of export-onnx and what they are when not given. */
import { DEFAULTS as MEASURED } from '../compare_models/flags.js';

export interface ExportFlags {
  readonly model: readonly string[];
  readonly n: number;
  readonly n_tokens: number;
  readonly batch_size: number;
  readonly vocab_size: number;
  readonly hidden_dim: number;
  readonly num_layers: number;
  readonly num_heads: number;
  readonly ff_dim: number;
  readonly weights?: string;
  readonly seed: number;
  readonly output_dir: string;
}

const { batch_size, vocab_size, hidden_dim, num_layers, num_heads, ff_dim, seed } = MEASURED;

export const DEFAULTS = {
  ...{ n: 1024, n_tokens: 256, batch_size, vocab_size, hidden_dim, num_layers, num_heads, ff_dim, seed },
  output_dir: 'exported',
};
