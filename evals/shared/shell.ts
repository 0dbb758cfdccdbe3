/** Commands that are printed to be pasted. */

/** Words as a line that the shell takes apart into the same words: a POSIX shell, or cmd on Windows. */
export const shellLine = (words: readonly string[], platform = process.platform): string =>
  words.map(platform === 'win32' ? cmdWord : posixWord).join(' ');

const posixWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** A Windows path holds no quote. */
const cmdWord = (word: string): string => (/^[\w@+=:./\\-]+$/.test(word) ? word : `"${word}"`);
