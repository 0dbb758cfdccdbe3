/** What decides between shapes, and against all of them: their residuals, held against what processes differ by. */
import { chiSquared99, mean } from '../../statistics.js';
import type { Replicates } from './bootstrap.js';

/** How far the medians of a curve may lie from the truth. */
export interface Evidence {
  readonly lengths: number;
  /** Variance of the logarithm of a median; null with too few processes, or where they agree to the last digit. */
  readonly noise: number | null;
}

/** A shape whose criterion is worse than the best by more than this is excluded. */
export const PLAUSIBLE_DELTA = 4;
/** Relative errors below this are rounding, not evidence. */
const LEAST_RELATIVE_ERROR = 1e-6;

/**
 * The noise of a curve: about what a process does to all lengths alike, which no shape sees, averaged over the lengths.
 * It comes out too large (1.3 to 1.7 times with 5 processes), as a bootstrap of so few does: the tests err to leniency.
 */
export function evidenceOf({ points, medians, fewest }: Replicates): Evidence {
  const logs = points.map(({ t }) => Math.log(t));
  const variances = medians.map((times) => {
    const off = times.map((t, i) => Math.log(t) - (logs[i] as number));
    const shift = mean(off);
    return off.reduce((sum, one) => sum + (one - shift) ** 2, 0) / (off.length - 1);
  });
  const noise = variances.length === 0 ? 0 : (mean(variances) * fewest) / (fewest - 1);
  return { lengths: points.length, noise: noise < LEAST_RELATIVE_ERROR ** 2 ? null : noise };
}

/**
 * Akaike's criterion, less is better: with the noise known where processes tell it, else for small samples.
 * @param rss sum of squared relative errors
 * @param parameters of the shape
 */
export function criterion({ noise, lengths }: Evidence, rss: number, parameters: number): number {
  if (noise !== null) return rss / noise + 2 * parameters;
  const all = parameters + 1; // the noise is one more
  const variance = Math.max(rss / lengths, LEAST_RELATIVE_ERROR ** 2);
  return lengths * Math.log(variance) + 2 * all + (2 * all * (all + 1)) / Math.max(1, lengths - all - 1);
}

/**
 * Lack of fit: the residual variance over that of the medians, where it is more than noise allows in one of a hundred
 * cases; null where it is not, or where processes do not tell the noise.
 */
export function lackOfFit({ noise, lengths }: Evidence, rss: number, parameters: number): number | null {
  const freedom = lengths - parameters;
  if (noise === null || freedom < 1 || rss / noise <= chiSquared99(freedom)) return null;
  return rss / noise / freedom;
}
