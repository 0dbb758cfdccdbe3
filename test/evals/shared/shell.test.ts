import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellLine } from '../../../evals/shared/shell.js';

test.skipIf(process.platform === 'win32')('a POSIX shell takes a line apart into the words that it was made of', () => {
  const character = fc.constantFrom(...`a'"\\ $\`*?~#&|;<>()[]{}!=-\n\tü`);
  const word = fc.string({ unit: character });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${shellLine(words, 'linux')}`], { encoding: 'utf8' });
      expect(printed.split('\0').slice(0, -1)).toEqual(words);
    }),
    { numRuns: 50 },
  );
});

test('words that need no quotes have none', () => {
  expect(shellLine(['node', '/a/b.js', '--resume', 'x-1.json'], 'linux')).toBe('node /a/b.js --resume x-1.json');
});

test('cmd gets double quotes', () => {
  expect(shellLine(['node', 'C:\\a.js', 'C:\\my results\\it’s.json'], 'win32')).toBe(
    'node C:\\a.js "C:\\my results\\it’s.json"',
  );
});
