/** A sequence model out of a mixer: host code around the passes, which a runner may compile. */
import * as tf from '../tf.js';
import { disposeTree, mapTree, type Tree, tidyTree } from '../tree.js';
import { greedyTokens } from './greedy.js';
import type { LayerState, Mixer, ModelConfig, Output, Runner, SequenceModel } from './model.js';
import {
  BLOCK_STEPS,
  blockPass,
  closingPass,
  type Ended,
  initParameters,
  logitsOf,
  type Parameters,
  type Place,
  prefillPass,
  stepPass,
} from './passes.js';
import { createPositions } from './positions.js';

/** From this many tokens a call on, prefill is worth compiling thoroughly. */
const LONG_TOKENS = 256;

export interface TransformerOptions {
  /** How the tensor functions are run; as they stand by default. */
  readonly run?: Runner;
  /** Longest stretch of tokens that one pass of prefill works on, instead of the mixer's choice. */
  readonly segmentTokens?: number;
}

export type State<S extends LayerState> = { readonly length: number; readonly layers: readonly S[] };

const eager: Runner =
  (fn) =>
  (params, ...args) =>
    tidyTree(() => fn(params, ...args));

/** A sequence model out of a mixer. */
export function createTransformer<P extends Tree, S extends LayerState>(
  name: string,
  config: ModelConfig,
  mixer: Mixer<P, S>,
  { run = eager, segmentTokens = mixer.segmentTokens }: TransformerOptions = {},
): SequenceModel<Parameters<P>, State<S>> {
  const period = mixer.period ?? 1;
  const calls = createCalls(config, mixer, run);
  return {
    name,
    period: mixer.period,
    init: (weights) => tidyTree(() => initParameters(config, mixer, weights)),
    prefill: (params, tokens) => prefillBySegments(calls, params, tokens, Math.ceil(segmentTokens / period) * period),
    step: (params, state, token) =>
      closes(mixer, state.length) ? calls.closingStep(params, state, token) : calls.step(params, state, token),
    decode: (params, state, token, count) => decodeByBlocks(mixer, calls, params, state, token, count),
    stateFloats(n) {
      const { inUse, allocated } = mixer.stateFloats(n);
      return { inUse: config.numLayers * inUse, allocated: config.numLayers * allocated };
    },
  };
}

/** Whether the token after `length` others is the last of a period. */
const closes = ({ period }: AnyMixer, length: number): boolean => period !== null && (length + 1) % period === 0;

type AnyMixer = Pick<Mixer<Tree, LayerState>, 'period'>;

/** The calls of a model: host code around the tensor functions below, which `run` may compile. */
interface Calls<P extends Tree, S extends LayerState> {
  /** One pass over all tokens [B, T] of a prompt. */
  prefill(params: Parameters<P>, tokens: tf.Tensor2D): Output<State<S>>;
  /** The state before the first token of B rows. */
  empty(batch: number): State<S>;
  /** One pass over a segment [B, T] of a longer prompt. */
  extend(params: Parameters<P>, tokens: tf.Tensor2D, state: State<S>): Reached<State<S>>;
  /** What the head makes of the last position of a prompt, [B, V]. */
  logits(params: Parameters<P>, last: tf.Tensor2D): tf.Tensor2D;
  step(params: Parameters<P>, state: State<S>, token: tf.Tensor1D): Output<State<S>>;
  closingStep(params: Parameters<P>, state: State<S>, token: tf.Tensor1D): Output<State<S>>;
  /** Up to BLOCK_STEPS greedy steps inside a period. */
  block(params: Parameters<P>, state: State<S>, token: tf.Tensor1D, count: number): Decoded<State<S>>;
}
/** Where a segment of a prompt ends: what the head would read there, [B, d], and the state. */
type Reached<S extends Tree> = { readonly last: tf.Tensor2D; readonly state: S };
/** `tokens` [B, count], and the state after them. */
type Decoded<S extends Tree> = { readonly tokens: tf.Tensor2D; readonly state: S };

function createCalls<P extends Tree, S extends LayerState>(
  config: ModelConfig,
  mixer: Mixer<P, S>,
  run: Runner,
): Calls<P, S> {
  const { hiddenDim } = config;
  const positionsOf = createPositions(hiddenDim);
  const placeOf = (start: number, count: number): Place => {
    const settled = settledTokens(mixer, start);
    return {
      at: { settled: tf.scalar(settled), slot: tf.scalar(start - settled) },
      positions: tf.tensor2d(positionsOf(start, count), [count, hiddenDim]),
    };
  };
  const extendBy = prefillPass(mixer);
  const empty = (B: number): State<S> => ({
    length: 0,
    layers: Array.from({ length: config.numLayers }, () => mixer.empty(B)),
  });
  const byLength = <A extends readonly Tree[], R extends Tree>(
    fn: (params: Parameters<P>, tokens: tf.Tensor2D, ...rest: A) => R,
  ): typeof fn => {
    const runs = { graph: run(fn), parts: run(fn, { optimize: 'parts' }), whole: run(fn, { optimize: 'whole' }) };
    const choose = ({ size }: tf.Tensor) => (size < LONG_TOKENS ? 'graph' : mixer.optimizePrefill(size));
    return (params, tokens, ...rest) => runs[choose(tokens)](params, tokens, ...rest);
  };
  const extendOnce = byLength(extendBy);
  const stepOnce = run(stepPass(mixer));
  const closeOnce = run(closingPass(mixer), { optimize: mixer.optimizeClosing });
  const decodeBlock = run(blockPass(mixer), { optimize: 'whole' });
  return {
    // What is known of an empty state is made while recording, so that the graph holds it as constants.
    prefill: byLength((params, tokens) => {
      const [B, T] = tokens.shape;
      const pass = extendBy(params, tokens, empty(B).layers, placeOf(0, T));
      return { logits: logitsOf(params, pass.last), state: settle(mixer, pass, 0, T) };
    }),
    empty: (B) => tidyTree(() => empty(B)),
    extend: (params, tokens, { length, layers }) =>
      tidyTree(() => {
        const count = tokens.shape[1];
        const pass = extendOnce(params, tokens, layers, placeOf(length, count));
        return { last: pass.last, state: settle(mixer, pass, length, count) };
      }),
    logits: run(logitsOf),
    step: (params, state, token) =>
      tidyTree(() => {
        const { logits, moving } = stepOnce(params, ...parts(state), token, placeOf(state.length, 1));
        return { logits, state: move(state, moving, 1) };
      }),
    closingStep: (params, { length, layers }, token) =>
      tidyTree(() => {
        const { logits, ...pass } = closeOnce(params, layers, token, placeOf(length, 1));
        return { logits, state: settle(mixer, pass, length, 1) };
      }),
    block: (params, state, token, count) =>
      tidyTree(() => {
        const steps = tf.scalar(count, 'int32');
        const out = decodeBlock(params, ...parts(state), token, steps, placeOf(state.length, BLOCK_STEPS));
        return { tokens: tf.slice(out.tokens, [0, 0], [-1, count]), state: move(state, out.moving, count) };
      }),
  };
}

