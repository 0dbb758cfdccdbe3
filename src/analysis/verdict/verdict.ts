/**
 * The verdict on a run, in sentences that need no table: who is the fastest, by how much and how sure, where the order
 * changes, how time grows and why that is to be believed or not, what the memory is, what the machine did meanwhile.
 */
import type { Analysis } from '../analysis.js';
import { fastestTexts } from './fastest.js';
import { growthTexts } from './growth.js';
import { memoryTexts } from './memory.js';
import { orderTexts } from './order.js';

/** What is said of one matter; at least one sentence. */
export interface Paragraph {
  /** The file, where several are shown side by side and this is about one. */
  readonly file?: string;
  readonly about: string;
  readonly sentences: readonly string[];
}

/** Matters on which the measurements say nothing are left out. */
export function verdictOf(analysis: Analysis): Paragraph[] {
  const all = [
    { about: 'Fastest', sentences: fastestTexts(analysis) },
    { about: 'Change of places', sentences: orderTexts(analysis) },
    { about: 'Growth', sentences: growthTexts(analysis) },
    { about: 'Memory', sentences: memoryTexts(analysis) },
    { about: 'Machine', sentences: analysis.measurements.machine },
  ];
  return all.filter(({ sentences }) => sentences.length > 0);
}

/** `Fastest: At n = 2,048 …`, of several files `monday: Fastest: …`: a paragraph as a line. */
export function paragraphText({ file, about, sentences }: Paragraph): string {
  return `${file === undefined ? '' : `${file}: `}${about}: ${sentences.join(' ')}`;
}
