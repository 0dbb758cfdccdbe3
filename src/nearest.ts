/** What someone probably meant. */
import { distance } from 'fastest-levenshtein';

/** The known word that is nearest to `word`, whatever the case: one that begins with it, else the one of the fewest edits. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  // A share of the longer word: counted as they are, edits favour short words.
  const unlikeness = (other: string): number =>
    distance(wanted, other.toLowerCase()) / Math.max(wanted.length, other.length);
  return (
    known.find((other) => other.toLowerCase().startsWith(wanted)) ??
    known.toSorted((a, b) => unlikeness(a) - unlikeness(b))[0]
  );
}
