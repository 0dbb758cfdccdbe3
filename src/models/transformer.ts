/** A sequence model out of a mixer a layer: host code around the passes, which a runner may compile. */
import { min } from '../statistics.js';
import * as tf from '../tf.js';
import { disposeTree, type Tree, tidyTree } from '../tree.js';
import { fixedRoom, leastCommonMultiple } from './fixed_room.js';
import type { AnyMixer, Cursor, LayerState } from './mixer.js';
import type { ModelShape, Output, Runner, SequenceModel } from './model.js';
import { growing } from './parts/attention.js';
import { greedyTokens } from './parts/greedy.js';
import { createPositions } from './parts/positions.js';
import {
  appendAll,
  BLOCK_STEPS,
  blockPass,
  closingPass,
  type Ended,
  initParameters,
  logitsOf,
  type Parameters,
  type Place,
  periodOf,
  prefillPass,
  stepPass,
  withMoving,
} from './passes.js';

/** From this many tokens a call on, prefill is worth compiling thoroughly. */
const LONG_TOKENS = 256;

export interface TransformerOptions {
  /** How the tensor functions are run; as they stand by default. */
  readonly run?: Runner;
  /** Longest stretch of tokens that one pass of prefill works on, instead of the mixers' choice. */
  readonly segmentTokens?: number;
}

/** What a model carries from one token to the next. */
type State = { readonly length: number; readonly layers: readonly LayerState[] };

export const eager: Runner =
  (fn) =>
  (params, ...args) =>
    tidyTree(() => fn(params, ...args));

/** @param mixers one a layer, all of one kind or not */
export function createTransformer(
  name: string,
  shape: ModelShape,
  mixers: readonly AnyMixer[],
  { run = eager, segmentTokens = min(mixers.map(({ tuning }) => tuning.segmentTokens)) }: TransformerOptions = {},
): SequenceModel<Parameters, State> {
  const calls = createCalls(shape, mixers, run);
  const period = mixers.map(periodOf).reduce(leastCommonMultiple);
  const wholeSegment = Math.ceil(segmentTokens / period) * period;
  const model: SequenceModel<Parameters, State> = {
    name,
    period: mixers.every(({ closing }) => closing === null) ? null : period,
    init: (weights) => tidyTree(() => initParameters(shape, mixers, weights)),
    prefill: (params, tokens) => prefillBySegments(calls, params, tokens, wholeSegment),
    step: (params, state, token) =>
      stepsInside(mixers, state.length) === 0
        ? calls.closingStep(params, state, token)
        : calls.step(params, state, token),
    decode: (params, state, token, count) => decodeByBlocks(mixers, calls, params, state, token, count),
    stateFloats(n) {
      const floats = mixers.map((mixer) => mixer.stateFloats(n));
      return {
        inUse: floats.reduce((sum, { inUse }) => sum + inUse, 0),
        allocated: floats.reduce((sum, { allocated }) => sum + allocated, 0),
      };
    },
    fixedRoom: (most) => fixedRoom(shape, mixers, most, (params, tokens) => model.prefill(params, tokens)),
  };
  return model;
}

/** Steps after `length` tokens before the one that ends a period of some layer. */
const stepsInside = (mixers: readonly AnyMixer[], length: number): number =>
  min(mixers.map(({ closing }) => (closing === null ? Infinity : closing.period - 1 - (length % closing.period))));

/** The calls of a model: host code around the tensor functions below, which `run` may compile. */
interface Calls {
  /** One pass over all tokens [B, T] of a prompt. */
  prefill(params: Parameters, tokens: tf.Tensor2D): Output<State>;
  /** The state before the first token of B rows. */
  empty(batch: number): State;
  /** One pass over a segment [B, T] of a longer prompt. */
  extend(params: Parameters, tokens: tf.Tensor2D, state: State): Reached;
  /** What the head makes of the last position of a prompt, [B, V]. */
  logits(params: Parameters, last: tf.Tensor2D): tf.Tensor2D;
  step(params: Parameters, state: State, token: tf.Tensor1D): Output<State>;
  closingStep(params: Parameters, state: State, token: tf.Tensor1D): Output<State>;
  /** Up to BLOCK_STEPS greedy steps inside all periods. */
  block(params: Parameters, state: State, token: tf.Tensor1D, count: number): Decoded;
}
/** Where a segment of a prompt ends: what the head would read there, [B, d], and the state. */
type Reached = { readonly last: tf.Tensor2D; readonly state: State };
/** `tokens` [B, count], the last of them, and the state after them. */
type Decoded = { readonly tokens: tf.Tensor2D; readonly last: tf.Tensor1D; readonly state: State };

