/**
 * What a sequence model is, and what a model file writes.
 *
 * Letters, fixed for the whole project: B batch, T tokens of a call, n tokens so far, d model dim, H heads, D = d/H head
 * dim, C chunk, N chunks, L layers, f feed-forward dim, V vocabulary, e compressed size, w convolution width.
 * Axis order is [B, H, T, D]; vectors are rows, so a state S [D_k, D_v] is read as o = q S.
 */
import type * as tf from '../tf.js';
import type { Tree } from './tree.js';
import type { WeightSource } from './weights.js';

export interface ModelConfig {
  readonly vocabSize: number;
  readonly hiddenDim: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly ffDim: number;
  /** BSBR: part of the model. LinearTransformer and DeltaNet: a speed setting of prefill. Softmax: ignored. */
  readonly chunkSize: number;
  /** BSBR: e = floor(d / factor); 0 for none. */
  readonly compressionFactor: number;
  readonly retrievalNorm: 'none' | 'l2';
}

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
  init(weights: WeightSource): P;
  /** One parallel pass over tokens [B, T], T >= 1. */
  prefill(params: P, tokens: tf.Tensor2D): Output<S>;
  /** One token [B]. Its cost does not depend on how the state came about. */
  step(params: P, state: S, token: tf.Tensor1D): Output<S>;
  /** `count` greedy steps: each arg max [B] is the next token. Returns those tokens [B, count]. */
  decode(params: P, state: S, token: tf.Tensor1D, count: number): { readonly tokens: tf.Tensor2D; readonly state: S };
  /** State after n tokens. */
  stateFloats(n: number): StateFloats;
}

/** Numbers that change from step to step, as scalars, so that one recorded graph serves every step. */
export type Cursor = { readonly [name: string]: tf.Scalar };

/** `rows`, where a mixer has them, are to be appended to the buffers that grow with n. */
export type Mixed<Y extends tf.Tensor, S extends Tree> = { readonly y: Y; readonly state: S; readonly rows: Tree };

/** What a model file writes: pure functions of tensors, for one layer. */
export interface Mixer<P extends Tree, S extends Tree> {
  /** Every `period` tokens a step closes a chunk; segments of a prefill start at multiples of it. 1: nothing to close. */
  readonly period: number;
  parameters(weights: WeightSource): P;
  /** The state before the first token. */
  empty(batch: number): S;
  /** The numbers that prefill and step need at length n. */
  cursor(n: number): { readonly [name: string]: number };
  /**
   * Mixes x [B, T, d] after `past`, whose length is a multiple of `period`.
   * @param lastOnly y for the last position alone, [B, 1, d]
   */
  prefill(params: P, past: S, x: tf.Tensor3D, at: Cursor, lastOnly: boolean): Mixed<tf.Tensor3D, S>;
  /** Mixes x [B, d]. @param closing this token is the last of its period */
  step(params: P, state: S, x: tf.Tensor2D, at: Cursor, closing: boolean): Mixed<tf.Tensor2D, S>;
  /** Adds rows to a state of length n (before the call that made the rows). May allocate. */
  append(state: S, rows: Tree, n: number): S;
  stateFloats(n: number): StateFloats;
}

/** How a tensor function is run: as it stands, or recorded and compiled. Params are constants of the compiled form. */
export type Runner = <P extends Tree, A extends readonly Tree[], R extends Tree>(
  fn: (params: P, ...args: A) => R,
) => (params: P, ...args: A) => R;
