/**
 * What a model file writes: pure functions of tensors, for one layer. Arguments are borrowed, results share nothing with
 * them. A mixer whose steps all cost the same is written by `recurrent`; one whose steps end periods writes a `Mixer`.
 * The letters and the order of axes are those of model.ts.
 */
import type * as tf from '../tf.js';
import type { Tree } from '../tree.js';
import type { StateFloats } from './model.js';
import type { AddRows } from './parts/attention.js';
import type { WeightSource } from './weights.js';

/** What is best for speed, measured (docs/compiled.md); no result depends on it. */
export interface Tuning {
  /** Tokens of a prefill that are best worked on at a time. */
  readonly segmentTokens: number;
  /** What is worth doing to the graph of a prefill of this many tokens in all rows. */
  prefill(tokens: number): 'parts' | 'whole';
  /** The same of a step that ends a period, one graph for each size of the bank; 'graph' by default. */
  readonly closing?: 'graph' | 'whole';
}

/** A mixer without periods: its state is all of one kind, and as large whatever its length. */
export interface Recurrence<P extends Tree, S extends Tree> {
  /** Segments of 1,024 tokens whose graph is compiled whole, unless it says otherwise. */
  readonly tuning?: Tuning;
  parameters(weights: WeightSource): P;
  /** The state before the first token. */
  empty(batch: number): S;
  /**
   * Mixes x [B, T, d] after `past`.
   * @param lastOnly y for the last position alone, [B, 1, d]
   */
  prefill(params: P, past: S, x: tf.Tensor3D, lastOnly: boolean): { readonly y: tf.Tensor3D; readonly state: S };
  /** Mixes x [B, d]. */
  step(params: P, past: S, x: tf.Tensor2D): { readonly y: tf.Tensor2D; readonly state: S };
  /** Floats of a state, a row. */
  readonly stateFloats: number;
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

/** A result that may end periods: `rows` are to be appended to the buffers that grow with n. */
export type Mixed<Y extends tf.Tensor, S extends LayerState> = {
  readonly y: Y;
  readonly state: S;
  readonly rows: Tree;
};

export interface Mixer<P extends Tree, S extends LayerState> {
  readonly tuning: Tuning;
  /** Null: no step ends a period. */
  readonly closing: Closing<P, S> | null;
  parameters(weights: WeightSource): P;
  /** The state before the first token. */
  empty(batch: number): S;
  /**
   * Mixes x [B, T, d] after `past`, which has ended its periods.
   * @param lastOnly y for the last position alone, [B, 1, d]
   */
  prefill(params: P, past: S, x: tf.Tensor3D, at: Cursor, lastOnly: boolean): Mixed<tf.Tensor3D, S>;
  /** Mixes x [B, d] inside a period. */
  step(
    params: P,
    moving: S['moving'],
    seen: S['seen'],
    x: tf.Tensor2D,
    at: Cursor,
  ): { readonly y: tf.Tensor2D; readonly moving: S['moving'] };
  /** Of one layer, after n tokens. */
  stateFloats(n: number): StateFloats;
}

/** The end of a period. */
export interface Closing<P extends Tree, S extends LayerState> {
  /** Tokens after which a step ends a period. */
  readonly period: number;
  /** Mixes x [B, d], the last token of a period. */
  step(params: P, state: S, x: tf.Tensor2D, at: Cursor): Mixed<tf.Tensor2D, S>;
  /** The state with the rows of a call, if there are any, added to the buffers that grow. */
  append(state: S, rows: Tree, add: AddRows): S;
}

/** A mixer whose parameters and state nobody outside its file looks into. */
export type AnyMixer = Mixer<Tree, LayerState>;

/** A mixer out of a recurrence. */
export function recurrent<P extends Tree, S extends Tree>(mixer: Recurrence<P, S>): Mixer<P, LayerState<S, [], []>> {
  const floats = mixer.stateFloats;
  const layerState = (moving: S): LayerState<S, [], []> => ({ moving, seen: [], bank: [] });
  return {
    tuning: mixer.tuning ?? { segmentTokens: 1024, prefill: () => 'whole' },
    closing: null,
    parameters: (weights) => mixer.parameters(weights),
    empty: (B) => layerState(mixer.empty(B)),
    prefill(params, { moving }, x, _at, lastOnly) {
      const { y, state } = mixer.prefill(params, moving, x, lastOnly);
      return { y, state: layerState(state), rows: [] };
    },
    step(params, past, _seen, x) {
      const { y, state } = mixer.step(params, past, x);
      return { y, moving: state };
    },
    stateFloats: () => ({ inUse: floats, allocated: floats }),
  };
}
