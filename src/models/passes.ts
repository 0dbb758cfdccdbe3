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
import { mapTree, type Tree, tidyTree } from '../tree.js';
import type { AnyMixer, Cursor, LayerState, Mixed } from './mixer.js';
import type { ModelShape } from './model.js';
import type { AddRows } from './parts/attention.js';
import { type FeedForward, feedForward } from './parts/feed_forward.js';
import {
  type Dense,
  dense,
  denseParameters,
  lastPosition,
  layerNorm,
  type Norm,
  normParameters,
} from './parts/layers.js';
import { scoped, type WeightSource } from './weights.js';

/** Steps that one call decodes at most. */
export const BLOCK_STEPS = 32;
type Layer = FeedForward & { readonly norm1: Norm; readonly mixer: Tree };
export type Parameters = {
  readonly embedding: tf.Tensor2D; // [V, d]
  readonly layers: readonly Layer[];
  readonly norm: Norm;
  readonly head: Dense;
};
/** Where a call starts, by the periods of the mixers, and P of its positions. */
export type Place = {
  readonly at: { readonly [period: string]: Cursor };
  readonly positions: tf.Tensor2D /* [T, d] */;
};
/** What a layer works on: x [B, T, d] and its norm. */
type Entering = { readonly x: tf.Tensor3D; readonly normed: tf.Tensor3D };
/** What a pass that ends periods leaves behind, an entry a layer. */
export type Ended = {
  readonly layers: readonly LayerState[];
  readonly rows: readonly Tree[];
};

/** Tokens of a mixer's period; without one every token ends one. */
export const periodOf = ({ closing }: AnyMixer): number => closing?.period ?? 1;
const cursorOf = (mixer: AnyMixer, at: Place['at']): Cursor => at[periodOf(mixer)] as Cursor;

