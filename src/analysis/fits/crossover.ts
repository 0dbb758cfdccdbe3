/** Where two models change places: the length at which their times are equal, if it lies in the measured range. */
import { integerText } from '../../report/format.js';
import { type Interval, percentileInterval } from '../../statistics.js';
import type { Replicates } from './bootstrap.js';

/** Which of two models is faster, and from which length on that changes. */
export type Crossover =
  /** At every length that both were measured at; ties do not count. */
  | { readonly kind: 'none'; readonly faster: 'a' | 'b' }
  /** The same times at every length, in every process. */
  | { readonly kind: 'same' }
  /** An end of ci is 0 or Infinity where it lies outside the measured lengths. */
  | { readonly kind: 'one'; readonly fasterAfter: 'a' | 'b'; readonly n: number; readonly ci: Interval | null }
  /** One order at `n` and every longer length, and what it is before that cannot be told. */
  | { readonly kind: 'settled'; readonly fasterAfter: 'a' | 'b'; readonly n: number; readonly reason: string }
  | { readonly kind: 'unclear'; readonly reason: string };

/** t over n of each curve as fitted; null where the data do not tell it. */
export interface FittedPair {
  readonly a: ((n: number) => number) | null;
  readonly b: ((n: number) => number) | null;
}

/** More resamples than this that tell another story make it unclear. */
const MAX_DISSENT = 0.05;
/** Steps between two lengths at which fitted curves are compared. */
const FITTED_STEPS = 32;

/**
 * Finds the cross-over of two curves on the lengths they share, between lengths by interpolation of log t over log n.
 * Two crossings between neighbouring lengths leave no trace in the times: the fitted curves are asked for them.
 * @example crossover(a, b) // { kind: 'one', fasterAfter: 'a', n: 1020, ci: [980, 1060] }
 */
export function crossover(a: Replicates, b: Replicates, fitted: FittedPair = { a: null, b: null }): Crossover {
  const places = new Map(b.points.map(({ n }, j) => [n, j]));
  const common = a.points.flatMap(({ n }, i) => {
    const j = places.get(n);
    return j === undefined ? [] : [{ n, i, j }];
  });
  // A difference of logarithms changes its sign alone when the curves change places; that of a quotient may not.
  const gapsOf = (ta: readonly number[], tb: readonly number[]): number[] =>
    common.map(({ i, j }) => Math.log(ta[i] as number) - Math.log(tb[j] as number));
  const gaps = gapsOf(
    a.points.map(({ t }) => t),
    b.points.map(({ t }) => t),
  );
  const resampled = a.medians.slice(0, b.medians.length).map((ta, r) => gapsOf(ta, b.medians[r] as readonly number[]));
  const lengths = common.map(({ n }) => n);
  return hiddenCrossings(lengths, gaps, fitted) ?? decide(lengths, gaps, resampled);
}

/** `from n = 1,024 on`, or `at n = 4,096` alone: where an order is settled. @param lengths that were measured, ascending */
export const settledText = ({ n }: Extract<Crossover, { kind: 'settled' }>, lengths: readonly number[]): string =>
  n === lengths.at(-1) ? `at n = ${integerText(n)}` : `from n = ${integerText(n)} on`;

/** `1,028 [below 256, 1,204]`: where two models change places. @param lengths that were measured, ascending */
export function crossoverLength({ n, ci }: Extract<Crossover, { kind: 'one' }>, lengths: readonly number[]): string {
  const end = (at: number): string => {
    if (at === 0) return `below ${integerText(lengths[0] ?? 0)}`;
    return at === Infinity ? `above ${integerText(lengths.at(-1) ?? 0)}` : integerText(Math.round(at));
  };
  return end(n) + (ci === null ? '' : ` [${end(ci[0])}, ${end(ci[1])}]`);
}

