/**
 * The block that all models share, so that a comparison compares mixers (docs/models.md):
 *
 *     x   = E[ids] + P(position)
 *     x  += Mix(LN1(x))                                  per layer
 *     x  += W_out gelu(W_in LN2(x) + b_in) + b_out
 *     logits = W_head LN(x_last) + b_head
 */
import * as tf from '../tf.js';
import { type Dense, dense, denseParameters, gelu, layerNorm, type Norm, normParameters } from './layers.js';
import type { Cursor, Mixer, ModelConfig, Output, Runner, SequenceModel } from './model.js';
import { createPositions } from './positions.js';
import { disposeTree, type Tree, tidyTree } from './tree.js';
import { scoped, type WeightSource } from './weights.js';

/** Bounds activation memory, whatever the length. */
const SEGMENT_TOKENS = 4096;

export interface TransformerOptions {
  /** How the tensor functions are run; as they stand by default. */
  readonly run?: Runner;
  /** Longest stretch of tokens that one pass of prefill works on; rounded up to whole periods of the mixer. */
  readonly segmentTokens?: number;
}

type Layer<M extends Tree> = {
  readonly norm1: Norm;
  readonly mixer: M;
  readonly norm2: Norm;
  readonly ffIn: Dense;
  readonly ffOut: Dense;
};
export type Parameters<M extends Tree> = {
  readonly embedding: tf.Tensor2D; // [V, d]
  readonly layers: readonly Layer<M>[];
  readonly norm: Norm;
  readonly head: Dense;
};
export type State<S extends Tree> = { readonly length: number; readonly layers: readonly S[] };

/** What one call returns before rows are appended; `rows` has an entry a layer. */
type Pass<S extends Tree> = {
  readonly logits: tf.Tensor2D;
  readonly layers: readonly S[];
  readonly rows: readonly Tree[];
};
/** The numbers of a call that depend on its place in the sequence. */
type Place = { readonly at: Cursor; readonly positions: tf.Tensor2D /* [T, d] */ };

const eager: Runner =
  (fn) =>
  (params, ...args) =>
    tidyTree(() => fn(params, ...args));

/** A sequence model out of a mixer. */
export function createTransformer<M extends Tree, S extends Tree>(
  name: string,
  config: ModelConfig,
  mixer: Mixer<M, S>,
  { run = eager, segmentTokens = SEGMENT_TOKENS }: TransformerOptions = {},
): SequenceModel<Parameters<M>, State<S>> {
  const segmentSize = Math.ceil(segmentTokens / mixer.period) * mixer.period;
  const positionsOf = createPositions(config.hiddenDim);
  const prefillOnce = run(prefillPass(mixer));
  const stepInside = run(stepPass(mixer, false));
  const stepClosing = run(stepPass(mixer, true));

  const placeOf = (start: number, count: number): Place => ({
    at: Object.fromEntries(Object.entries(mixer.cursor(start)).map(([key, value]) => [key, tf.scalar(value)])),
    positions: tf.tensor2d(positionsOf(start, count), [count, config.hiddenDim]),
  });
  const settle = ({ logits, layers, rows }: Pass<S>, start: number, count: number): Output<State<S>> => ({
    logits,
    state: { length: start + count, layers: layers.map((layer, i) => mixer.append(layer, rows[i] ?? [], start)) },
  });

  const extend = (params: Parameters<M>, state: State<S>, tokens: tf.Tensor2D): Output<State<S>> =>
    tidyTree(() => {
      const count = tokens.shape[1];
      return settle(prefillOnce(params, state.layers, tokens, placeOf(state.length, count)), state.length, count);
    });
  const step = (params: Parameters<M>, { length, layers }: State<S>, token: tf.Tensor1D): Output<State<S>> =>
    tidyTree(() => {
      const stepOnce = (length + 1) % mixer.period === 0 ? stepClosing : stepInside;
      return settle(stepOnce(params, layers, token, placeOf(length, 1)), length, 1);
    });

  return {
    name,
    init: (weights) => tidyTree(() => initParameters(config, mixer, weights)),
    prefill: (params, tokens) =>
      prefillBySegments(extend, params, emptyState(config, mixer, tokens.shape[0]), tokens, segmentSize),
    step,
    decode: (params, state, token, count) => decodeGreedily(step, params, state, token, count),
    stateFloats(n) {
      const { inUse, allocated } = mixer.stateFloats(n);
      return { inUse: config.numLayers * inUse, allocated: config.numLayers * allocated };
    },
  };
}

