/** Measuring again by running compare-models in fresh processes: of one checkout, or of two in turns. */
import { UserError } from '../../errors.js';
import { type Random, shuffled } from '../../random.js';
import type { Results } from '../../results/schema.js';
import type { Measured } from './gate.js';

/** Runs a checkout's compare-models until `runs` processes are in `file`, and reads it. */
export type RunCompareModels = (
  checkout: string,
  flags: readonly string[],
  file: string,
  runs: number,
) => Promise<Results>;

/** Measures two checkouts in turns, a process each, the order of every pair thrown by `rng`, so that drift meets both alike. */
export async function measureInTurns(
  checkouts: { readonly base: string; readonly new: string },
  files: { readonly base: string; readonly new: string },
  flags: readonly string[],
  runs: number,
  rng: Random,
  compareModels: RunCompareModels,
): Promise<Measured & { readonly base: Results }> {
  const latest: Partial<Record<'base' | 'new', Results>> = {};
  for (let run = 1; run <= runs; run++) {
    for (const side of shuffled(['base', 'new'] as const, rng)) {
      latest[side] = await compareModels(checkouts[side], flags, files[side], run);
    }
  }
  const { base, new: next } = latest;
  if (base === undefined || next === undefined) {
    throw new UserError(`measuring in turns: must be at least one process a side, got ${runs}`);
  }
  return { base, new: next };
}
