import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseFixture } from '../../../src/bench/measure/fixture.js';
import { UserError } from '../../../src/errors.js';
import {
  fileOf,
  GOLDEN_FILES,
  goldenBytes,
  SMALL_GOLDEN,
  storedOf,
  withConfig,
  withFirst,
  withHeader,
  withName,
} from '../../support/golden_files.js';

test.each(GOLDEN_FILES)('%s has ids, logits and a configuration that fit', (file) => {
  const { ids, batch, tokens, logits, shape } = parseFixture(goldenBytes(file), file);
  expect(ids.length).toBe(batch * tokens);
  expect(logits.length).toBe(batch * tokens * shape.vocabSize);
  expect(shape.hiddenDim % shape.numHeads).toBe(0);
});

test.each<readonly [what: string, bytes: () => Uint8Array, message: RegExp]>([
  ['an empty file', () => new Uint8Array(), /must start with an 8-byte header length, got 0 bytes/],
  ['text', () => new TextEncoder().encode('this is no safetensors file'), /header must end within the file/],
  ['a header that is not JSON', () => fileOf('not json'), /header must be a JSON object/],
  ['a header that is null', () => fileOf('null'), /header must be a JSON object/],
  ['a safetensors file of something else', () => fileOf('{}'), /__metadata__ must hold a fixture/],
  ['a truncated file', () => goldenBytes(SMALL_GOLDEN).subarray(0, -4), /data must be \d+ bytes within the file/],
  ['a file without ids', () => withName('input.ids', 'input.id'), /input\.ids is missing/],
  ['a file without logits', () => withName('expected.logits', 'logits'), /logits is missing/],
  [
    'a file with logits of another shape',
    () => withHeader((header) => storedOf(header, 'expected.logits').shape.reverse()),
    /expected\.logits must be \[1,5,19\], got \[19,5,1\]/,
  ],
  [
    'a tensor of another type',
    () => withHeader((header) => Object.assign(storedOf(header, 'norm.bias'), { dtype: 'F64' })),
    /norm\.bias: dtype must be F32 or I32, got "F64"/,
  ],
  ['a negative id', () => withFirst('input.ids', -1), /input\.ids must be in 0\.\.18/],
  ['an id past the vocabulary', () => withFirst('input.ids', 19), /input\.ids must be in 0\.\.18/],
  ['a model without heads', () => withConfig({ num_heads: 0 }), /config\.num_heads/],
  ['an option that is no value', () => withConfig({ chunk_size: [8] }), /config\.chunk_size/],
  [
    'a width its weights do not have',
    () => withConfig({ hidden_dim: 1e8 }),
    /embedding\.weight must be \[19,100000000\]/,
  ],
  [
    'a vocabulary its weights do not have',
    () => withConfig({ vocab_size: 2 ** 40 }),
    /expected\.logits must be \[1,5,1099511627776\], got \[1,5,19\]/,
  ],
  [
    'a feed-forward its weights do not have',
    () => withConfig({ ff_dim: 1e9 }),
    /layers\.0\.ff\.in\.bias must be \[1000000000/,
  ],
  ['layers it does not have', () => withConfig({ num_layers: 1e9 }), /layers\.999999999\.ff\.in\.bias is missing/],
  [
    'a chunk that outgrows it',
    () => withConfig({ chunk_size: 1e9 }),
    /config\.chunk_size: must be at most \d+ in a file of/,
  ],
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

/** Numbers and words that a header may lie with. */
const LIES = [
  -1,
  0,
  1,
  0.5,
  7,
  1e8,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  1e300,
  '1',
  'F32',
  'I32',
  'F64',
  null,
  true,
  [],
  {},
  [1e5, 1e5],
  [-4, 4],
];

test('a golden file of which the header lies anywhere is refused in one line, or read as what it is', () => {
  const header = JSON.parse(new TextDecoder().decode(headerOf(goldenBytes(SMALL_GOLDEN))));
  const config = Object.keys(JSON.parse(header.__metadata__.fixture).config);
  const fields = fc.constantFrom(
    'dtype',
    'shape',
    'data_offsets',
    'shape.0',
    'shape.1',
    'data_offsets.0',
    'data_offsets.1',
  );
  const lie = fc.oneof(
    fc.record({ tensor: fc.constantFrom(...Object.keys(header)), field: fields, value: fc.constantFrom(...LIES) }),
    fc.record({ config: fc.constantFrom(...config), value: fc.constantFrom(...LIES) }),
    fc.record({
      from: fc.constantFrom(...Object.keys(header)),
      to: fc.constantFrom('__proto__', 'constructor', '', 'norm.bias'),
    }),
  );
  fc.assert(
    fc.property(fc.array(lie, { minLength: 1, maxLength: 3 }), (lies) => {
      const bytes = lies.reduce((file, each) => withLie(file, each), goldenBytes(SMALL_GOLDEN));
      const message = parseError(bytes);
      expect(message).not.toContain('\n');
      if (message !== '') expect(message).toMatch(new RegExp(`^${SMALL_GOLDEN}: `));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('a golden file of which bytes of the header are others is refused in one line, or read', () => {
  const size = headerOf(goldenBytes(SMALL_GOLDEN)).length + 8;
  const change = fc.tuple(fc.nat(size - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = goldenBytes(SMALL_GOLDEN);
      for (const [at, value] of changes) bytes[at] = value;
      expect(parseError(bytes)).not.toContain('\n');
    }),
    { seed: 1, numRuns: 1000 },
  );
});

type Lie =
  | { readonly tensor: string; readonly field: string; readonly value: unknown }
  | { readonly config: string; readonly value: unknown }
  | { readonly from: string; readonly to: string };

/** The file with one lie in its header. */
function withLie(file: Uint8Array, lie: Lie): Uint8Array {
  const header: Record<string, Record<string, unknown>> = JSON.parse(new TextDecoder().decode(headerOf(file)));
  if ('tensor' in lie) {
    const [field = '', index] = lie.field.split('.');
    const entry = header[lie.tensor];
    const list = entry?.[field];
    if (index === undefined && entry) entry[field] = lie.value;
    else if (Array.isArray(list)) list[Number(index)] = lie.value;
  } else if ('config' in lie) {
    const fixture = JSON.parse(`${header['__metadata__']?.['fixture'] ?? '{"config":{}}'}`);
    fixture.config[lie.config] = lie.value;
    Object.assign(header, { __metadata__: { fixture: JSON.stringify(fixture) } });
  }
  const text = JSON.stringify(header);
  const renamed = 'from' in lie ? text.replace(JSON.stringify(lie.from), JSON.stringify(lie.to)) : text;
  return fileOf(renamed, file.subarray(8 + headerOf(file).length));
}

/** The message of the UserError, or nothing where the file is read. */
function parseError(bytes: Uint8Array): string {
  try {
    parseFixture(bytes, SMALL_GOLDEN);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
}

const headerOf = (file: Uint8Array): Uint8Array =>
  file.subarray(8, 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true)));
