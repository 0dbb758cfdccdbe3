import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../src/errors.js';
import { parseFixture } from '../src/models/fixture.js';
import {
  fileOf,
  GOLDEN_FILES,
  goldenBytes,
  SMALL_GOLDEN,
  storedOf,
  withConfig,
  withFirst,
  withHeader,
} from './golden_files.js';

test.each(GOLDEN_FILES)('%s has ids, logits and a configuration that fit', (file) => {
  const { ids, batch, tokens, logits, config } = parseFixture(goldenBytes(file), file);
  expect(ids.length).toBe(batch * tokens);
  expect(logits.length).toBe(batch * tokens * config.vocabSize);
  expect(config.hiddenDim % config.numHeads).toBe(0);
});

test.each<readonly [what: string, bytes: () => Uint8Array, message: RegExp]>([
  ['an empty file', () => new Uint8Array(), /must start with an 8-byte header length, got 0 bytes/],
  ['text', () => new TextEncoder().encode('this is no safetensors file'), /header must end within the file/],
  ['a header that is not JSON', () => fileOf('not json'), /header must be a JSON object/],
  ['a header that is null', () => fileOf('null'), /header must be a JSON object/],
  ['a safetensors file of something else', () => fileOf('{}'), /__metadata__ must hold a fixture/],
  ['a truncated file', () => goldenBytes(SMALL_GOLDEN).subarray(0, -4), /data must be \d+ bytes within the file/],
  ['a file without ids', () => withHeader((header) => delete header['input.ids']), /input\.ids is missing/],
  ['a file without logits', () => withHeader((header) => delete header['expected.logits']), /logits is missing/],
  [
    'a file with logits of another shape',
    () => withHeader((header) => storedOf(header, 'expected.logits').shape.reverse()),
    /expected\.logits must be \[1,5,19\], got \[19,5,1\]/,
  ],
  [
    'a tensor of another type',
    () => withHeader((header) => Object.assign(storedOf(header, 'norm.bias'), { dtype: 'F64' })),
    /norm\.bias: dtype must be F32 or I32, got F64/,
  ],
  ['a negative id', () => withFirst('input.ids', -1), /input\.ids must be in 0\.\.18/],
  ['an id past the vocabulary', () => withFirst('input.ids', 19), /input\.ids must be in 0\.\.18/],
  ['a model without heads', () => withConfig({ num_heads: 0 }), /config\.num_heads/],
  ['a fractional chunk', () => withConfig({ chunk_size: 1.5 }), /config\.chunk_size/],
  ['an unknown norm', () => withConfig({ retrieval_norm: 'l3' }), /config\.retrieval_norm/],
])('%s is refused by name', (_, bytes, message) => {
  const parse = () => parseFixture(bytes(), SMALL_GOLDEN);
  expect(parse).toThrow(UserError);
  expect(parse).toThrow(message);
  expect(parse).toThrow(SMALL_GOLDEN);
});

test('a file cut anywhere is refused by name', () => {
  const bytes = goldenBytes(SMALL_GOLDEN);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (length) => {
      expect(() => parseFixture(bytes.subarray(0, length), SMALL_GOLDEN)).toThrow(UserError);
    }),
    { seed: 1 },
  );
});

test('a header of any JSON is refused by name', () => {
  const stored = fc.record({
    dtype: fc.constantFrom('F32', 'I32', 'BF16'),
    shape: fc.jsonValue(),
    data_offsets: fc.jsonValue(),
  });
  const names = fc.constantFrom('__metadata__', 'input.ids', 'norm.bias');
  fc.assert(
    fc.property(fc.dictionary(names, fc.oneof(stored, fc.jsonValue())), (header) => {
      const bytes = fileOf(JSON.stringify(header), new Uint8Array(64));
      expect(() => parseFixture(bytes, SMALL_GOLDEN)).toThrow(UserError);
    }),
    { seed: 1, numRuns: 500 },
  );
});
