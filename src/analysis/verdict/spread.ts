/** One quantity of several models in a phrase. */
import { group } from 'd3-array';
import { MOST_NAMED, namesText } from '../../report/sentences.js';

export interface Quantity {
  readonly name: string;
  readonly value: number;
  readonly text: string;
}

/** `33.0 KiB (A and B) and 288 KiB (C)`, ascending; of many models the ends: `33.0 KiB (A, the least) to 288 KiB (C, the most)`. */
export function spreadText(quantities: readonly Quantity[]): string {
  const sorted = quantities.toSorted((a, b) => a.value - b.value);
  const alike = group(sorted, ({ text }) => text);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) return '';
  if (alike.size === 1 && sorted.length > 1) return `${least.text} for all`;
  if (sorted.length > MOST_NAMED)
    return `${least.text} (${least.name}, the least) to ${most.text} (${most.name}, the most)`;
  return namesText([...alike].map(([text, those]) => `${text} (${namesText(those.map(({ name }) => name))})`));
}
