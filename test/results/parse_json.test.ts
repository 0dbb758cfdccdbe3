import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson } from '../../src/results/json.js';

test('what is JSON is read as JSON, whatever words its strings hold', () => {
  const word = fc.constantFrom('NaN', '-Infinity', '"NaN"', '\\', '\\"Infinity', ': NaN,');
  const tree = fc.jsonValue({ stringUnit: fc.oneof(word, fc.string()) as fc.Arbitrary<string> });
  fc.assert(
    fc.property(tree, (value) => {
      const text = JSON.stringify(value);
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

test("Python's words for numbers are read as such", () => {
  expect(parseJson('{"NaN": [NaN, Infinity, -Infinity, "NaN", "a \\" NaN"]}')).toEqual({
    NaN: [Number.NaN, Infinity, -Infinity, 'NaN', 'a " NaN'],
  });
});

test.each(['hello', 'NaNo', '{"a": NaN', '[1 NaN]', '-NaN', "['NaN']"])('%s is not JSON', (text) => {
  expect(() => parseJson(text)).toThrow(SyntaxError);
});