function decide(
  lengths: readonly number[],
  gaps: readonly number[],
  resampled: readonly (readonly number[])[],
): Crossover {
  const found = crossings(lengths, gaps);
  const dissent = (differs: (one: readonly number[]) => boolean, most = MAX_DISSENT): boolean =>
    resampled.filter(differs).length > most * resampled.length;
  if (lengths.length === 0) return { kind: 'unclear', reason: 'no length in common' };
  if ([gaps, ...resampled].every((one) => lastSign(one) === 0)) return { kind: 'same' };
  const end = lastSign(gaps);
  const fasterAfter = end < 0 ? 'a' : 'b';
  /** The shortest length from which on hardly any resample has another order: half as many, since it could be either. */
  const unclear = (reason: string): Crossover => {
    const isOther = (gap: number): boolean => Math.sign(gap) !== end;
    const from = lengths.findIndex((_, i) => {
      const hasOther = (one: readonly number[]): boolean => one.slice(i).some(isOther);
      return resampled.length > 0 && !hasOther(gaps) && !dissent(hasOther, MAX_DISSENT / 2);
    });
    return from < 0
      ? { kind: 'unclear', reason }
      : { kind: 'settled', fasterAfter, n: lengths[from] as number, reason };
  };
  if (found.length > 1) return unclear(`the order changes ${found.length} times`);
  const [n] = found;
  if (n === undefined) {
    if (end === 0 || dissent((one) => crossings(lengths, one).length > 0 || lastSign(one) === -end))
      return unclear('too close to tell');
    return { kind: 'none', faster: fasterAfter };
  }
  if (dissent((one) => crossings(lengths, one).length > 1)) return unclear('too close to tell');
  const placeOf = (one: readonly number[]): number =>
    crossings(lengths, one)[0] ?? { [end]: 0, [-end]: Infinity }[lastSign(one)] ?? n;
  const ci = resampled.length === 0 ? null : percentileInterval(resampled.map(placeOf));
  return { kind: 'one', fasterAfter, n, ci };
}

/** Lengths at which the gap changes its sign. Equal times change no order: the sign before them counts on. */
function crossings(lengths: readonly number[], gaps: readonly number[]): number[] {
  const found: number[] = [];
  let before: number | null = null;
  for (const [after, gap] of gaps.entries()) {
    if (gap === 0) continue;
    if (before !== null && Math.sign(gaps[before] as number) !== Math.sign(gap)) {
      found.push(placeBetween(lengths, gaps, before, after));
    }
    before = after;
  }
  return found;
}

/** Where the gap is 0 between two lengths of opposite signs: by interpolation, or in the middle of the ties between. */
function placeBetween(lengths: readonly number[], gaps: readonly number[], before: number, after: number): number {
  const at = (i: number): number => Math.log(lengths[i] as number);
  if (after > before + 1) return Math.exp((at(before + 1) + at(after - 1)) / 2);
  const [from, to] = [gaps[before] as number, gaps[after] as number];
  return Math.exp(at(before) + ((at(after) - at(before)) * from) / (from - to));
}

/** The order at the largest length that has one; 0 where all times are equal. */
function lastSign(gaps: readonly number[]): number {
  return Math.sign(gaps.findLast((gap) => gap !== 0) ?? 0);
}

/** Neighbouring lengths between which the fitted curves cross and cross back, though the times at both show one order. */
function hiddenCrossings(lengths: readonly number[], gaps: readonly number[], { a, b }: FittedPair): Crossover | null {
  if (a === null || b === null) return null;
  for (const [i, high] of lengths.entries()) {
    const low = lengths[i - 1];
    if (low === undefined || Math.sign(gaps[i] as number) !== Math.sign(gaps[i - 1] as number)) continue;
    const between = Array.from({ length: FITTED_STEPS + 1 }, (_, k) => low * (high / low) ** (k / FITTED_STEPS));
    if (crossings(between, between.map((n) => Math.log(a(n)) - Math.log(b(n)))).length < 2) continue; // biome-ignore format: one thought
    return { kind: 'unclear', reason: `the fitted curves cross twice between n = ${low} and ${high}: measure there` };
  }
  return null;
}