export function initParameters(
  { vocabSize, hiddenDim, ffDim }: ModelShape,
  mixers: readonly AnyMixer[],
  weights: WeightSource,
): Parameters {
  return {
    embedding: tf.tensor2d(weights.get('embedding.weight', [vocabSize, hiddenDim]), [vocabSize, hiddenDim]),
    layers: mixers.map((mixer, i) => {
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
  (mixers: readonly AnyMixer[]) =>
  (
    params: Parameters,
    ids: tf.Tensor2D,
    past: readonly LayerState[],
    { at, positions }: Place,
  ): Ended & { readonly last: tf.Tensor2D } => {
    const enter = (layer: Layer | undefined, x: tf.Tensor3D): Entering => ({
      x,
      normed: layer ? layerNorm(x, layer.norm1) : x,
    });
    const [first] = params.layers;
    let entering = fuse(() => enter(first, tf.add(tf.gather(params.embedding, ids), positions)));
    const mixed = mixers.map((mixer, i) => {
      const layer = params.layers[i] as Layer;
      const next = params.layers[i + 1];
      const lastOnly = next === undefined;
      const { x, normed } = entering;
      const mix = tidyTree(() =>
        mixer.prefill(layer.mixer, past[i] as LayerState, normed, cursorOf(mixer, at), lastOnly),
      );
      entering = fuse(() => enter(next, feedForward(layer, tf.add(lastOnly ? lastPosition(x) : x, mix.y))));
      return mix;
    });
    return { last: tf.reshape(lastPosition(entering.x), [ids.shape[0], -1]), ...ended(mixed) };
  };

/** One token a row, ids [B], inside a period. */
export const stepPass =
  (mixers: readonly AnyMixer[]) =>
  (
    params: Parameters,
    moving: readonly Tree[],
    seen: readonly Tree[],
    ids: tf.Tensor1D,
    { at, positions }: Place,
  ): { logits: tf.Tensor2D; moving: readonly Tree[] } => {
    let x: tf.Tensor2D = tf.add(tf.gather(params.embedding, ids), positions); // [B, d]
    const moved = mixers.map((mixer, i) => {
      const layer = params.layers[i] as Layer;
      const mixed = tidyTree(() =>
        mixer.step(layer.mixer, moving[i] as Tree, seen[i] as Tree, layerNorm(x, layer.norm1), cursorOf(mixer, at)),
      );
      x = feedForward(layer, tf.add(x, mixed.y));
      return mixed.moving;
    });
    return { logits: logitsOf(params, x), moving: moved };
  };

/**
 * One token a row, ids [B], that ends a period.
 * @param closes of which layers
 */
export const closingPass =
  (mixers: readonly AnyMixer[], closes: readonly boolean[]) =>
  (
    params: Parameters,
    state: readonly LayerState[],
    ids: tf.Tensor1D,
    { at, positions }: Place,
  ): Ended & { readonly logits: tf.Tensor2D } => {
    let x: tf.Tensor2D = tf.add(tf.gather(params.embedding, ids), positions); // [B, d]
    const mixed = mixers.map((mixer, i) => {
      const layer = params.layers[i] as Layer;
      const step = closes[i] ? closingStep : insideStep;
      const mix = tidyTree(() =>
        step(mixer, layer.mixer, state[i] as LayerState, layerNorm(x, layer.norm1), cursorOf(mixer, at)),
      );
      x = feedForward(layer, tf.add(x, mix.y));
      return mix;
    });
    return { logits: logitsOf(params, x), ...ended(mixed) };
  };

/** `count` greedy steps inside a period from ids [B]: their tokens, in the first columns of [B, BLOCK_STEPS], and the last. */
export const blockPass =
  (mixers: readonly AnyMixer[]) =>
  (
    params: Parameters,
    moving: readonly Tree[],
    seen: readonly Tree[],
    ids: tf.Tensor1D,
    count: tf.Scalar,
    { at, positions }: Place,
  ): { tokens: tf.Tensor2D; last: tf.Tensor1D; moving: readonly Tree[] } => {
    const step = stepPass(mixers);
    type Carried = { readonly ids: tf.Tensor1D; readonly tokens: tf.Tensor2D; readonly moving: readonly Tree[] };
    const columns = tf.range(0, BLOCK_STEPS, 1, 'int32');
    const start: Carried = { ids, tokens: tf.zeros([ids.shape[0], BLOCK_STEPS], 'int32'), moving };
    const after = (before: Carried, i: tf.Scalar): Carried => {
      const place = { at: advanced(at, i), positions: tf.gather(positions, tf.reshape(i, [1])) };
      const { logits, moving: moved } = step(params, before.moving, seen, before.ids, place);
      const next = tf.argMax(logits, -1) as tf.Tensor1D;
      return {
        ids: next,
        tokens: tf.where(tf.equal(columns, i), tf.expandDims(next, 1), before.tokens),
        moving: moved,
      };
    };
    const { ids: last, tokens, moving: moved } = loop(count, after, start);
    return { tokens, last, moving: moved };
  };

/** The cursors `count` steps later, inside all periods. */
function advanced(at: Place['at'], count: tf.Scalar): Place['at'] {
  const steps = tf.cast(count, 'float32');
  const cursors = Object.entries(at).map(([period, { settled, slot }]) => {
    return [period, { settled, slot: tf.add(slot, steps) as tf.Scalar }] as const;
  });
  return Object.fromEntries(cursors);
}

type StepOfLayer = (
  mixer: AnyMixer,
  params: Tree,
  state: LayerState,
  x: tf.Tensor2D,
  at: Cursor,
) => Mixed<tf.Tensor2D, LayerState>;

const closingStep: StepOfLayer = ({ closing }, params, state, x, at) =>
  (closing as NonNullable<typeof closing>).step(params, state, x, at);

/** Inside the period of a layer, where that of another one ends. */
const insideStep: StepOfLayer = (mixer, params, state, x, at) => {
  const { y, moving } = mixer.step(params, state.moving, state.seen, x, at);
  return { y, state: withMoving(state, moving), rows: [] };
};

/** A state of its own, with what a step inside the period has changed. */
export function withMoving({ seen, bank }: LayerState, moving: Tree): LayerState {
  return { moving, ...mapTree({ seen, bank }, tf.clone) };
}

/** The layers after a pass, with its rows added. @param addRows to a buffer of a mixer of this period */
export function appendAll(
  mixers: readonly AnyMixer[],
  { layers, rows }: Ended,
  addRows: (period: number) => AddRows,
): LayerState[] {
  return layers.map((layer, i) => {
    const closing = mixers[i]?.closing;
    return closing ? closing.append(layer, rows[i] ?? [], addRows(closing.period)) : layer;
  });
}

function ended(mixed: readonly { readonly state: LayerState; readonly rows: Tree }[]): Ended {
  return { layers: mixed.map(({ state }) => state), rows: mixed.map(({ rows }) => rows) };
}

/** Logits [B, V] of x [B, d]. */
export function logitsOf({ norm, head }: Parameters, x: tf.Tensor2D): tf.Tensor2D {
  return dense(layerNorm(x, norm), head);
}
