/** Where two models change places: the length at which their times are equal, if it lies in the measured range. */
import { type Interval, percentileInterval } from '../statistics.js';
import type { Replicates } from './bootstrap.js';

/** Which of two models is faster, and from which length on that changes. */
export type Crossover =
  | { readonly kind: 'none'; readonly faster: 'a' | 'b' }
  /** An end of ci is 0 or Infinity where it lies outside the measured lengths. */
  | { readonly kind: 'one'; readonly fasterAfter: 'a' | 'b'; readonly n: number; readonly ci: Interval | null }
  | { readonly kind: 'unclear'; readonly reason: string };

/** More resamples than this that tell another story make it unclear. */
const MAX_DISSENT = 0.05;

/**
 * Finds the cross-over of two curves on the lengths they share, between lengths by interpolation of log t over log n.
 * @example crossover(a, b) // { kind: 'one', fasterAfter: 'a', n: 1020, ci: [980, 1060] }
 */
export function crossover(a: Replicates, b: Replicates): Crossover {
  const common = a.points.flatMap(({ n }, i) => {
    const j = b.points.findIndex((point) => point.n === n);
    return j < 0 ? [] : [{ n, i, j }];
  });
  const lengths = common.map(({ n }) => n);
  const gapsOf = (ta: readonly number[], tb: readonly number[]): number[] =>
    common.map(({ i, j }) => Math.log((ta[i] as number) / (tb[j] as number)));
  const gaps = gapsOf(
    a.points.map(({ t }) => t),
    b.points.map(({ t }) => t),
  );
  const resampled = a.medians.slice(0, b.medians.length).map((ta, r) => gapsOf(ta, b.medians[r] as readonly number[]));
  return decide(lengths, gaps, resampled);
}

function decide(
  lengths: readonly number[],
  gaps: readonly number[],
  resampled: readonly (readonly number[])[],
): Crossover {
  const found = crossings(lengths, gaps);
  const dissent = (differs: (count: number) => boolean): boolean =>
    resampled.filter((one) => differs(crossings(lengths, one).length)).length > MAX_DISSENT * resampled.length;
  if (lengths.length === 0) return { kind: 'unclear', reason: 'no length in common' };
  if (found.length > 1) return { kind: 'unclear', reason: `the order changes ${found.length} times` };
  const [n] = found;
  const endsBelow = (gaps.at(-1) ?? 0) < 0;
  if (n === undefined) {
    if (dissent((count) => count > 0)) return { kind: 'unclear', reason: 'too close to tell' };
    return { kind: 'none', faster: endsBelow ? 'a' : 'b' };
  }
  if (dissent((count) => count > 1)) return { kind: 'unclear', reason: 'too close to tell' };
  const places = resampled.map((one) => {
    const sameAsEnd = (one.at(-1) ?? 0) < 0 === endsBelow;
    return crossings(lengths, one)[0] ?? (sameAsEnd ? 0 : Infinity);
  });
  const ci = places.length === 0 ? null : percentileInterval(places);
  return { kind: 'one', fasterAfter: endsBelow ? 'a' : 'b', n, ci };
}

/** Lengths at which the gap changes its sign. */
function crossings(lengths: readonly number[], gaps: readonly number[]): number[] {
  return gaps.slice(1).flatMap((after, i) => {
    const before = gaps[i] as number;
    if (before < 0 === after < 0) return [];
    const [low, high] = [Math.log(lengths[i] as number), Math.log(lengths[i + 1] as number)];
    return [Math.exp(low + ((high - low) * before) / (before - after))];
  });
}
