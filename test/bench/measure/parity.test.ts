import { describe, expect, test } from 'vitest';
import { type Fixture, parseFixture } from '../../../src/bench/measure/fixture.js';
import { checkParity, passes, splits } from '../../../src/bench/measure/parity.js';
import type { Output } from '../../../src/models/model.js';
import { createModel, ownOptions } from '../../../src/models/registry.js';
import { relativeError } from '../../../src/statistics.js';
import * as tf from '../../../src/tf.js';
import type { Tree } from '../../../src/tree.js';
import { goldenBytes, SMALL_GOLDEN, withConfig, withFirst, withName } from '../../support/golden_files.js';

await tf.initBackend('wasm');

const loaded = ({ model, shape, options }: Fixture) => createModel(model, shape, ownOptions(model, options));

async function parityOf(bytes: Uint8Array) {
  const fixture = parseFixture(bytes, SMALL_GOLDEN);
  return checkParity(await loaded(fixture), fixture);
}

describe('parity', () => {
  test('a golden file passes on both paths and leaves no tensor behind', async () => {
    const { numTensors } = tf.memory();
    expect(passes(await parityOf(goldenBytes(SMALL_GOLDEN)))).toBe(true);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  test.each([
    'embedding.weight',
    'layers.1.mixer.q.weight',
    'layers.0.mixer.expand.bias',
    'layers.1.ff.out.weight',
    'head.bias',
  ])('a corrupted %s fails on both paths', async (name) => {
    const parity = await parityOf(withFirst(name, 9));
    expect(passes(parity)).toBe(false);
    expect(parity.prefill.ratio).toBeGreaterThan(1e-4);
    expect(parity.steps.ratio).toBeGreaterThan(1e-4);
  });

  test.each([0, 2, 4])('a wrong logit at position %i fails, at that position', async (position) => {
    const fixture = parseFixture(goldenBytes(SMALL_GOLDEN), SMALL_GOLDEN);
    fixture.logits[position * fixture.shape.vocabSize] = 9;
    const parity = await checkParity(await loaded(fixture), fixture);
    expect(passes(parity)).toBe(false);
    expect(parity.prefill.position).toBe(position);
    if (position > 0) expect(parity.steps.position).toBe(position);
  });

  test('a weight that is not a number fails and is not taken for agreement', async () => {
    const parity = await parityOf(withFirst('head.bias', Number.NaN));
    expect(parity.prefill.ratio).toBeNaN();
    expect(passes(parity)).toBe(false);
  });

  test('a missing weight and a weight of another shape are refused by name', async () => {
    const missing = parityOf(withName('layers.1.mixer.h.weight', 'layers.1.mixer.x.weight'));
    await expect(missing).rejects.toThrow(`${SMALL_GOLDEN}: layers.1.mixer.h.weight is missing`);
    const wide = parityOf(withConfig({ ff_dim: 25 }));
    await expect(wide).rejects.toThrow(`${SMALL_GOLDEN}: layers.0.ff.in.bias must be [25], got [24]`);
  });

  test('steps start early, late and around the ends of periods', () => {
    expect(splits(20, 4).sort((a, b) => a - b)).toEqual([1, 3, 4, 5, 8, 10, 19]);
    expect(splits(20, null)).toEqual([1, 10, 19]);
    expect(splits(2, 1)).toEqual([1]);
    expect(splits(1, 4)).toEqual([]);
  });
});

describe('what is not a number', () => {
  test.each([0, 2, 4])('a golden logit that is not a number fails at its position %i', async (position) => {
    const fixture = parseFixture(goldenBytes(SMALL_GOLDEN), SMALL_GOLDEN);
    fixture.logits[position * fixture.shape.vocabSize + 3] = Number.NaN;
    const parity = await checkParity(await loaded(fixture), fixture);
    expect(passes(parity)).toBe(false);
    expect(parity.prefill).toEqual({ ratio: Number.NaN, position });
    if (position > 0) expect(parity.steps).toEqual({ ratio: Number.NaN, position });
  });

  test.each([1, 2, 3, 4])('a model that returns NaN once, after %i tokens, fails there', async (position) => {
    const fixture = parseFixture(goldenBytes(SMALL_GOLDEN), SMALL_GOLDEN);
    const model = await loaded(fixture);
    let length = 0;
    const spoiled = (out: Output<Tree>): Output<Tree> => {
      if (length !== position + 1) return out;
      const logits = tf.mul(out.logits, Number.NaN) as tf.Tensor2D;
      out.logits.dispose();
      return { ...out, logits };
    };
    const parity = await checkParity(
      {
        ...model,
        prefill(params, tokens) {
          length = tokens.shape[1];
          return spoiled(model.prefill(params, tokens));
        },
        step(params, state, token) {
          length++;
          return spoiled(model.step(params, state, token));
        },
      },
      fixture,
    );
    expect(passes(parity)).toBe(false);
    expect([parity.prefill, parity.steps]).toEqual([
      { ratio: Number.NaN, position },
      { ratio: Number.NaN, position },
    ]);
  });
});

describe('the relative error', () => {
  test('is the rms of the difference over the rms of the expected', () => {
    expect(relativeError([3, 4], [3, 4])).toBe(0);
    expect(relativeError([1.1, 1.1], [1, 1])).toBeCloseTo(0.1, 7);
    expect(relativeError([Number.NaN], [1])).toBeNaN();
    expect(relativeError([1], [Number.NaN])).toBeNaN();
    expect(relativeError([Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY])).toBeNaN();
  });

  test('values of another number are never close', () => {
    expect(relativeError([1, 2], [1])).toBeNaN();
    expect(relativeError([1], [1, 2])).toBeNaN();
    expect(relativeError([], [])).toBeNaN();
  });
});
