/** Where parameters come from: a seed or a safetensors file (docs/models.md, "Weights and fixtures"). */
import { check } from '../errors.js';
import { random } from '../random.js';

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
 * Random weights: gains near 1, small biases, unit embeddings, maps scaled by 1 / sqrt(fan-in). Uniform, as PyTorch's
 * own are: 5 million take 0.04 s, where normal ones took 0.18.
 */
export function randomWeights(seed: number): WeightSource {
  return {
    get(name, shape) {
      const { float } = random(seed, name);
      const [mean, deviation] = distribution(name, shape);
      const width = deviation * Math.sqrt(12);
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      for (let i = 0; i < values.length; i++) values[i] = mean + width * (float() - 0.5);
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

function distribution(name: string, shape: readonly number[]): [mean: number, deviation: number] {
  if (/norm\d?\.weight$/.test(name)) return [1, 0.1];
  if (name.endsWith('.bias')) return [0, 0.1];
  if (name === 'embedding.weight') return [0, 1];
  return [0, 1 / Math.sqrt(shape[1] ?? 1)];
}

/** A tensor of a safetensors file, not yet copied. */
export interface StoredTensor {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export interface SafeTensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Reads the safetensors format: 8-byte little-endian header length, JSON header, raw little-endian buffers.
 * @throws UserError naming the file and what is wrong with it
 */
export function parseSafeTensors(bytes: Uint8Array, file: string): SafeTensors {
  check(bytes.length >= 8, `${file}: must start with an 8-byte header length, got ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  check(start <= bytes.length, `${file}: header must end within the file, got ${start} of ${bytes.length} bytes`);
  const header = parseHeader(bytes.subarray(8, start), file);
  const { __metadata__: metadata, ...entries } = header;
  const tensors = new Map(
    Object.entries(entries).map(([name, entry]) => [
      name,
      readTensor(entry, bytes.subarray(start), `${file}: ${name}`),
    ]),
  );
  return { metadata: (metadata ?? {}) as Record<string, string>, tensors };
}

function parseHeader(bytes: Uint8Array, file: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    header = null;
  }
  check(typeof header === 'object' && header !== null, `${file}: header must be a JSON object`);
  return header as Record<string, unknown>;
}

function readTensor(entry: unknown, data: Uint8Array, where: string): StoredTensor {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (entry ?? {}) as { dtype: string; shape: number[]; data_offsets: number[] };
  check(dtype === 'F32' || dtype === 'I32', `${where}: dtype must be F32 or I32, got ${dtype}`);
  check(Array.isArray(shape) && Array.isArray(offsets), `${where}: must have a shape and data_offsets`);
  const [begin = -1, end = -1] = offsets;
  const size = shape.reduce((a, b) => a * b, 1);
  check(
    begin >= 0 && end <= data.length && end - begin === 4 * size,
    `${where}: data must be ${4 * size} bytes within the file, got ${begin}..${end} of ${data.length}`,
  );
  const copy = new Uint8Array(data.subarray(begin, end)).buffer; // aligned, whatever the offset
  return { dtype, shape, values: dtype === 'F32' ? new Float32Array(copy) : new Int32Array(copy) };
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