/** Of `length` tokens, those in whole periods. */
const settledTokens = ({ period }: AnyMixer, length: number): number => length - (length % (period ?? 1));

/** The state after a pass over `count` tokens from `start` on: its rows in the buffers they belong to. */
function settle<S extends LayerState>(
  mixer: Mixer<Tree, S>,
  { layers, rows }: Ended<S>,
  start: number,
  count: number,
): State<S> {
  const settled = settledTokens(mixer, start);
  return { length: start + count, layers: layers.map((layer, i) => mixer.append(layer, rows[i] ?? [], settled)) };
}

/** What a step inside a period works on. */
function parts<S extends LayerState>({
  layers,
}: State<S>): [moving: readonly S['moving'][], seen: readonly S['seen'][]] {
  return [layers.map(({ moving }) => moving), layers.map(({ seen }) => seen)];
}

/** The state after `count` steps inside a period. */
function move<S extends LayerState>(
  { length, layers }: State<S>,
  moving: readonly S['moving'][],
  count: number,
): State<S> {
  return {
    length: length + count,
    layers: layers.map(({ seen, bank }, i) => ({ moving: moving[i], ...mapTree({ seen, bank }, tf.clone) }) as S),
  };
}

/** Runs over the tokens a segment at a time; the head reads the last position of the last one. */
function prefillBySegments<P extends Tree, S extends LayerState>(
  calls: Calls<P, S>,
  params: Parameters<P>,
  tokens: tf.Tensor2D,
  segmentTokens: number,
): Output<State<S>> {
  const T = tokens.shape[1];
  if (T <= segmentTokens) return calls.prefill(params, tokens);
  const starts = Array.from({ length: Math.ceil(T / segmentTokens) }, (_, i) => i * segmentTokens);
  const sizes = starts.map((start) => Math.min(segmentTokens, T - start));
  const [first, ...others] = tf.split(tokens, sizes, 1) as [tf.Tensor2D, ...tf.Tensor2D[]];
  const empty = calls.empty(tokens.shape[0]);
  let reached = calls.extend(params, first, empty);
  disposeTree(empty);
  for (const segment of others) {
    const before = reached;
    reached = calls.extend(params, segment, before.state);
    disposeTree(before);
  }
  const logits = calls.logits(params, reached.last);
  disposeTree([reached.last, first, ...others]);
  return { logits, state: reached.state };
}

/** Blocks of steps, and a step of its own where a period ends. */
function decodeByBlocks<P extends Tree, S extends LayerState>(
  mixer: AnyMixer,
  calls: Calls<P, S>,
  params: Parameters<P>,
  state: State<S>,
  token: tf.Tensor1D,
  count: number,
): Decoded<State<S>> {
  const next = (from: State<S>, last: tf.Tensor1D, wanted: number): Decoded<State<S>> => {
    if (!closes(mixer, from.length)) {
      const toClose = mixer.period === null ? wanted : mixer.period - 1 - (from.length % mixer.period);
      return calls.block(params, from, last, Math.min(wanted, toClose, BLOCK_STEPS));
    }
    const out = calls.closingStep(params, from, last);
    const tokens = tf.tidy(() => tf.expandDims(greedyTokens(out.logits), 1) as tf.Tensor2D);
    out.logits.dispose();
    return { tokens, state: out.state };
  };
  const pieces: tf.Tensor2D[] = [];
  let current = state;
  for (let done = 0; done < count; done += pieces.at(-1)?.shape[1] ?? 0) {
    const last = lastColumn(pieces.at(-1)) ?? tf.clone(token);
    const out = next(current, last, count - done);
    disposeTree(current === state ? last : [last, current]);
    pieces.push(out.tokens);
    current = out.state;
  }
  const tokens: tf.Tensor2D = pieces.length === 1 ? (pieces[0] as tf.Tensor2D) : tf.concat(pieces, 1);
  if (pieces.length > 1) disposeTree(pieces);
  return { tokens, state: current };
}

function lastColumn(tokens: tf.Tensor2D | undefined): tf.Tensor1D | undefined {
  return tokens && tf.tidy(() => tf.squeeze(tf.slice(tokens, [0, tokens.shape[1] - 1], [-1, 1]), [1]));
}
