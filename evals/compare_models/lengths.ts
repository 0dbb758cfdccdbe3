/** Sequence lengths as a person writes them: `256 512 1024`, `256,512`, `256-8192*2`. */
import { check } from '../../src/errors.js';

export interface Lengths {
  /** Ascending, without repeats. */
  readonly lengths: readonly number[];
  /** What was changed to get there, or null. */
  readonly note: string | null;
}

const FLAG = '--seq_lengths';
/** More are a slip of the pen. */
const MAX_LENGTHS = 1000;

/** @throws UserError naming the value that is no length */
export function parseLengths(words: readonly string[]): Lengths {
  const given = words.flatMap((word) => word.split(',')).flatMap(parseWord);
  check(given.length <= MAX_LENGTHS, `${FLAG}: must be at most ${MAX_LENGTHS} lengths, got ${words.join(' ')}`);
  const lengths = [...new Set(given)].sort((a, b) => a - b);
  const same = lengths.length === given.length && lengths.every((length, i) => length === given[i]);
  return { lengths, note: same ? null : `${FLAG}: sorted, repeats left out: ${lengths.join(' ')}` };
}

function parseWord(word: string): number[] {
  const range = /^(\d+)-(\d+)\*(\d+(?:\.\d+)?)$/.exec(word);
  if (range === null) {
    const value = /^[+-]?\d+(\.\d+)?$/.test(word) ? Number(word) : Number.NaN;
    const rule = 'must be whole numbers of at least 1 or ranges such as 256-8192*2';
    check(
      Number.isSafeInteger(value) && value >= 1,
      `${FLAG}: ${rule}, got ${word.trim() === '' ? `'${word}'` : word}`,
    );
    return [value];
  }
  const [first, last, factor] = range.slice(1).map(Number) as [number, number, number];
  check(first >= 1 && last >= first, `${FLAG}: a range must ascend from at least 1, got ${word}`);
  check(Number.isSafeInteger(last), `${FLAG}: a range must end below 2^53, got ${word}`);
  check(factor > 1, `${FLAG}: a range must grow by a factor above 1, got ${word}`);
  const lengths: number[] = [];
  for (let length = first; length <= last && lengths.length <= MAX_LENGTHS; ) {
    lengths.push(length);
    length = Math.max(Math.round(length * factor), length + 1);
  }
  return lengths;
}
