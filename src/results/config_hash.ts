/** What makes two cells of the same name the same work: not how many were measured, how often, or with which speed setting. */
import { createHash } from 'node:crypto';
import type { RunConfig } from './schema.js';

/** @param changesResults whether an option of models does: else it changes their speed alone */
export function configHash(config: RunConfig, changesResults: (option: string) => boolean): string {
  const { vocab_size, hidden_dim, num_layers, num_heads, ff_dim, n_tokens, batch_size, prompt } = config;
  const shape = { vocab_size, hidden_dim, num_layers, num_heads, ff_dim, n_tokens, batch_size, prompt };
  const options = Object.entries(config.options).filter(([name]) => changesResults(name));
  const work = JSON.stringify({ ...shape, options: Object.fromEntries(options.sort()) });
  return createHash('sha256').update(work).digest('hex').slice(0, 16);
}
