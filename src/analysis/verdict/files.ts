/** What differs between files, where a ratio of their times means anything. */
import { group } from 'd3-array';
import { integerText, withInterval } from '../../report/format.js';
import { max } from '../../statistics.js';
import type { Ratio } from '../ratios.js';
import { spreadText } from './spread.js';

/** At the largest length of each file. @param notes why files are not compared */
export function fileTexts(ratios: readonly Ratio[], phase: string, notes: readonly string[]): string[] {
  const sides = group(
    ratios.filter((one) => one.phase === phase),
    ({ side }) => side,
  );
  const compared = [...sides].map(([side, own]) => {
    const n = max(own.map((one) => one.n));
    const quantities = own.flatMap((one) =>
      one.n === n ? [{ name: one.model, value: one.ratio.value, text: withInterval(one.ratio) }] : [],
    );
    return `At n = ${integerText(n)} times of ${side} over those of ${own[0]?.reference} are ${spreadText(quantities)}; an interval that holds 1 is no difference.`;
  });
  return [...compared, ...notes];
}
