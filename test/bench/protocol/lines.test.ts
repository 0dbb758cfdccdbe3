import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineSplitter, parseLine, toLine } from '../../../src/bench/protocol/lines.js';
import { replySchema } from '../../../src/bench/protocol/messages.js';
import { UserError } from '../../../src/errors.js';

test('what is cut into pieces anywhere comes out in the lines that it was', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (values, sizes) => {
      const split = lineSplitter('x');
      const lines: string[] = [];
      let text = values.map((value) => toLine({ value })).join('');
      while (text !== '') {
        const size = sizes.next().value as number;
        lines.push(...split(text.slice(0, size)));
        text = text.slice(size);
      }
      expect(lines.map((line) => JSON.parse(line).value)).toEqual(JSON.parse(JSON.stringify(values)));
    }),
    { seed: 1 },
  );
});

test('empty lines, and those of Windows, are no messages and part of none', () => {
  expect(lineSplitter('x')('\n{"a":1}\r\n\r\n \n{"b":')).toEqual(['{"a":1}\r']);
});

test('a line that does not end is refused at the limit', () => {
  const split = lineSplitter('torch', 8);
  expect(split('12345678')).toEqual([]);
  expect(() => split('9')).toThrow(new UserError('torch: a line must be at most 8 characters, got more'));
});

test('a line of many pieces is cut in time that grows with its length', () => {
  const split = lineSplitter('x');
  for (let i = 0; i < 200_000; i++) split('0123456789');
  expect(split('\n')[0]).toHaveLength(2_000_000);
});

test.each([
  ['no JSON', 'hello', 'torch: must say JSON, a message a line, got "hello"'],
  ['a long line', `${'y'.repeat(100)}`, `torch: must say JSON, a message a line, got "${'y'.repeat(60)}…"`],
  [
    'no time',
    '{"id":1,"type":"ran","ms":-3,"tokens":[1]}',
    'torch: "{\\"id\\":1,\\"type\\":\\"ran\\",\\"ms\\":-3,\\"tokens\\":[1]}": ms: must be at least 0, got -3',
  ],
])('%s is refused with who said it', (_, line, message) => {
  expect(() => parseLine(replySchema, line, 'torch')).toThrow(new UserError(message));
});

test('a reply may say more than is asked', () => {
  const reply = parseLine(replySchema, '{"id":1,"type":"ran","ms":3,"tokens":[1],"note":"?"}', 'torch');
  expect(reply).toEqual({ id: 1, type: 'ran', ms: 3, tokens: [1] });
});
