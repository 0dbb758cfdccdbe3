/** Messages as JSON lines: UTF-8, one message a line. */
import type { z } from 'zod';
import { check, checkSchema } from '../../errors.js';

/** Room for a prompt of millions of tokens. A program that never ends its line is stopped before it fills the memory. */
const MAX_LINE_CHARACTERS = 2 ** 26;
const SHOWN_CHARACTERS = 60;

export const toLine = (message: object): string => `${JSON.stringify(message)}\n`;

/**
 * Cuts text that comes in pieces: each call returns the lines that its piece ends, without the empty ones.
 * @param who says the lines, for errors; @throws UserError for a line that is too long
 */
export function lineSplitter(who: string, maxCharacters = MAX_LINE_CHARACTERS): (piece: string) => string[] {
  let begun = '';
  return (piece) => {
    // The text so far is searched, and made one, no sooner than a line ends.
    const lines = piece.includes('\n') ? (begun + piece).split('\n') : [begun + piece];
    begun = lines.pop() ?? '';
    check(begun.length <= maxCharacters, `${who}: a line must be at most ${maxCharacters} characters, got more`);
    return lines.filter((line) => line.trim() !== '');
  };
}

/** The message in a line. @throws UserError saying who said it and what is wrong with it */
export function parseLine<T>(schema: z.ZodType<T>, line: string, who: string): T {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    check(false, `${who}: must say JSON, a message a line, got ${brief(line)}`);
  }
  return checkSchema(schema, message, `${who}: ${brief(line)}`);
}

const brief = (line: string): string =>
  JSON.stringify(line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line);
