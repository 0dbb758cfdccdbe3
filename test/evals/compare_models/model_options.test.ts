/** What the flags and expressions of models come to: rows, what is written down of them, and the flags of a run made again. */
import { expect, test } from 'vitest';
import { DEFAULTS, type Flags } from '../../../evals/compare_models/flags.js';
import { runConfigOf, specOf } from '../../../evals/compare_models/plan.js';
import { main } from '../../../evals/compare_models.js';
import { changesResults, MODEL_NAMES, MODEL_OPTIONS } from '../../../src/models/registry.js';
import { configHash } from '../../../src/results/config_hash.js';

type Change = Partial<Pick<Flags, 'models' | 'options'>>;

const flagsOf = (change: Change): Flags =>
  ({ ...DEFAULTS, options: {}, engines: ['wasm'], peer: [], ...change }) as unknown as Flags;
const rowsOf = (change: Change) => specOf(flagsOf(change), [8], null).workload.models;
const configOf = (change: Change) => runConfigOf(flagsOf(change), 5, [8], [], null);
const hashOf = (change: Change) => configHash(configOf(change), changesResults);

test('a model and its variants are rows of one run, each once', () => {
  const models = ['bsbr', 'BSBR(chunk_size=64),BSBR( chunk_size = 64 )', 'BSBR(compression_factor=4,chunk_size=8)'];
  expect(rowsOf({ models }).map(({ name }) => name)).toEqual([
    'BSBR',
    'BSBR(chunk_size=64)',
    'BSBR(chunk_size=8,compression_factor=4)',
  ]);
  expect(rowsOf({ models: ['all'] }).map(({ name }) => name)).toEqual(MODEL_NAMES);
});

test('a row has every option of its model: its own, those of flags, and defaults', () => {
  const [plain, other] = rowsOf({
    models: ['BSBR', 'BSBR(chunk_size=64)'],
    options: { chunk_size: 16, compression_factor: 4 },
  });
  expect(plain?.options).toEqual({ chunk_size: 16, compression_factor: 4, retrieval_norm: 'none' });
  expect(other?.options).toEqual({ chunk_size: 64, compression_factor: 4, retrieval_norm: 'none' });
});

test('of flags, those that are not the default of a model of the run are written down', () => {
  const options = { chunk_size: 64, compression_factor: 2, scan_chunk: 16 };
  expect(configOf({ models: ['BSBR'], options }).options).toEqual({ chunk_size: 64 });
  expect(configOf({ models: ['all'], options }).options).toEqual({ chunk_size: 64, scan_chunk: 16 });
  expect(configOf({ models: ['Softmax'], options }).options).toEqual({});
  expect(configOf({ models: ['BSBR(chunk_size=8)'], options }).options).toEqual({});
});

test('what changes results is another work, what changes speed alone is the same', () => {
  const models = ['all'];
  expect(hashOf({ models, options: { scan_chunk: 16 } })).toBe(hashOf({ models }));
  expect(hashOf({ models, options: { chunk_size: 32 } })).toBe(hashOf({ models }));
  expect(hashOf({ models, options: { chunk_size: 64 } })).not.toBe(hashOf({ models }));
});

test('--help has every option, with the models that have it, its default and what it takes', async () => {
  let text = '';
  const stdout = { write: (words: string) => (text += words), columns: 1000 };
  expect(await main(['--help'], { stdout, stderr: stdout })).toBe(0);
  const words = text.replaceAll(/\s+/g, ' ');
  for (const { name, option, models } of MODEL_OPTIONS) {
    expect(words).toContain(`--${name} <${option.placeholder}> ${models.join(', ')}: ${option.help} (default: `);
  }
});
