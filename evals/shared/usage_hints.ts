/** What to write instead of a flag that a command does not take; loaded when there is one. */
import type { Command } from 'commander';
import { closest, distance } from 'fastest-levenshtein';

/** A flag this many letters away from the one that was written was meant. */
const FEW_LETTERS = 2;
/** A word as short as this begins too many others. */
const SHORT_WORD = 2;

/** @example `unknown flag --seq_len; did you mean --seq_lengths? (compare-models --help lists all)` */
export function unknownFlagText(flag: string, command: Command): string {
  const flags = command.options.flatMap(({ long }) => long ?? []);
  const related = flags.filter((one) => haveWordInCommon(flag, one));
  const near = related.length > 0 ? related : flags.filter((one) => distance(flag, one) <= FEW_LETTERS);
  const meant = near.length === 0 ? '' : `; did you mean ${closest(flag, near)}?`;
  return `unknown flag ${flag}${meant} (${command.name()} --help lists all)`;
}

/** `--heads` and `--num_heads`, `--seq_len` and `--seq_lengths`. */
function haveWordInCommon(a: string, b: string): boolean {
  const begins = (short: string, long: string): boolean => short.length > SHORT_WORD && long.startsWith(short);
  return wordsOf(a).some((one) => wordsOf(b).some((other) => begins(one, other) || begins(other, one)));
}

const wordsOf = (flag: string): string[] => flag.replace(/^-+/, '').split('_');
