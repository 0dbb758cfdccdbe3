import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseLengths } from '../../../evals/compare_models/lengths.js';
import { UserError } from '../../../src/errors.js';

const length = fc.integer({ min: 1, max: 2 ** 40 });

test.each([
  [
    ['256', '512', '1024'],
    [256, 512, 1024],
  ],
  [['256,512'], [256, 512]],
  [['256-8192*2'], [256, 512, 1024, 2048, 4096, 8192]],
  [['4096-1048576*4'], [4096, 16384, 65536, 262144, 1048576]],
  [
    ['100-1000*2', '2000'],
    [100, 200, 400, 800, 2000],
  ],
  [['1-4*1.1'], [1, 2, 3, 4]],
  [['7-7*2'], [7]],
  [['512.0'], [512]],
])('%j are the lengths %j', (words, lengths) => {
  expect(parseLengths(words)).toEqual({ lengths, note: null });
});

test.each([[['512', '256']], [['256', '512', '256']], [['256', '128-256*2']]])(
  '%j are sorted, without repeats, and it is said',
  (words) => {
    const { lengths, note } = parseLengths(words);
    expect(note).toBe(`--seq_lengths: sorted, repeats left out: ${lengths.join(' ')}`);
    expect(lengths).toEqual([...new Set(lengths)].sort((a, b) => a - b));
  },
);

test('any whole numbers are sorted, without repeats, and noted only when that changed them', () => {
  fc.assert(
    fc.property(fc.array(length, { minLength: 1, maxLength: 20 }), (given) => {
      const { lengths, note } = parseLengths(given.map(String));
      expect(lengths).toEqual([...new Set(given)].sort((a, b) => a - b));
      expect(note === null).toBe(`${lengths}` === `${given}`);
    }),
  );
});

test('a range ascends from its first length, by its factor, to its last length at most', () => {
  const factor = fc.double({ min: 1.1, max: 10, noNaN: true }).map((x) => x.toFixed(2));
  fc.assert(
    fc.property(length, length, factor, (a, b, by) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      const { lengths } = parseLengths([`${first}-${last}*${by}`]);
      expect(lengths[0]).toBe(first);
      expect(lengths.at(-1)).toBeLessThanOrEqual(last);
      expect((lengths.at(-1) as number) * Number(by) + 1).toBeGreaterThan(last);
      lengths.slice(1).forEach((n, i) => {
        const previous = lengths[i] as number;
        expect(n).toBe(Math.max(previous + 1, Math.round(previous * Number(by))));
      });
    }),
  );
});

test.each([
  '0',
  '-5',
  '1.5',
  '1e3',
  'x',
  '',
  ' ',
  '256,,512',
  '5-',
  '10-5*2',
  '0-8*2',
  '8-64*1',
  '8-64*0.5',
  '8-64',
  '1-9007199254740993*2',
  '1-100000*1.0001',
])('%j is no length, and the message names flag and value', (word) => {
  expect(() => parseLengths(['64', word])).toThrow(UserError);
  expect(() => parseLengths(['64', word])).toThrow(/^--seq_lengths: .* got /);
  const value = word === '256,,512' ? "''" : word.trim() === '' ? `'${word}'` : word;
  expect(() => parseLengths(['64', word])).toThrow(value);
});
