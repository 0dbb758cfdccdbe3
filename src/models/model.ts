/**
 * What a sequence model is, and what a model file writes.
 *
 * Letters, fixed for the whole project: B batch, T tokens of a call, n tokens so far, d model dim, H heads, D = d/H head
 * dim, C chunk, N chunks, L layers, f feed-forward dim, V vocabulary, e compressed size, w convolution width.
 * Axis order is [B, H, T, D], and by chunks [N, B · H, C, D]; vectors are rows, so a state S [D_k, D_v] is read as o = q S.
 */
import type { Optimization } from '../compiled/optimization.js';
import type * as tf from '../tf.js';
import type { Tree } from '../tree.js';
import type { WeightSource } from './weights.js';

export interface ModelConfig {
  readonly vocabSize: number;
  readonly hiddenDim: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly ffDim: number;
  /** BSBR: tokens in a chunk, part of the model. Others: ignored. */
  readonly chunkSize: number;
  /** LinearTransformer and DeltaNet: tokens in a chunk of prefill, for speed alone; by default chosen by D. */
  readonly scanChunk?: number;
  /** BSBR: e = floor(d / factor); 0 for none. */
  readonly compressionFactor: number;
  readonly retrievalNorm: 'none' | 'l2';
}

/**
 * Tokens in a chunk of prefill for models whose result does not depend on it. By default those with which it is fastest,
 * of 16 to 128: measured for head dims of 16 to 128 (docs/compiled.md). Products within a chunk cost C, those with its
 * state D a token.
 */
export function scanChunkOf({
  hiddenDim,
  numHeads,
  scanChunk,
}: Pick<ModelConfig, 'hiddenDim' | 'numHeads'> & { readonly scanChunk?: number | undefined }): number {
  return scanChunk ?? (hiddenDim / numHeads < 64 ? 32 : 64);
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
}

/**
 * Where a call starts, as float32 scalars, so that one recorded graph serves every step: `settled` tokens in whole
 * periods of the mixer, and `slot` tokens after them.
 */
export type Cursor = { readonly settled: tf.Scalar; readonly slot: tf.Scalar };

/** A layer's state, by when it changes. */
export type LayerState<Moving extends Tree = Tree, Seen extends Tree = Tree, Bank extends Tree = Tree> = {
  /** Changed by every token. */
  readonly moving: Moving;
  /** Read by every token, changed only when a period of the mixer ends. */
  readonly seen: Seen;
  /** Read and changed only when a period ends. */
  readonly bank: Bank;
};

/** A result that ends periods: `rows` are to be appended to the buffers that grow with n. */
export type Mixed<Y extends tf.Tensor, S extends LayerState> = {
  readonly y: Y;
  readonly state: S;
  readonly rows: Tree;
};

/** What a model file writes: pure functions of tensors, for one layer. Arguments are borrowed, results share nothing with them. */
export interface Mixer<P extends Tree, S extends LayerState> {
  /** Tokens after which a step ends a period; null: never. */
  readonly period: number | null;
  /** Tokens of a prefill that are best worked on at a time. */
  readonly segmentTokens: number;
  /** What is worth doing to the graph of a prefill of this many tokens in all rows: measured, see docs/compiled.md. */
  optimizePrefill(tokens: number): 'parts' | 'whole';
  /** The same of a step that ends a period: one graph for each size of the bank. */
  readonly optimizeClosing: Optimization;
  parameters(weights: WeightSource): P;
  /** The state before the first token. */
  empty(batch: number): S;
  /**
   * Mixes x [B, T, d] after `past`, which has ended its periods.
   * @param lastOnly y for the last position alone, [B, 1, d]
   */
  prefill(params: P, past: S, x: tf.Tensor3D, at: Cursor, lastOnly: boolean): Mixed<tf.Tensor3D, S>;
  /** Mixes x [B, d] inside a period. */
  step(params: P, moving: S['moving'], seen: S['seen'], x: tf.Tensor2D, at: Cursor): Stepped<S['moving']>;
  /** Mixes x [B, d], the last token of a period. */
  closingStep(params: P, state: S, x: tf.Tensor2D, at: Cursor): Mixed<tf.Tensor2D, S>;
  /** Adds rows to the growing buffers of a state that had `settled` tokens in whole periods before the rows' call. */
  append(state: S, rows: Tree, settled: number): S;
  /** Of one layer, after n tokens. */
  stateFloats(n: number): StateFloats;
}

export type Stepped<M extends Tree> = { readonly y: tf.Tensor2D; readonly moving: M };

/** A mixer that never ends a period has nothing to close or append. */
export const neverCloses = {
  period: null,
  optimizeClosing: 'graph',
  closingStep(): never {
    throw new Error('closingStep: a mixer without a period must not be closed');
  },
  append: <S extends LayerState>(state: S): S => state,
} as const;

/** How a tensor function is run: as it stands, or recorded and compiled. Params are constants of the compiled form. */
export type Runner = <P extends Tree, A extends readonly Tree[], R extends Tree>(
  fn: (params: P, ...args: A) => R,
  options?: {
    /** What is worth doing to its graph, if the runner takes that time; 'graph' by default. */
    readonly optimize?: Optimization;
  },
) => (params: P, ...args: A) => R;
