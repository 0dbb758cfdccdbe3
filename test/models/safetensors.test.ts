import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { formatSafeTensors, parseSafeTensors, type StoredTensor } from '../../src/models/safetensors.js';
import { fileOf } from '../support/golden_files.js';

const entry = (shape: readonly unknown[], begin: number, end: number, dtype = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
const parse = (header: string, dataBytes = 16) => parseSafeTensors(fileOf(header, new Uint8Array(dataBytes)), 'x');

/** A file whose header is said to take this many bytes. */
function withLength(length: bigint): Uint8Array {
  const bytes = fileOf('{}');
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

test.each([3n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
  'a header of %s bytes in a file of 10 is refused',
  (length) => {
    const message = `x: header must end within the file, got a length of ${length} in 10 bytes`;
    expect(() => parseSafeTensors(withLength(length), 'x')).toThrow(new UserError(message));
  },
);

test.each<readonly [what: string, header: string, message: string]>([
  ['an array', '[]', 'x: header must be a JSON object'],
  ['an empty object with data', '{}', 'x: tensors must cover all 16 bytes of data, got 0'],
  ['a hole before', `{"a":${entry([3], 4, 16)}}`, 'x: a must begin where the data before it ends, at 0, got 4'],
  [
    'a hole between',
    `{"a":${entry([1], 0, 4)},"b":${entry([2], 8, 16)}}`,
    'x: b must begin where the data before it ends, at 4, got 8',
  ],
  ['a hole after', `{"a":${entry([3], 0, 12)}}`, 'x: tensors must cover all 16 bytes of data, got 12'],
  [
    'an overlap',
    `{"a":${entry([3], 0, 12)},"b":${entry([2], 8, 16)}}`,
    'x: b must begin where the data before it ends, at 12, got 8',
  ],
  [
    'the same bytes twice',
    `{"a":${entry([4], 0, 16)},"b":${entry([4], 0, 16)}}`,
    'x: b must begin where the data before it ends, at 16, got 0',
  ],
  [
    'a name twice',
    `{"a":${entry([4], 0, 16)},"\\u0061":${entry([2, 2], 0, 16)}}`,
    'x: header: each name must be there once, got a twice',
  ],
  [
    'a shape that overflows',
    `{"a":${entry([2 ** 52, 2 ** 52, 2 ** 52], 0, 16)}}`,
    'x: a: data must be 3.6537540933272573e+47 bytes within the file, got 0..16 of 16',
  ],
  ['sizes below 0', `{"a":${entry([-2, -2], 0, 16)}}`, 'x: a: shape must be a list of sizes, got [-2,-2]'],
  ['a size that is no integer', `{"a":${entry([0.5, 8], 0, 16)}}`, 'x: a: shape must be a list of sizes, got [0.5,8]'],
  [
    'an end before the beginning',
    `{"a":${entry([1], 8, 4)}}`,
    'x: a: data must be 4 bytes within the file, got 8..4 of 16',
  ],
  ['an offset below 0', `{"a":${entry([1], -4, 0)}}`, 'x: a: data_offsets must be two sizes, got [-4,0]'],
  [
    'an end past the file',
    `{"a":${entry([2 ** 30], 0, 2 ** 32)}}`,
    'x: a: data must be 4294967296 bytes within the file, got 0..4294967296 of 16',
  ],
  ['another type', `{"a":${entry([2], 0, 16, 'F64')}}`, 'x: a: dtype must be F32 or I32, got "F64"'],
  ['an entry that is null', '{"a":null}', 'x: a: dtype must be F32 or I32, got undefined'],
  [
    'metadata that are no texts',
    `{"__metadata__":{"n":1},"a":${entry([4], 0, 16)}}`,
    'x: __metadata__ must be an object of texts, got {"n":1}',
  ],
  [
    'metadata that are a text',
    `{"__metadata__":"n","a":${entry([4], 0, 16)}}`,
    'x: __metadata__ must be an object of texts, got "n"',
  ],
])('%s is refused by name', (_, header, message) => {
  expect(() => parse(header)).toThrow(new UserError(message));
});

test('bytes that are no UTF-8 are refused', () => {
  const bytes = fileOf('{"a":1}');
  bytes[10] = 0xff;
  expect(() => parseSafeTensors(bytes, 'x')).toThrow(new UserError('x: header must be a JSON object'));
});

test('names of objects, names within names, and tensors without elements are data', () => {
  const header = `{"__proto__":${entry([1], 0, 4)},"constructor":${entry([0, 5], 4, 4)},"{\\"a\\":[":${entry([3], 4, 16, 'I32')}}`;
  const { tensors, metadata } = parse(header);
  expect([...tensors].map(([name, { shape, values }]) => [name, shape, values.length])).toEqual([
    ['__proto__', [1], 1],
    ['constructor', [0, 5], 0],
    ['{"a":[', [3], 3],
  ]);
  expect([...metadata]).toEqual([]);
});

const float = fc.array(fc.nat(3), { maxLength: 3 }).chain((shape) => {
  const size = shape.reduce((product, each) => product * each, 1);
  return fc
    .float32Array({ minLength: size, maxLength: size })
    .map((values) => ({ dtype: 'F32' as const, shape, values }));
});
const integer = fc
  .int32Array({ maxLength: 5 })
  .map((values) => ({ dtype: 'I32' as const, shape: [values.length], values }));
const name = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__metadata__');

test('what is written reads back exactly, from data that begin at a multiple of 8', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.oneof(float, integer))), (entries) => {
      const tensors = new Map<string, StoredTensor>(entries);
      const bytes = formatSafeTensors(tensors);
      expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
      expect(parseSafeTensors(bytes, 'x')).toEqual({ tensors, metadata: new Map() });
    }),
    { seed: 1 },
  );
});

test('the values of a part of a buffer are written, not the buffer', () => {
  const values = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  const { tensors } = parseSafeTensors(formatSafeTensors(new Map([['a', { dtype: 'F32', shape: [2], values }]])), 'x');
  expect(tensors.get('a')?.values).toEqual(Float32Array.of(2, 3));
});
