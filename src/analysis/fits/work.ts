/**
 * Is time in proportion to work? t over the counted FLOPs F, t = a + b·F^c or its overlapped kind: c against 1. It needs
 * fewer lengths than the growth over n, since F has the curve of the model in it (docs/method.md, B.4).
 */
import type { Estimate } from '../../report/format.js';
import type { Replicates } from './bootstrap.js';
import { MIN_LENGTHS } from './fit.js';
import { type FloorExponent, floorExponent } from './floor_exponent.js';

/** The exponent of time over counted FLOPs. */
export interface WorkExponent extends Estimate {
  /** Its points have FLOPs in the place of n. */
  readonly floor: FloorExponent;
  /** Whether c may be 1; null where the data cannot tell. */
  readonly proportional: boolean | null;
}

/** An interval wider than this says nothing about 1. */
const MAX_WIDTH = 1;
/** Work that grows by less than this shows no growth of time. */
const LEAST_GROWTH = 2;

/**
 * Fits time over work.
 * @param own ascending n
 * @param flops one per point; null or 0 where they were not counted
 * @returns null with fewer than 3 counted points, or where the work does not grow from each to the next
 */
export function workExponent(own: Replicates, flops: readonly (number | null)[]): WorkExponent | null {
  const counted = flops.flatMap((f, i) => (f === null || f === 0 ? [] : [{ f, i }]));
  const [first, last] = [counted[0]?.f ?? 0, counted.at(-1)?.f ?? 0];
  const rising = counted.every(({ f }, k) => k === 0 || f > (counted[k - 1]?.f ?? 0));
  if (counted.length < MIN_LENGTHS || !rising || last < LEAST_GROWTH * first) return null;
  const times = counted.map(({ i }) => own.times[i] as number);
  const floor = floorExponent({
    fewest: own.fewest,
    times,
    points: counted.map(({ f }, k) => ({ n: f, t: times[k] as number })),
    medians: own.medians.map((times) => counted.map(({ i }) => times[i] as number)),
  });
  const { value, ci } = floor;
  const vague = ci === null || floor.misfit !== null || ci[1] - ci[0] > MAX_WIDTH;
  return { value, ci, floor, proportional: vague ? null : ci[0] <= 1 && 1 <= ci[1] };
}
