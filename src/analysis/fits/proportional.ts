/** Time in proportion to a given growth, beside a floor of either kind: the floor fit with its exponent fixed at 1. */
import { max, mean, min } from '../../statistics.js';
import { FLOOR_KINDS, type FloorKind, LEAST_SHARE, SHARPNESS } from './floor_fit.js';
import { leastOn, softplus } from './numeric.js';

/** t = (floor^p + (scale · growth)^p)^(1/p), of the kind that fits better; p as in the floor fit. */
export interface ProportionalFit {
  readonly kind: FloorKind;
  readonly floor: number;
  readonly scale: number;
  /** Sum of squared errors of log t, and the largest of them. */
  readonly rss: number;
  readonly largestError: number;
}

const STEPS = 32;
/** The corner at which a floor is a rounding error of the smallest time. */
const NO_FLOOR = 30;

/**
 * Scales a known growth to the times.
 * @param growths one per time, not negative and not all 0, e.g. counted FLOPs
 */
export function fitProportional(
  growths: readonly number[],
  times: readonly number[],
  kinds: readonly FloorKind[] = FLOOR_KINDS,
): ProportionalFit {
  const fits = kinds.map((kind) => fitKind(growths.map(Math.log), times.map(Math.log), kind));
  return fits.reduce((best, fit) => (fit.rss < best.rss ? fit : best));
}

/** log t = base + log(1 + exp(corner + p · log(growth / largest))) / p: one search, over the corner. */
function fitKind(growths: readonly number[], times: readonly number[], kind: FloorKind): ProportionalFit {
  const p = SHARPNESS[kind];
  const top = max(growths);
  const bottom = min(growths.filter(Number.isFinite));
  const errorsAt = (corner: number): number[] => {
    const errors = times.map((t, i) => t - softplus(corner + p * ((growths[i] as number) - top)) / p);
    const base = mean(errors);
    return errors.map((error) => error - base);
  };
  const rssOf = (errors: readonly number[]): number => errors.reduce((sum, error) => sum + error ** 2, 0);
  const corner = leastOn((x) => rssOf(errorsAt(x)), Math.log(LEAST_SHARE), p * (top - bottom) + NO_FLOOR, STEPS);
  const errors = errorsAt(corner);
  const level = mean(times) - mean(growths.map((growth) => softplus(corner + p * (growth - top)) / p));
  return {
    kind,
    floor: Math.exp(level),
    scale: Math.exp(level + corner / p - top),
    rss: rssOf(errors),
    largestError: max(errors.map(Math.abs)),
  };
}

/** t of the fit where the growth has that value. */
export function proportionalAt({ kind, floor, scale }: ProportionalFit, growth: number): number {
  const [low, high] = [Math.min(floor, scale * growth), Math.max(floor, scale * growth)];
  return high * (1 + (low / high) ** SHARPNESS[kind]) ** (1 / SHARPNESS[kind]);
}
