/** What a law is held against, and how it says where it does not hold. */
import { check } from '../errors.js';
import type { AnyMixer } from '../models/mixer.js';
import type { ModelShape, Output, SequenceModel } from '../models/model.js';
import type { TransformerOptions } from '../models/transformer.js';
import { randomWeights } from '../models/weights.js';
import { random } from '../random.js';
import { max, relativeError } from '../statistics.js';
import * as tf from '../tf.js';
import { disposeTree, leaves, type Tree } from '../tree.js';

/** Largest rms(got − expected) / rms(expected) between two float32 computations of the same thing. */
export const TOLERANCE = 1e-5;
const SEED = 7;

export interface LawSubject {
  create(shape: ModelShape, options?: TransformerOptions): Promise<SequenceModel>;
  /** Null of a model that is no mixer in the block of all models. */
  readonly createMixer: ((shape: ModelShape) => Promise<AnyMixer>) | null;
  /** At which it is tried, the smallest first, so that the first place where a law fails is the smallest. */
  readonly shapes: readonly ModelShape[];
  /** Of prompts, ascending. */
  readonly lengths: readonly number[];
}

/** @throws UserError with the smallest place that breaks it */
export type Law = (subject: LawSubject) => Promise<void>;

/** A model with weights, at one shape. */
export interface Tried {
  readonly model: SequenceModel;
  readonly params: Tree;
  readonly shape: ModelShape;
  /** Where it is tried, for messages. */
  readonly at: string;
}

/** Tries a law on a model, which is gone afterwards. */
export async function withModel<T>(
  subject: LawSubject,
  shape: ModelShape,
  use: (tried: Tried) => T,
  { seed = SEED, ...options }: TransformerOptions & { readonly seed?: number } = {},
): Promise<T> {
  const model = await subject.create(shape, options);
  const params = model.init(randomWeights(seed));
  try {
    return use({ model, params, shape, at: shapeText(shape) });
  } finally {
    disposeTree(params);
  }
}

/** A law of models, tried at each shape. */
export const atEachShape =
  (holds: (tried: Tried, lengths: readonly number[]) => void): Law =>
  async (subject) => {
    for (const shape of subject.shapes) await withModel(subject, shape, (tried) => holds(tried, subject.lengths));
  };

export const shapeText = ({ hiddenDim, numHeads, numLayers }: ModelShape): string =>
  `d = ${hiddenDim}, H = ${numHeads}, L = ${numLayers}`;

/** Lends random ids [B, T] to `use`. */
export function withTokens<T>(B: number, n: number, { vocabSize }: ModelShape, use: (ids: tf.Tensor2D) => T): T {
  const rng = random(1, 'ids');
  const ids = tf.tensor2d(
    Int32Array.from({ length: B * n }, () => rng.integer(vocabSize)),
    [B, n],
    'int32',
  );
  try {
    return use(ids);
  } finally {
    ids.dispose();
  }
}

/** Prefill of the first `length` tokens of [B, T]. */
export function prefillOf({ model, params }: Tried, tokens: tf.Tensor2D, length: number): Output<Tree> {
  const prefix = tf.slice(tokens, [0, 0], [tokens.shape[0], length]);
  const out = model.prefill(params, prefix);
  prefix.dispose();
  return out;
}

/** Logits after a prefill of the first `start` tokens of [B, T] and a step for each of the others up to `end`, by their number. */
export function logitsAlong(
  tried: Tried,
  tokens: tf.Tensor2D,
  start: number,
  end = tokens.shape[1],
): Map<number, tf.TypedArray> {
  const [B] = tokens.shape;
  const seen = new Map<number, tf.TypedArray>();
  let out = prefillOf(tried, tokens, start);
  for (let length = start; ; length++) {
    seen.set(length, out.logits.dataSync().slice());
    if (length === end) break;
    const token: tf.Tensor1D = tf.tidy(() => tf.reshape(tf.slice(tokens, [0, length], [B, 1]), [B]));
    const next = tried.model.step(tried.params, out.state, token);
    disposeTree([out.logits, out.state, token]);
    out = next;
  }
  disposeTree([out.logits, out.state]);
  return seen;
}

/** Logits after a prefill of `length` tokens. */
export function logitsOf(tried: Tried, tokens: tf.Tensor2D, length: number): tf.TypedArray {
  const { logits, state } = prefillOf(tried, tokens, length);
  const values = logits.dataSync().slice();
  disposeTree([logits, state]);
  return values;
}

/** @param where in words: `prefill of 3 tokens`; @param rule what should be the same */
export function checkSame(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  where: string,
  rule: string,
  tolerance = TOLERANCE,
): void {
  const error = got.length === expected.length ? relativeError(got, expected) : Number.POSITIVE_INFINITY;
  check(error <= tolerance, `${where}: ${rule}, got a relative error of ${error.toPrecision(2)}`);
}

export const valuesOf = (tree: Tree): number[][] => leaves(tree).map((tensor) => [...tensor.dataSync()]);

export const longest = (lengths: readonly number[]): number => max(lengths);
