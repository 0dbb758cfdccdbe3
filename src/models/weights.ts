/** Where parameters come from: a seed or a safetensors file (docs/models.md, "Weights and fixtures"). */
import { check } from '../errors.js';
import { random } from '../random.js';
import type { SafeTensors, StoredTensor } from './safetensors.js';

/** Named arrays in PyTorch's layout: a dense map is [out, in]. */
export interface WeightSource {
  /** Row-major values of a weight. @throws UserError when there is none of that name and shape */
  get(name: string, shape: readonly number[]): Float32Array;
}

/** The same source seen from inside a module: `scoped(w, 'layers.0.').get('norm1.bias')`. */
export function scoped(weights: WeightSource, prefix: string): WeightSource {
  return { get: (name, shape) => weights.get(prefix + name, shape) };
}

/**
 * Random weights: gains near 1, small biases, unit embeddings, maps scaled by 1 / sqrt(fan-in); decays as their models
 * draw them. Uniform, as PyTorch's own are: 5 million take 0.04 s, where normal ones took 0.18.
 */
export function randomWeights(seed: number): WeightSource {
  return {
    get(name, shape) {
      const { float } = random(seed, name);
      const draw = distribution(name, shape);
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      for (let i = 0; i < values.length; i++) values[i] = draw(float());
      return values;
    },
  };
}

/** The same source, which makes an array once: models have embeddings, heads and feed-forwards in common. */
export function remembered(weights: WeightSource): WeightSource {
  const known = new Map<string, Float32Array>();
  return {
    get(name, shape) {
      const key = `${name} [${shape}]`;
      const values = known.get(key) ?? weights.get(name, shape);
      known.set(key, values);
      return values;
    },
  };
}

/** The same source, which enters whatever is read of it, by its name. */
export function noted(weights: WeightSource, read: Map<string, StoredTensor>): WeightSource {
  return {
    get(name, shape) {
      const values = weights.get(name, shape);
      read.set(name, { dtype: 'F32', shape, values });
      return values;
    },
  };
}

/** What a weight becomes of a number drawn from [0, 1). */
function distribution(name: string, shape: readonly number[]): (drawn: number) => number {
  if (name.endsWith('A_log')) return (drawn) => Math.log(1 + 15 * drawn); // A in [1, 16]
  if (name.endsWith('dt_bias')) return (drawn) => inverseSoftplus(1e-3 * 100 ** drawn); // steps of 1e-3 to 1e-1
  if (name.endsWith('mixer.D')) return () => 1;
  const [mean, deviation] = meanAndDeviation(name, shape);
  const width = deviation * Math.sqrt(12);
  return (drawn) => mean + width * (drawn - 0.5);
}

const inverseSoftplus = (y: number): number => y + Math.log(-Math.expm1(-y));

function meanAndDeviation(name: string, shape: readonly number[]): [mean: number, deviation: number] {
  if (/norm\d?\.weight$/.test(name)) return [1, 0.1];
  if (name.endsWith('.bias')) return [0, 0.1];
  if (name === 'embedding.weight') return [0, 1];
  return [0, 1 / Math.sqrt(shape[1] ?? 1)];
}

/** Weights out of a file. */
export function storedWeights({ tensors }: SafeTensors, file: string): WeightSource {
  return {
    get(name, shape) {
      const found = tensors.get(name);
      check(found !== undefined, `${file}: ${name} is missing`);
      const same = found.shape.length === shape.length && shape.every((size, i) => size === found.shape[i]);
      check(same, `${file}: ${name} must be [${shape}], got [${found.shape}]`);
      check(found.values instanceof Float32Array, `${file}: ${name} must be F32`);
      return found.values;
    },
  };
}
