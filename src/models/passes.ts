/**
 * The block that all models share, so that a comparison compares mixers (docs/models.md):
 *
 *     x   = E[ids] + P(position)
 *     x  += Mix(LN1(x))                                  per layer
 *     x  += W_out gelu(W_in LN2(x) + b_in) + b_out
 *     logits = W_head LN(x_last) + b_head
 */
import { fuse } from '../compiled/fuse.js';
import { loop } from '../compiled/loop.js';
import * as tf from '../tf.js';
import { type Tree, tidyTree } from '../tree.js';
import { type Dense, dense, denseParameters, gelu, layerNorm, type Norm, normParameters } from './layers.js';
import type { Cursor, LayerState, Mixer, ModelConfig } from './model.js';
import { scoped, type WeightSource } from './weights.js';

/** Steps that one call decodes at most. */
export const BLOCK_STEPS = 32;
type Layer<P extends Tree> = {
  readonly norm1: Norm;
  readonly mixer: P;
  readonly norm2: Norm;
  readonly ffIn: Dense;
  readonly ffOut: Dense;
};
export type Parameters<P extends Tree> = {
  readonly embedding: tf.Tensor2D; // [V, d]
  readonly layers: readonly Layer<P>[];
  readonly norm: Norm;
  readonly head: Dense;
};
/** Where a call starts, and P of its positions. */
export type Place = { readonly at: Cursor; readonly positions: tf.Tensor2D /* [T, d] */ };
/** What a layer works on: x [B, T, d] and its norm. */
type Entering = { readonly x: tf.Tensor3D; readonly normed: tf.Tensor3D };
/** What a pass that ends periods leaves behind, an entry a layer. */
export type Ended<S extends LayerState> = {
  readonly layers: readonly S[];
  readonly rows: readonly Tree[];
};

export function initParameters<P extends Tree, S extends LayerState>(
  { vocabSize, hiddenDim, numLayers, ffDim }: ModelConfig,
  mixer: Mixer<P, S>,
  weights: WeightSource,
): Parameters<P> {
  return {
    embedding: tf.tensor2d(weights.get('embedding.weight', [vocabSize, hiddenDim]), [vocabSize, hiddenDim]),
    layers: Array.from({ length: numLayers }, (_, i) => {
      const layer = scoped(weights, `layers.${i}.`);
      return {
        norm1: normParameters(layer, 'norm1', hiddenDim),
        mixer: mixer.parameters(scoped(layer, 'mixer.')),
        norm2: normParameters(layer, 'norm2', hiddenDim),
        ffIn: denseParameters(layer, ['ff.in'], ffDim, hiddenDim),
        ffOut: denseParameters(layer, ['ff.out'], hiddenDim, ffDim),
      };
    }),
    norm: normParameters(weights, 'norm', hiddenDim),
    head: denseParameters(weights, ['head'], vocabSize, hiddenDim),
  };
}

/**
 * One parallel pass over ids [B, T]. Only the last position leaves it, so the last layer works on that one alone.
 * @returns `last` [B, d], what the head is to read there
 */
export const prefillPass =
  <P extends Tree, S extends LayerState>(mixer: Mixer<P, S>) =>
  (
    params: Parameters<P>,
    ids: tf.Tensor2D,
    past: readonly S[],
    { at, positions }: Place,
  ): Ended<S> & { readonly last: tf.Tensor2D } => {
    const enter = (layer: Layer<P> | undefined, x: tf.Tensor3D): Entering => ({
      x,
      normed: layer ? layerNorm(x, layer.norm1) : x,
    });
    const [first] = params.layers;
    let entering = fuse(() => enter(first, tf.add(tf.gather(params.embedding, ids), positions)));
    const mixed = params.layers.map((layer, i) => {
      const next = params.layers[i + 1];
      const lastOnly = next === undefined;
      const { x, normed } = entering;
      const mix = tidyTree(() => mixer.prefill(layer.mixer, past[i] as S, normed, at, lastOnly));
      entering = fuse(() => enter(next, feedForward(layer, tf.add(lastOnly ? lastPosition(x) : x, mix.y))));
      return mix;
    });
    return { last: tf.reshape(lastPosition(entering.x), [ids.shape[0], -1]), ...ended(mixed) };
  };

