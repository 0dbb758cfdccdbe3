/** Lines of text that fit into a width, in columns of the terminal. */
import stringWidth from 'string-width';

const GLUE = '\u00a0';
/** Spaces between a number and its unit, and beside a sign: what stands around them is read together. */
const TOGETHER = /(?<=\d) (?=(?:[nµm]?s|h|%|[KMG]?i?B)(?![^\s,;)]))|(?<=[±≥≤<=]) | (?==)| (?=\*$)/g;

/** What stays on one line: words, numbers with their units, intervals. */
function wordsOf(text: string): string[] {
  const intervals = text.replace(/\[[^\]]*\]/g, (interval) => interval.replaceAll(' ', GLUE));
  return intervals
    .replace(TOGETHER, GLUE)
    .split(' ')
    .map((word) => word.replaceAll(GLUE, ' '));
}

/** Columns of the longest word. */
export function longestWord(text: string): number {
  return wordsOf(text).reduce((longest, word) => Math.max(longest, stringWidth(word)), 0);
}

/** The text in lines of at most `width` columns, broken between words; a longer word is broken anywhere. */
export function wrap(text: string, width = Number.POSITIVE_INFINITY): string {
  if (stringWidth(text) <= width) return text;
  const words = wordsOf(text).flatMap((word) => (stringWidth(word) <= width ? word : word.split(' ')));
  return wrapParts(words, ' ', width).join('\n');
}

/** Parts in lines of at most `width` columns, with a separator between those on one line. */
export function wrapParts(parts: readonly string[], separator: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of parts.flatMap((each) => pieces(each, width))) {
    const last = lines.at(-1);
    const together = last === undefined ? '' : last + separator + part;
    if (last !== undefined && stringWidth(together) <= width) lines[lines.length - 1] = together;
    else lines.push(part);
  }
  return lines;
}

/** The text, or what of it fits into a width, and so on. */
function pieces(text: string, width: number): string[] {
  if (stringWidth(text) <= width) return [text];
  const fitting = [''];
  let columns = 0; // of the last; counted on, since a name may be very long
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const own = stringWidth(segment);
    const isFull = columns + own > width;
    if (isFull) fitting.push('');
    fitting[fitting.length - 1] += segment;
    columns = isFull ? own : columns + own;
  }
  return fitting;
}
