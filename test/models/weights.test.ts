import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { createModel } from '../../src/models/registry.js';
import { parseSafeTensors, type StoredTensor } from '../../src/models/safetensors.js';
import { noted, randomWeights, scoped, storedWeights } from '../../src/models/weights.js';
import { initBackend } from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';

await initBackend('wasm');

/** A safetensors file of `a` [2, 3] F32 and `b` [2] I32, at any offset into its buffer. */
function file(offset = 0): Uint8Array {
  const header = JSON.stringify({
    __metadata__: { made: 'here' },
    a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: 'I32', shape: [2], data_offsets: [24, 32] },
  });
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(offset + 8 + text.length + 32);
  const view = new DataView(bytes.buffer, offset);
  view.setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, offset + 8);
  const data = 8 + text.length;
  for (let i = 0; i < 6; i++) view.setFloat32(data + 4 * i, i / 4, true);
  for (let i = 0; i < 2; i++) view.setInt32(data + 24 + 4 * i, -i, true);
  return bytes.subarray(offset);
}

test.each([0, 1, 2, 3])('a file reads back exactly from byte %i of its buffer', (offset) => {
  const { metadata, tensors } = parseSafeTensors(file(offset), 'x');
  expect([...metadata]).toEqual([['made', 'here']]);
  expect([...tensors.keys()]).toEqual(['a', 'b']);
  expect(tensors.get('a')).toEqual({
    dtype: 'F32',
    shape: [2, 3],
    values: Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25),
  });
  expect(tensors.get('b')).toEqual({ dtype: 'I32', shape: [2], values: Int32Array.of(0, -1) });
});

test('stored weights give what is there and name what is not', () => {
  const weights = storedWeights(parseSafeTensors(file(), 'x'), 'x');
  expect(weights.get('a', [2, 3])).toEqual(Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25));
  expect(() => weights.get('c', [1])).toThrow(new UserError('x: c is missing'));
  expect(() => weights.get('a', [3, 2])).toThrow(new UserError('x: a must be [3,2], got [2,3]'));
  expect(() => weights.get('a', [6])).toThrow(new UserError('x: a must be [6], got [2,3]'));
  expect(() => weights.get('b', [2])).toThrow(new UserError('x: b must be F32'));
});

test('random weights are decided by seed and name alone', () => {
  const get = (seed: number, name: string) => randomWeights(seed).get(name, [4, 9]);
  expect(get(1, 'head.weight')).toEqual(get(1, 'head.weight'));
  expect(get(1, 'head.weight')).not.toEqual(get(2, 'head.weight'));
  expect(get(1, 'head.weight')).not.toEqual(get(1, 'layers.0.ff.in.weight'));
});

test.each([
  ['layers.0.norm1.weight', [20_000], 1, 0.1],
  ['layers.0.mixer.out_norm.weight', [20_000], 1, 0.1],
  ['norm.bias', [20_000], 0, 0.1],
  ['embedding.weight', [200, 100], 0, 1],
  ['head.weight', [200, 100], 0, 0.1],
] as const)('random %s has the mean and spread of its kind', (name, shape, mean, spread) => {
  const values = randomWeights(3).get(name, shape);
  const average = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length);
  expect(Math.abs(average - mean)).toBeLessThan(0.05 * spread);
  expect(Math.abs(deviation / spread - 1)).toBeLessThan(0.05);
});

test('a scope prefixes names', () => {
  const weights = randomWeights(1);
  expect(scoped(scoped(weights, 'layers.0.'), 'mixer.').get('q.bias', [3])).toEqual(
    weights.get('layers.0.mixer.q.bias', [3]),
  );
});

test('decays begin as their models draw them: A in [1, 16], steps of 1e-3 to 1e-1', () => {
  const weights = randomWeights(1);
  const rates = weights.get('layers.0.mixer.A_log', [500]).map(Math.exp);
  const steps = weights.get('layers.0.mixer.dt_bias', [500]).map((bias) => Math.log1p(Math.exp(bias)));
  for (const [values, low, high] of [
    [rates, 1, 16],
    [steps, 1e-3, 1e-1],
  ] as const) {
    const sorted = [...values].sort((a, b) => a - b);
    expect(sorted[0]).toBeGreaterThan(low * 0.999);
    expect(sorted.at(-1)).toBeLessThan(high * 1.001);
  }
  expect(rates.reduce((sum, rate) => sum + rate, 0) / 500).toBeCloseTo(8.5, 0);
  expect([...steps].sort((a, b) => a - b)[250]).toBeCloseTo(1e-2, 2); // log-uniform
  expect(weights.get('layers.0.mixer.D', [3])).toEqual(Float32Array.of(1, 1, 1));
});

test.each([
  ['BSBR', 2_007_168],
  ['LinearTransformer', 1_676_800],
  ['RetNet', 1_708_608],
  ['GLA', 1_717_056],
  ['Mamba2', 1_679_640],
  ['GatedDeltaNet', 1_713_744],
  ['KDA', 1_713_224],
])('%s has %i parameters without its head at d 128, L 2, H 4, f 512, V 10000', async (name, expected) => {
  const shape = { vocabSize: 10_000, hiddenDim: 128, numLayers: 2, numHeads: 4, ffDim: 512 };
  const read = new Map<string, StoredTensor>();
  const params = (await createModel(name, shape)).init(noted(randomWeights(1), read));
  disposeTree(params);
  const sizes = [...read].filter(([weight]) => !weight.startsWith('head.')).map(([, { values }]) => values.length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(expected);
});
