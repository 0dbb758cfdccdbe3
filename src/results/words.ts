/** Names of the results file without zod: `--help` and bad flags answer at once. */

export const SCHEMA_VERSION = 2;

/** prefill: n tokens in parallel. decode: one token at depth n. generate: prefill of n, then n_tokens steps. recompute: the whole sequence again for each of n_tokens. */
export const PHASES = ['prefill', 'decode', 'generate', 'recompute'] as const;
export type Phase = (typeof PHASES)[number];