function createCalls({ hiddenDim }: ModelShape, mixers: readonly AnyMixer[], run: Runner): Calls {
  const positionsOf = createPositions(hiddenDim);
  const periods = [...new Set(mixers.map(periodOf))];
  const placeOf = (start: number, count: number): Place => ({
    at: Object.fromEntries(periods.map((period) => [period, cursorAt(period, start)])),
    positions: tf.tensor2d(positionsOf(start, count), [count, hiddenDim]),
  });
  const extendBy = prefillPass(mixers);
  const empty = (B: number): State => ({ length: 0, layers: mixers.map((mixer) => mixer.empty(B)) });
  const byLength = <A extends readonly Tree[], R extends Tree>(
    fn: (params: Parameters, tokens: tf.Tensor2D, ...rest: A) => R,
  ): typeof fn => {
    const runs = { graph: run(fn), parts: run(fn, { optimize: 'parts' }), whole: run(fn, { optimize: 'whole' }) };
    const choose = ({ size }: tf.Tensor) => {
      if (size < LONG_TOKENS) return 'graph';
      return mixers.every(({ tuning }) => tuning.prefill(size) === 'whole') ? 'whole' : 'parts';
    };
    return (params, tokens, ...rest) => runs[choose(tokens)](params, tokens, ...rest);
  };
  const extendOnce = byLength(extendBy);
  const stepOnce = run(stepPass(mixers));
  const closeOnce = closingRuns(mixers, run);
  const decodeBlock = run(blockPass(mixers), { optimize: 'whole' });
  return {
    // What is known of an empty state is made while recording, so that the graph holds it as constants.
    prefill: byLength((params, tokens) => {
      const [B, T] = tokens.shape;
      const pass = extendBy(params, tokens, empty(B).layers, placeOf(0, T));
      return { logits: logitsOf(params, pass.last), state: settle(mixers, pass, 0, T) };
    }),
    empty: (B) => tidyTree(() => empty(B)),
    extend: (params, tokens, { length, layers }) =>
      tidyTree(() => {
        const count = tokens.shape[1];
        const pass = extendOnce(params, tokens, layers, placeOf(length, count));
        return { last: pass.last, state: settle(mixers, pass, length, count) };
      }),
    logits: run(logitsOf),
    step: (params, state, token) =>
      tidyTree(() => {
        const { logits, moving } = stepOnce(params, ...parts(state), token, placeOf(state.length, 1));
        return { logits, state: move(state, moving, 1) };
      }),
    closingStep: (params, { length, layers }, token) =>
      tidyTree(() => {
        const { logits, ...pass } = closeOnce(length)(params, layers, token, placeOf(length, 1));
        return { logits, state: settle(mixers, pass, length, 1) };
      }),
    block: (params, state, token, count) =>
      tidyTree(() => {
        const steps = tf.scalar(count, 'int32');
        const out = decodeBlock(params, ...parts(state), token, steps, placeOf(state.length, BLOCK_STEPS));
        const tokens = count === BLOCK_STEPS ? out.tokens : tf.slice(out.tokens, [0, 0], [-1, count]);
        return { tokens, last: out.last, state: move(state, out.moving, count) };
      }),
  };
}

/** The step after `length` tokens, as a run of its own for each set of layers whose periods it ends. */
function closingRuns(mixers: readonly AnyMixer[], run: Runner) {
  const runOf = (closes: readonly boolean[]) => {
    const isWhole = mixers.every(({ tuning }, i) => !closes[i] || tuning.closing === 'whole');
    return run(closingPass(mixers, closes), { optimize: isWhole ? 'whole' : 'graph' });
  };
  const runs = new Map<string, ReturnType<typeof runOf>>();
  return (length: number): ReturnType<typeof runOf> => {
    const closes = mixers.map((mixer) => stepsInside([mixer], length) === 0);
    const known = runs.get(closes.join()) ?? runOf(closes);
    runs.set(closes.join(), known);
    return known;
  };
}

function cursorAt(period: number, length: number): Cursor {
  const slot = length % period;
  return { settled: tf.scalar(length - slot), slot: tf.scalar(slot) };
}

/** The state after a pass over `count` tokens from `start` on: its rows in the buffers they belong to. */
function settle(mixers: readonly AnyMixer[], ended: Ended, start: number, count: number): State {
  const layers = appendAll(mixers, ended, (period) => growing(start - (start % period)));
  return { length: start + count, layers };
}

/** What a step inside a period works on. */
const parts = ({ layers }: State) => [layers.map(({ moving }) => moving), layers.map(({ seen }) => seen)] as const;

/** The state after `count` steps inside a period. */
const move = ({ length, layers }: State, moving: readonly Tree[], count: number): State => ({
  length: length + count,
  layers: layers.map((layer, i) => withMoving(layer, moving[i] as Tree)),
});

/** Runs over the tokens a segment at a time; the head reads the last position of the last one. */
function prefillBySegments(
  calls: Calls,
  params: Parameters,
  tokens: tf.Tensor2D,
  segmentTokens: number,
): Output<State> {
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
function decodeByBlocks(
  mixers: readonly AnyMixer[],
  calls: Calls,
  params: Parameters,
  state: State,
  token: tf.Tensor1D,
  count: number,
): { readonly tokens: tf.Tensor2D; readonly state: State } {
  const next = (from: State, last: tf.Tensor1D, wanted: number): Decoded => {
    const inside = stepsInside(mixers, from.length);
    if (inside > 0) return calls.block(params, from, last, Math.min(wanted, inside, BLOCK_STEPS));
    const out = calls.closingStep(params, from, last);
    const token = greedyTokens(out.logits);
    out.logits.dispose();
    return { tokens: tf.tidy(() => tf.expandDims(token, 1)), last: token, state: out.state };
  };
  const pieces: tf.Tensor2D[] = [];
  let [current, last] = [state, token];
  for (let done = 0; done < count; done += pieces.at(-1)?.shape[1] ?? 0) {
    const out = next(current, last, count - done);
    if (current !== state) disposeTree([last, current]);
    pieces.push(out.tokens);
    [current, last] = [out.state, out.last];
  }
  if (last !== token) last.dispose();
  const tokens: tf.Tensor2D = pieces.length === 1 ? (pieces[0] as tf.Tensor2D) : tf.concat(pieces, 1);
  if (pieces.length > 1) disposeTree(pieces);
  return { tokens, state: current };
}
