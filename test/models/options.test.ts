import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import type { ModelShape } from '../../src/models/model.js';
import { defaultText, type OptionValues } from '../../src/models/options.js';
import { changesResults, createMixer, MODEL_NAMES, MODEL_OPTIONS, modelOptions } from '../../src/models/registry.js';
import { parseRow, splitExpressions } from '../../src/models/rows.js';

const SHAPE: ModelShape = { vocabSize: 17, hiddenDim: 16, numLayers: 2, numHeads: 2, ffDim: 24 };
const row = (expression: string, given: OptionValues = {}, shape = SHAPE) =>
  parseRow(expression, given, shape, '--models', (option) => `--${option}`);
const messageOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'none';
};

describe('the options of models', () => {
  test.each(MODEL_NAMES)('%s can be made with its defaults, and says what each option is', async (name) => {
    await expect(createMixer(name, SHAPE)).resolves.toHaveProperty('prefill');
    for (const option of Object.values(modelOptions(name))) {
      expect(option.help).not.toBe('');
      expect(defaultText(option)).not.toBe('');
    }
  });

  test('a name means one thing, whichever models have it', () => {
    for (const { name, option, models } of MODEL_OPTIONS) {
      for (const model of models) expect(modelOptions(model)[name]).toBe(option);
    }
    expect(new Set(MODEL_OPTIONS.map(({ name }) => name)).size).toBe(MODEL_OPTIONS.length);
    expect(MODEL_OPTIONS.find(({ name }) => name === 'scan_chunk')?.models).toEqual([
      ...['LinearTransformer', 'DeltaNet'],
      ...['RetNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA'],
    ]);
  });

  test('a chunk of the scan changes speed alone, a chunk of BSBR results', () => {
    expect(['scan_chunk', 'chunk_size', 'of_no_model'].map(changesResults)).toEqual([false, true, true]);
  });

  test.each([
    [16, 2, 32],
    [128, 2, 64],
  ])('at d %i and H %i a chunk of the scan is %i tokens', (hiddenDim, numHeads, chunk) => {
    expect(row('DeltaNet', {}, { ...SHAPE, hiddenDim, numHeads }).options).toEqual({ scan_chunk: chunk });
  });
});

