import { expect, test } from 'vitest';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { createModel, MODEL_NAMES, ownOptions } from '../../src/models/registry.js';
import { relativeError } from '../../src/statistics.js';
import { GOLDEN_FILES, goldenBytes } from '../support/golden_files.js';
import { SMALL } from '../support/session.js';
import { range } from './arrays.js';
import { ORACLES } from './oracles.js';
import { erf, naiveTransformer } from './transformer.js';

/** Golden values were rounded to float32 once. */
const ROUNDING = 1e-7;

test('every registered model has an oracle', () => {
  expect(Object.keys(ORACLES).sort()).toEqual([...MODEL_NAMES].sort());
});

test.each(GOLDEN_FILES)('the oracle returns the logits of %s', async (file) => {
  const { model, weights, shape, options, ids, batch, tokens, logits } = parseFixture(goldenBytes(file), file);
  const { name } = await createModel(model, shape, ownOptions(model, options));
  const config = { ...SMALL, ...shape, ...options };
  const run = naiveTransformer(() => (ORACLES[name] as (typeof ORACLES)[string]).mixer, weights, config);
  const rows = range(batch).flatMap((b) => run(ids.subarray(b * tokens, (b + 1) * tokens)));
  expect(relativeError(rows.flat(), logits)).toBeLessThan(ROUNDING);
});

test('erf agrees with published values', () => {
  expect(erf(0)).toBe(0);
  expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 14);
  expect(erf(-1)).toBeCloseTo(-0.8427007929497149, 14);
  expect(erf(2)).toBeCloseTo(0.9953222650189527, 14);
  expect(erf(3.5)).toBeCloseTo(0.9999992569016276, 14);
  expect(erf(7)).toBe(1);
});
