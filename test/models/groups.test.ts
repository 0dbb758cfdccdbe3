import { expect, test } from 'vitest';
import { MODEL_GROUPS } from '../../src/models/groups.js';
import { createModel, MODEL_NAMES } from '../../src/models/registry.js';
import { SMALL } from '../support/session.js';

const stateGrows = async (name: string): Promise<boolean> => {
  const { stateFloats } = await createModel(name, { ...SMALL, numLayers: 4 });
  return stateFloats(100_000).inUse > stateFloats(1000).inUse;
};

test('a model is linear or quadratic, by whether its state grows', async () => {
  const { linear = [], quadratic = [] } = MODEL_GROUPS;
  expect([...linear, ...quadratic].sort()).toEqual([...MODEL_NAMES].sort());
  expect(await Promise.all(linear.map(stateGrows))).toEqual(linear.map(() => false));
  expect(await Promise.all(quadratic.map(stateGrows))).toEqual(quadratic.map(() => true));
});

test('a hybrid has softmax layers, and fills four', async () => {
  expect(await Promise.all((MODEL_GROUPS['hybrid'] ?? []).map(stateGrows))).toEqual([true, true, true]);
});

test('no model is called as a group is', () => {
  const groups = Object.keys(MODEL_GROUPS);
  expect(MODEL_NAMES.filter((name) => groups.includes(name.toLowerCase()))).toEqual([]);
});