describe('an expression', () => {
  test.each([
    ['bsbr', 'BSBR', {}],
    ['BSBR()', 'BSBR', {}],
    ['BSBR(chunk_size=64)', 'BSBR(chunk_size=64)', { chunk_size: 64 }],
    [
      ' Bsbr( compression-factor = 4 , chunk_size=64 ) ',
      'BSBR(chunk_size=64,compression_factor=4)',
      { chunk_size: 64, compression_factor: 4 },
    ],
    ['BSBR(retrieval_norm=l2)', 'BSBR(retrieval_norm=l2)', { retrieval_norm: 'l2' }],
  ])('%s is the row %s', (expression, name, own) => {
    const options = { chunk_size: 32, compression_factor: 2, retrieval_norm: 'none', ...own };
    expect(row(expression)).toEqual({ name, model: 'BSBR', options });
  });

  test('says another value than what is given of all models, and takes of that what the model has', () => {
    const given = { chunk_size: 8, scan_chunk: 16 };
    expect(row('BSBR', given).options).toMatchObject({ chunk_size: 8 });
    expect(row('BSBR(chunk_size=4)', given).options).toMatchObject({ chunk_size: 4 });
    expect(row('DeltaNet', given)).toEqual({ name: 'DeltaNet', model: 'DeltaNet', options: { scan_chunk: 16 } });
    expect(row('Softmax', given).options).toEqual({ kv_heads: 2 });
  });

  test('is named so that its name is read as the same row', () => {
    const anyRow = fc.record(
      {
        chunk_size: fc.integer({ min: 1, max: 99 }),
        compression_factor: fc.integer({ min: 0, max: 16 }),
        retrieval_norm: fc.constantFrom('none', 'l2'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anyRow, (options) => {
        const list = Object.entries(options).map(([name, value]) => `${name}=${value}`);
        const read = row(`BSBR(${list.toReversed().join(', ')})`);
        expect(row(read.name)).toEqual(read);
        expect(read.options).toMatchObject(options);
      }),
    );
  });
});

describe('a hybrid', () => {
  const four = { ...SHAPE, numLayers: 4 };

  test('says its layers in order, and has the options of each kind after the name of its model', () => {
    expect(row(' bsbr + SlidingWindow( window-size = 128 )')).toEqual({
      name: 'BSBR+SlidingWindow(window_size=128)',
      model: 'BSBR+SlidingWindow',
      options: {
        'BSBR.chunk_size': 32,
        'BSBR.compression_factor': 2,
        'BSBR.retrieval_norm': 'none',
        'SlidingWindow.window_size': 128,
        'SlidingWindow.kv_heads': 2,
      },
    });
  });

  test('counts layers, and tells two kinds of one model apart', () => {
    const { name, model, options } = row('2 * SlidingWindow(window_size=8)+Softmax+SlidingWindow', {}, four);
    expect([name, model]).toEqual([
      '2*SlidingWindow(window_size=8)+Softmax+SlidingWindow',
      '2*SlidingWindow+Softmax+SlidingWindow',
    ]);
    expect(options).toMatchObject({ 'SlidingWindow.1.window_size': 8, 'SlidingWindow.2.window_size': 64 });
  });

  test('takes what is given of all models, where it does not say another value', () => {
    const { options } = row('SlidingWindow(window_size=8)+SlidingWindow+BSBR+Softmax', { window_size: 5 }, four);
    expect(options).toMatchObject({ 'SlidingWindow.1.window_size': 8, 'SlidingWindow.2.window_size': 5 });
  });

  test('of one kind is the model', () => {
    expect(row('2*BSBR')).toEqual(row('BSBR'));
  });

  test('is named so that its name is read as the same row, and its options change what those of its models do', () => {
    const read = row('3*DeltaNet(scan_chunk=16)+BSBR(chunk_size=4)', {}, four);
    expect(row(read.name, {}, four)).toEqual(read);
    expect(['DeltaNet.scan_chunk', 'BSBR.chunk_size'].map(changesResults)).toEqual([false, true]);
  });

  test.each([
    ['3*DeltaNet+Softmax', '3*DeltaNet+Softmax: its 4 layers must divide --num_layers (2); --num_layers 4 would do'],
    ['3*BSBR', 'BSBR: its 3 layers must divide --num_layers (2)'],
    ['0*BSBR+Softmax', 'layers must be counted by a whole number of at least 1, got 0*BSBR'],
    ['x*BSBR+Softmax', 'layers must be counted by a whole number of at least 1, got x*BSBR'],
    ['BSBR+', "must be MODEL or MODEL(option=value,…), got ''"],
    ['BSBR+Sofmax', 'no model is called Sofmax; did you mean Softmax?'],
    ['BSBR(chunk_size=0)+Softmax', 'BSBR: chunk_size: must be a whole number of at least 1, got 0'],
  ])('%s is refused, with what is right', (expression, message) => {
    expect(messageOf(() => row(expression))).toContain(`--models: ${message}`);
  });
});

describe('what is no row', () => {
  test.each([
    ['BSBR(chunk=64)', 'BSBR: the model has no option chunk; did you mean chunk_size?'],
    ['BSBR(scan_chunk=64)', 'BSBR: the model has no option scan_chunk; did you mean'],
    ['Softmax(chunk_size=64)', 'Softmax: the model has no option chunk_size; did you mean kv_heads?'],
    ['SlidingWindow(kv_heads=3)', 'SlidingWindow: kv_heads: must be a divisor of num_heads (2), got 3'],
    ['BSBR(chunk_size=0)', 'BSBR: chunk_size: must be a whole number of at least 1, got 0'],
    ['BSBR(chunk_size=1.5)', 'BSBR: chunk_size: must be a whole number of at least 1, got 1.5'],
    ['BSBR(chunk_size=)', "BSBR: chunk_size: must be a whole number of at least 1, got ''"],
    ['BSBR(retrieval_norm=L2)', 'BSBR: retrieval_norm: must be one of none, l2, got L2'],
    ['BSBR(compression_factor=17)', 'BSBR: compression_factor: must be at most hidden_dim (16), got 17'],
    ['BSBR(chunk_size=4,chunk_size=5)', 'BSBR: chunk_size: must be given once, got it again'],
    ['BSBR(64)', 'BSBR: must be option=value, got 64'],
    ['BSBR(chunk_size=64,)', "BSBR: must be option=value, got ''"],
    ['BSBR(constructor=1)', 'BSBR: the model has no option constructor; did you mean'],
    ['BSB(chunk_size=64)', 'no model is called BSB; did you mean BSBR?'],
    ['BSBR(chunk_size=64', 'must be MODEL or MODEL(option=value,…), got BSBR(chunk_size=64'],
    ['(chunk_size=64)', 'must be MODEL or MODEL(option=value,…), got (chunk_size=64)'],
    [' ', "must be MODEL or MODEL(option=value,…), got ' '"],
  ])('%s is refused, with what is right', (expression, message) => {
    expect(messageOf(() => row(expression))).toContain(`--models: ${message}`);
  });

  test('a value given of all models is refused where it was given', () => {
    expect(messageOf(() => row('BSBR', { compression_factor: 17 }))).toBe(
      '--compression_factor: must be at most hidden_dim (16), got 17',
    );
  });

  test('commas part expressions, but not inside of one', () => {
    const words = ['BSBR(chunk_size=64,compression_factor=4),DeltaNet', 'Softmax', 'BSBR(chunk_size=8'];
    expect(splitExpressions(words)).toEqual([
      'BSBR(chunk_size=64,compression_factor=4)',
      'DeltaNet',
      'Softmax',
      'BSBR(chunk_size=8',
    ]);
  });
});

test.each([
  [{ chunk_size: 'abc' }, 'chunk_size: must be a whole number of at least 1, got abc'],
  [{ chunk_size: -1 }, 'chunk_size: must be a whole number of at least 1, got -1'],
  [{ __proto__x: 1 }, '__proto__x: the model has no option __proto__x; did you mean'],
])('options that come as data are looked at too: %j', async (given, message) => {
  await expect(createMixer('BSBR', SHAPE, given as OptionValues)).rejects.toThrow(message);
});
