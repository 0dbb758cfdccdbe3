/**
 * What a sequence model is: all that measuring ever sees of one. What a model file writes is in mixer.ts.
 *
 * Letters, fixed for the whole project: B batch, T tokens of a call, n tokens so far, d model dim, H heads, D = d/H head
 * dim, C chunk, N chunks, L layers, f feed-forward dim, V vocabulary, e compressed size, w convolution width.
 * Axis order is [B, H, T, D], and by chunks [N, B · H, C, D]; vectors are rows, so a state S [D_k, D_v] is read as o = q S.
 */
import type { Optimization } from '../compiled/optimization.js';
import type * as tf from '../tf.js';
import type { Tree } from '../tree.js';
import type { WeightSource } from './weights.js';

/** What all models have. */
export interface ModelShape {
  readonly vocabSize: number;
  readonly hiddenDim: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly ffDim: number;
}

/** The shape that flags, files and the protocol name so. */
export const shapeOf = (named: {
  readonly vocab_size: number;
  readonly hidden_dim: number;
  readonly num_layers: number;
  readonly num_heads: number;
  readonly ff_dim: number;
}): ModelShape => ({
  vocabSize: named.vocab_size,
  hiddenDim: named.hidden_dim,
  numLayers: named.num_layers,
  numHeads: named.num_heads,
  ffDim: named.ff_dim,
});

export type Output<S extends Tree> = { readonly logits: tf.Tensor2D /* [B, V], last position */; readonly state: S };

/** Floats of a state per batch row, over all layers. */
export interface StateFloats {
  /** The closed form of docs/models.md: what the model has to remember. */
  readonly inUse: number;
  /** What its buffers hold, room to grow included. */
  readonly allocated: number;
}

/** All the bench ever sees of a model. Arguments are borrowed; results belong to the caller and share nothing with them. */
export interface SequenceModel<P extends Tree = Tree, S extends Tree = Tree> {
  readonly name: string;
  /** Tokens after which a step costs more than others; null: never. */
  readonly period: number | null;
  init(weights: WeightSource): P;
  /** One parallel pass over tokens [B, T], T >= 1. */
  prefill(params: P, tokens: tf.Tensor2D): Output<S>;
  /** One token [B]. Its cost does not depend on how the state came about. */
  step(params: P, state: S, token: tf.Tensor1D): Output<S>;
  /** `count` greedy steps: each arg max [B] is the next token. Returns those tokens [B, count]. */
  decode(params: P, state: S, token: tf.Tensor1D, count: number): { readonly tokens: tf.Tensor2D; readonly state: S };
  /** State after n tokens. */
  stateFloats(n: number): StateFloats;
  /** The same with room for `most` tokens in all, for runtimes that know no host code. */
  fixedRoom(most: number): FixedRoom<P>;
}

/** What goes from a call to the next: the most likely token [B], and a state of `length` [1] tokens, both int32. */
export type Carried<S extends Tree = Tree> = {
  readonly token: tf.Tensor1D;
  readonly length: tf.Tensor1D;
  readonly state: S;
};
export type Stepped<S extends Tree> = Carried<S> & { readonly logits: tf.Tensor2D /* [B, V] */ };

/** A model as functions of tensors alone, whose states have one form. */
export interface FixedRoom<P extends Tree = Tree, S extends Tree = Tree> {
  prefill(params: P, tokens: tf.Tensor2D): Stepped<S>;
  /** One token, by the last of those whose `every` divides the tokens that there are after it; the first divides all. */
  readonly steps: readonly {
    readonly every: number;
    run(params: P, past: Carried<S>): Stepped<S>;
  }[];
}

/** How a tensor function is run: as it stands, or recorded and compiled. Params are constants of the compiled form. */
export type Runner = <P extends Tree, A extends readonly Tree[], R extends Tree>(
  fn: (params: P, ...args: A) => R,
  options?: {
    /** What is worth doing to its graph, if the runner takes that time; 'graph' by default. */
    readonly optimize?: Optimization;
  },
) => (params: P, ...args: A) => R;
