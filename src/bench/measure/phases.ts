/** The phases of docs/method.md, A.2, as things to run: each ends by reading the last tokens back to JavaScript. */
import { greedyTokens } from '../../models/parts/greedy.js';
import type { Phase } from '../../results/words.js';
import * as tf from '../../tf.js';
import { disposeTree, mapTree, type Tree } from '../../tree.js';
import type { Subject } from './subject.js';

/** What a cell is of. */
export interface Work {
  readonly phase: Phase;
  /** The prompt [B, n]; borrowed until the cell is disposed of. */
  readonly tokens: tf.Tensor2D;
  /** Tokens that a generate or a recompute emits. */
  readonly nTokens: number;
  /** Steps of one repeat in the decode phase. */
  readonly steps: number;
}

/** A cell ready to be run. */
export interface PreparedCell {
  /** One repeat, from the same start each time. @returns the tokens [B, …] that it emits last, row by row */
  readonly run: () => tf.TypedArray;
  /** In the decode phase, one single step from where the last left off; else null. */
  readonly singleStep: (() => void) | null;
  /** What the counts of the cell are of: one call, in the decode phase one step at depth n. */
  readonly counted: () => void;
  dispose(): void;
}

export const prepareCell = (subject: Subject, work: Work): PreparedCell => PREPARE[work.phase](subject, work);

const PREPARE: Record<Phase, (subject: Subject, work: Work) => PreparedCell> = {
  prefill: (subject, { tokens }) => repeated(() => prefillOnce(subject, tokens)),
  generate: (subject, { tokens, nTokens }) => repeated(() => generate(subject, tokens, nTokens)),
  recompute: (subject, { tokens, nTokens }) => repeated(() => recompute(subject, tokens, nTokens)),
  decode: prepareDecode,
};

const repeated = (run: () => tf.TypedArray): PreparedCell => ({
  ...{ run, singleStep: null, counted: run },
  dispose: () => undefined,
});

/** Prefill and its greedy token, known on the host. */
function prefill({ model, params }: Subject, tokens: tf.Tensor2D): { next: tf.Tensor1D; state: Tree } {
  const { logits, state } = model.prefill(params, tokens);
  try {
    return { next: greedyTokens(logits), state };
  } catch (error) {
    disposeTree(state);
    throw error;
  } finally {
    logits.dispose();
  }
}

function prefillOnce(subject: Subject, tokens: tf.Tensor2D): tf.TypedArray {
  const { next, state } = prefill(subject, tokens);
  const emitted = next.dataSync();
  disposeTree([next, state]);
  return emitted;
}

/** Decodes `count` tokens from a state and reads them. */
function decode(
  { model, params }: Subject,
  from: Tree,
  token: tf.Tensor1D,
  count: number,
): { emitted: tf.TypedArray; state: Tree } {
  const { tokens, state } = model.decode(params, from, token, count);
  const emitted = tokens.dataSync();
  tokens.dispose();
  return { emitted, state };
}

function decodeOnce(subject: Subject, from: Tree, token: tf.Tensor1D, count: number): tf.TypedArray {
  const { emitted, state } = decode(subject, from, token, count);
  disposeTree(state);
  return emitted;
}

function generate(subject: Subject, tokens: tf.Tensor2D, nTokens: number): tf.TypedArray {
  const { next, state } = prefill(subject, tokens);
  const emitted = decodeOnce(subject, state, next, nTokens);
  disposeTree([next, state]);
  return emitted;
}

/** The original study's protocol: the whole sequence again for every token. */
function recompute(subject: Subject, tokens: tf.Tensor2D, nTokens: number): tf.TypedArray {
  let sequence = tf.clone(tokens);
  let emitted: tf.TypedArray = new Int32Array();
  try {
    for (let i = 0; i < nTokens; i++) {
      const { next, state } = prefill(subject, sequence);
      emitted = next.dataSync();
      const longer: tf.Tensor2D = tf.tidy(() => tf.concat([sequence, tf.expandDims(next, 1) as tf.Tensor2D], 1));
      disposeTree([next, state, sequence]);
      sequence = longer;
    }
    return emitted;
  } finally {
    sequence.dispose();
  }
}

/** Steps at depth n, those of each repeat from the same state. */
function prepareDecode(subject: Subject, { tokens, steps }: Work): PreparedCell {
  const { next, state } = prefill(subject, tokens);
  let walking = mapTree(state, tf.clone);
  return {
    run: () => decodeOnce(subject, state, next, steps),
    counted: () => decodeOnce(subject, state, next, 1),
    singleStep() {
      const after = decode(subject, walking, next, 1).state;
      disposeTree(walking);
      walking = after;
    },
    dispose: () => disposeTree([next, state, walking]),
  };
}
