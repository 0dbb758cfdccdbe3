/**
 * Lengths that a run adds to those that were asked for, so that the floor fit can tell an exponent: longer ones, since a
 * short prompt runs other code (docs/method.md, B.2).
 */

import { MIN_LENGTHS } from '../../src/analysis/fits/fit.js';
import { MIN_LENGTHS_FOR_FLOOR, MIN_RANGE } from '../../src/analysis/fits/floor_exponent.js';
import { tokensText } from '../../src/report/format.js';

export interface AddedLengths {
  /** Ascending, all longer than those asked for. */
  readonly added: readonly number[];
  /** What to tell the user, or null. */
  readonly note: string | null;
}

const NONE: AddedLengths = { added: [], note: null };
/** Times the longest length that was asked for. */
const FACTORS = [2, 4];
/** A run with added lengths takes at most so many times as long as without. */
const MOST_OF_RUN = 2;

/**
 * The longer lengths with which there are enough for the floor fit, as many as the time allows. None where a scaling was
 * not asked for (fewer than 3 lengths), or longer ones could not help.
 * @param asked ascending
 * @param maxTimeMs of the run; 0 adds nothing
 * @param timeOf about how long a run of these lengths takes, in ms
 */
export function addLengths(
  asked: readonly number[],
  maxTimeMs: number,
  timeOf: (lengths: readonly number[]) => number,
): AddedLengths {
  const [shortest = 0, longest = 0] = [asked[0], asked.at(-1)];
  if (asked.length < MIN_LENGTHS || asked.length >= MIN_LENGTHS_FOR_FLOOR || maxTimeMs === 0) return NONE;
  const longer = FACTORS.map((factor) => factor * longest);
  const enough = longer
    .map((_, i) => longer.slice(0, i + 1))
    .filter((added) => asked.length + added.length >= MIN_LENGTHS_FOR_FLOOR)
    .filter((added) => (added.at(-1) as number) >= MIN_RANGE * shortest);
  const limit = Math.min(MOST_OF_RUN * timeOf(asked), maxTimeMs);
  const added = enough.findLast((some) => timeOf([...asked, ...some]) <= limit);
  if (added !== undefined) return { added, note: addedNote(asked, added) };
  return { added: [], note: enough.length === 0 ? null : noneNote(asked, enough[0] as number[]) };
}

function addedNote(asked: readonly number[], added: readonly number[]): string {
  return `${asked.length} lengths identify no exponent, so ${tokensText(added)} are measured too; --exact_lengths leaves them out`;
}

function noneNote(asked: readonly number[], added: readonly number[]): string {
  return `${asked.length} lengths identify no exponent, and ${tokensText(added)} more would more than double the run or pass --max_time: time against counted FLOPs (analyze-results) still tells whether time grows as the work does`;
}
