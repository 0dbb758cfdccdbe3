import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { resultsSchema } from '../../src/results/schema.js';
import { makeResults } from '../support/make_results.js';

const schema = z.toJSONSchema(resultsSchema);
// the pattern beside each `format` says the same, and ajv knows no formats of its own
const accepts = new Ajv2020({ validateFormats: false }).compile(schema);
const results = () => makeResults({ BSBR: { 128: [1, 2, 3, 4, 5], 256: [2, 3, 4, 5, 6] } });
type Results = ReturnType<typeof results>;

/** After a change of src/results/schema.ts: `npx vitest run results/schema -u`. */
test('the JSON Schema of the package is that of the code', async () => {
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../../src/results/results.schema.json');
});

test('a validator of JSON Schema accepts a results file', () => {
  expect(accepts(JSON.parse(JSON.stringify(results()))), JSON.stringify(accepts.errors)).toBe(true);
});

test.each<[string, (file: Results) => unknown]>([
  ['a newer schema', (file) => ({ ...file, schema_version: 3 })],
  ['a key too many', (file) => ({ ...file, note: 'x' })],
  ['a key too few', ({ complete, ...file }) => file],
  ['a date that is none', (file) => ({ ...file, created_at: 'yesterday' })],
  ['an unknown phase', (file) => ({ ...file, cells: [{ ...file.cells[0], phase: 'train' }] })],
  ['a fractional length', (file) => ({ ...file, cells: [{ ...file.cells[0], n: 1.5 }] })],
  [
    'a negative time',
    (file) => ({
      ...file,
      cells: [{ ...file.cells[0], processes: [{ ...file.cells[0]?.processes[0], samples_ms: [-1] }] }],
    }),
  ],
  ['NaN, which JSON writes as null', (file) => ({ ...file, time_results: { BSBR: { 128: Number.NaN } } })],
])('a validator of JSON Schema refuses %s', (_, broken) => {
  expect(accepts(JSON.parse(JSON.stringify(broken(results()))))).toBe(false);
});
