/** A model with its parameters that keeps account of every tensor it handed out. */
import { randomNormal } from 'd3-random';
import { expect } from 'vitest';
import type { AnyMixer } from '../../src/models/mixer.js';
import type { ModelShape, SequenceModel } from '../../src/models/model.js';
import { createMixer, createModel, ownOptions } from '../../src/models/registry.js';
import type { TransformerOptions } from '../../src/models/transformer.js';
import { randomWeights } from '../../src/models/weights.js';
import { random } from '../../src/random.js';
import { relativeError } from '../../src/statistics.js';
import * as tf from '../../src/tf.js';
import { disposeTree, type Tree } from '../../src/tree.js';

/** Largest rms(got − expected) / rms(expected) between two float32 computations of the same thing. */
export const TOLERANCE = 1e-5;
/** Weights of every test unless it says otherwise. */
export const SEED = 7;

/** A shape, and options of all models by name. */
export interface Config extends ModelShape {
  readonly chunk_size: number;
  readonly scan_chunk?: number;
  readonly compression_factor: number;
  readonly retrieval_norm: 'none' | 'l2';
  readonly window_size?: number;
  readonly kv_heads?: number;
  readonly state_size: number;
  readonly gate_rank: number;
}

export const SMALL: Config = {
  vocabSize: 17,
  hiddenDim: 16,
  numLayers: 2,
  numHeads: 2,
  ffDim: 24,
  chunk_size: 8,
  scan_chunk: 8,
  compression_factor: 2,
  retrieval_norm: 'none',
  window_size: 11,
  state_size: 5,
  gate_rank: 3,
};

/** The model, and its mixer, of a configuration. */
export const modelOf = (name: string, config: Config, options?: TransformerOptions): Promise<SequenceModel> =>
  createModel(name, config, ownOptions(name, config), options);
export const mixerOf = (name: string, config: Config): Promise<AnyMixer> =>
  createMixer(name, config, ownOptions(name, config));

/** One row of ids a batch row. */
export type Ids = readonly (readonly number[])[];

interface Result {
  readonly logits: Float32Array; // [B, V]
  readonly state: Tree;
}

export interface Session {
  prefill(ids: Ids): Result;
  step(state: Tree, ids: readonly number[]): Result;
  /** Logits of each position from `length` on: prefill of `length` tokens, then steps. */
  stepFrom(length: number, ids: Ids): { readonly logits: Map<number, Float32Array>; readonly state: Tree };
  readonly model: SequenceModel;
  readonly params: Tree;
}

/** Runs `use` with a session of the model; then everything it handed out is disposed. */
export function withSession<T>(model: SequenceModel, use: (session: Session) => T, seed = SEED): T {
  const params = model.init(randomWeights(seed));
  const owned: Tree[] = [params];
  const take = ({ logits, state }: { logits: tf.Tensor; state: Tree }): Result => {
    owned.push(logits, state);
    return { logits: logits.dataSync<'float32'>().slice(), state };
  };
  const session: Session = {
    model,
    params,
    prefill: (ids) => take(withTensor(idsTensor(ids), (tokens) => model.prefill(params, tokens))),
    step: (state, ids) => take(withTensor(tokenTensor(ids), (token) => model.step(params, state, token))),
    stepFrom(length, ids) {
      let { logits, state } = session.prefill(prefix(ids, length));
      const seen = new Map([[length - 1, logits]]);
      for (let position = length; position < tokensOf(ids); position++) {
        const past = state;
        ({ logits, state } = session.step(past, columnOf(ids, position)));
        disposeTree(past);
        seen.set(position, logits);
      }
      return { logits: seen, state };
    },
  };
  try {
    return use(session);
  } finally {
    disposeTree(owned);
  }
}

export const idsTensor = (ids: Ids): tf.Tensor2D => tf.tensor2d(ids.flat(), [ids.length, tokensOf(ids)], 'int32');
export const tokenTensor = (ids: readonly number[]): tf.Tensor1D => tf.tensor1d([...ids], 'int32');

function withTensor<X extends tf.Tensor, T>(tensor: X, use: (tensor: X) => T): T {
  try {
    return use(tensor);
  } finally {
    tensor.dispose();
  }
}

const tokensOf = (ids: Ids): number => ids[0]?.length ?? 0;
export const prefix = (ids: Ids, length: number): Ids => ids.map((row) => row.slice(0, length));
export const columnOf = (ids: Ids, position: number): number[] => ids.map((row) => row[position] as number);

export function randomIds(batch: number, tokens: number, vocabSize = SMALL.vocabSize, seed = 1): Ids {
  const rng = random(seed, 'ids');
  return Array.from({ length: batch }, () => Array.from({ length: tokens }, () => rng.integer(vocabSize)));
}

/** Independent normal values. */
export function normals(size: number, seed: number, name: string): Float32Array {
  return Float32Array.from({ length: size }, randomNormal.source(random(seed, name).float)());
}

export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, where: string, tolerance = TOLERANCE) {
  expect(got.length, where).toBe(expected.length);
  expect(relativeError(got, expected), where).toBeLessThan(tolerance);
}

export const argMax = (values: Float32Array): number => values.indexOf(Math.max(...values));