function initParameters<M extends Tree, S extends Tree>(
  { vocabSize, hiddenDim, numLayers, ffDim }: ModelConfig,
  mixer: Mixer<M, S>,
  weights: WeightSource,
): Parameters<M> {
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

function emptyState<S extends Tree>(config: ModelConfig, mixer: Mixer<Tree, S>, batch: number): State<S> {
  return { length: 0, layers: tidyTree(() => Array.from({ length: config.numLayers }, () => mixer.empty(batch))) };
}

type Extend<P extends Tree, S extends Tree> = (params: P, state: S, tokens: tf.Tensor2D) => Output<S>;

/** Runs over the tokens a segment at a time; owns `empty`. */
function prefillBySegments<P extends Tree, S extends Tree>(
  extend: Extend<P, S>,
  params: P,
  empty: S,
  tokens: tf.Tensor2D,
  segmentSize: number,
): Output<S> {
  const [B, T] = tokens.shape;
  const after = (state: S, start: number): Output<S> => {
    const segment = tf.slice(tokens, [0, start], [B, Math.min(segmentSize, T - start)]);
    const out = extend(params, state, segment);
    disposeTree([state, segment]);
    return out;
  };
  let out = after(empty, 0);
  for (let start = segmentSize; start < T; start += segmentSize) {
    out.logits.dispose();
    out = after(out.state, start);
  }
  return out;
}

type Step<P extends Tree, S extends Tree> = (params: P, state: S, token: tf.Tensor1D) => Output<S>;

function decodeGreedily<P extends Tree, S extends Tree>(
  step: Step<P, S>,
  params: P,
  state: S,
  token: tf.Tensor1D,
  count: number,
): { tokens: tf.Tensor2D; state: S } {
  const tokens: tf.Tensor1D[] = [];
  let current = state;
  for (let i = 0; i < count; i++) {
    const out = step(params, current, tokens[i - 1] ?? token);
    tokens.push(tf.argMax(out.logits, -1) as tf.Tensor1D);
    disposeTree(current === state ? out.logits : [out.logits, current]);
    current = out.state;
  }
  const stacked = tf.stack(tokens, 1) as tf.Tensor2D;
  disposeTree(tokens);
  return { tokens: stacked, state: current };
}

/** One parallel pass over ids [B, T]. Only the last position leaves it, so the last layer works on that one alone. */
const prefillPass =
  <M extends Tree, S extends Tree>(mixer: Mixer<M, S>) =>
  (params: Parameters<M>, past: readonly S[], ids: tf.Tensor2D, { at, positions }: Place): Pass<S> => {
    const lastLayer = params.layers.length - 1;
    let x: tf.Tensor3D = tf.add(tf.gather(params.embedding, ids), positions); // [B, T, d]
    const mixed = params.layers.map((layer, i) => {
      const lastOnly = i === lastLayer;
      const mix = tidyTree(() => mixer.prefill(layer.mixer, past[i] as S, layerNorm(x, layer.norm1), at, lastOnly));
      if (lastOnly) x = lastPosition(x);
      x = feedForward(layer, tf.add(x, mix.y));
      return mix;
    });
    return finish(params, tf.reshape(lastPosition(x), [ids.shape[0], -1]), mixed);
  };

/** One token a row, ids [B]. */
const stepPass =
  <M extends Tree, S extends Tree>(mixer: Mixer<M, S>, closing: boolean) =>
  (params: Parameters<M>, state: readonly S[], ids: tf.Tensor1D, { at, positions }: Place): Pass<S> => {
    let x: tf.Tensor2D = tf.add(tf.gather(params.embedding, ids), positions); // [B, d]
    const mixed = params.layers.map((layer, i) => {
      const mix = tidyTree(() => mixer.step(layer.mixer, state[i] as S, layerNorm(x, layer.norm1), at, closing));
      x = feedForward(layer, tf.add(x, mix.y));
      return mix;
    });
    return finish(params, x, mixed);
  };

function feedForward<M extends Tree, X extends tf.Tensor>(layer: Layer<M>, x: X): X {
  return tidyTree(() => tf.add(x, dense(gelu(dense(layerNorm(x, layer.norm2), layer.ffIn)), layer.ffOut)));
}

function lastPosition(x: tf.Tensor3D): tf.Tensor3D {
  const [B, T, d] = x.shape;
  return T === 1 ? x : tf.slice(x, [0, T - 1, 0], [B, 1, d]);
}

function finish<M extends Tree, S extends Tree>(
  params: Parameters<M>,
  x: tf.Tensor2D,
  mixed: readonly { readonly state: S; readonly rows: Tree }[],
): Pass<S> {
  return {
    logits: dense(layerNorm(x, params.norm), params.head),
    layers: mixed.map(({ state }) => state),
    rows: mixed.map(({ rows }) => rows),
  };
}