/** One token a row, ids [B], inside a period. */
export const stepPass =
  <P extends Tree, S extends LayerState>(mixer: Mixer<P, S>) =>
  (
    params: Parameters<P>,
    moving: readonly S['moving'][],
    seen: readonly S['seen'][],
    ids: tf.Tensor1D,
    { at, positions }: Place,
  ): { logits: tf.Tensor2D; moving: readonly S['moving'][] } => {
    let x: tf.Tensor2D = tf.add(tf.gather(params.embedding, ids), positions); // [B, d]
    const moved = params.layers.map((layer, i) => {
      const mixed = tidyTree(() =>
        mixer.step(layer.mixer, moving[i] as S['moving'], seen[i] as S['seen'], layerNorm(x, layer.norm1), at),
      );
      x = feedForward(layer, tf.add(x, mixed.y));
      return mixed.moving;
    });
    return { logits: logitsOf(params, x), moving: moved };
  };

/** One token a row, ids [B], that ends a period. */
export const closingPass =
  <P extends Tree, S extends LayerState>(mixer: Mixer<P, S>) =>
  (
    params: Parameters<P>,
    state: readonly S[],
    ids: tf.Tensor1D,
    { at, positions }: Place,
  ): Ended<S> & { readonly logits: tf.Tensor2D } => {
    let x: tf.Tensor2D = tf.add(tf.gather(params.embedding, ids), positions); // [B, d]
    const mixed = params.layers.map((layer, i) => {
      const before = state[i] as S;
      const mix = tidyTree(() => mixer.closingStep(layer.mixer, before, layerNorm(x, layer.norm1), at));
      x = feedForward(layer, tf.add(x, mix.y));
      return mix;
    });
    return { logits: logitsOf(params, x), ...ended(mixed) };
  };

/** `count` greedy steps inside a period from ids [B]: their tokens, in the first columns of [B, BLOCK_STEPS]. */
export const blockPass =
  <P extends Tree, S extends LayerState>(mixer: Mixer<P, S>) =>
  (
    params: Parameters<P>,
    moving: readonly S['moving'][],
    seen: readonly S['seen'][],
    ids: tf.Tensor1D,
    count: tf.Scalar,
    { at, positions }: Place,
  ): { tokens: tf.Tensor2D; moving: readonly S['moving'][] } => {
    const step = stepPass(mixer);
    type Carried = { readonly ids: tf.Tensor1D; readonly tokens: tf.Tensor2D; readonly moving: readonly S['moving'][] };
    const start: Carried = { ids, tokens: tf.zeros([ids.shape[0], BLOCK_STEPS], 'int32'), moving };
    const after = (before: Carried, i: tf.Scalar): Carried => {
      const place = {
        at: { settled: at.settled, slot: tf.add(at.slot, tf.cast(i, 'float32')) as tf.Scalar },
        positions: tf.gather(positions, tf.reshape(i, [1])),
      };
      const { logits, moving: moved } = step(params, before.moving, seen, before.ids, place);
      const next = tf.argMax(logits, -1) as tf.Tensor1D;
      const column = tf.oneHot(tf.reshape(i, [1]), BLOCK_STEPS); // [1, BLOCK_STEPS], int32
      return { ids: next, tokens: tf.add(before.tokens, tf.mul(tf.expandDims(next, 1), column)), moving: moved };
    };
    const { tokens, moving: moved } = loop(count, after, start);
    return { tokens, moving: moved };
  };

function ended<S extends LayerState>(mixed: readonly { readonly state: S; readonly rows: Tree }[]): Ended<S> {
  return { layers: mixed.map(({ state }) => state), rows: mixed.map(({ rows }) => rows) };
}

function feedForward<P extends Tree, X extends tf.Tensor>(layer: Layer<P>, x: X): X {
  return tidyTree(() => tf.add(x, dense(gelu(dense(layerNorm(x, layer.norm2), layer.ffIn)), layer.ffOut)));
}

/** Logits [B, V] of x [B, d]. */
export function logitsOf<P extends Tree>({ norm, head }: Parameters<P>, x: tf.Tensor2D): tf.Tensor2D {
  return dense(layerNorm(x, norm), head);
}

function lastPosition(x: tf.Tensor3D): tf.Tensor3D {
  const [B, T, d] = x.shape;
  return T === 1 ? x : tf.slice(x, [0, T - 1, 0], [B, 1, d]);
}
