/** The phases of docs/method.md, A.2, as things to run: each ends by reading the last tokens back to JavaScript. */
import { greedyTokens } from '../../models/greedy.js';
import type { SequenceModel } from '../../models/model.js';
import { random } from '../../random.js';
import type { CellId } from '../../results/cell.js';
import type { Phase } from '../../results/words.js';
import * as tf from '../../tf.js';
import { disposeTree, type Tree } from '../../tree.js';
import { decodeSteps, type Workload } from '../protocol/plan.js';
import type { Timed } from '../run/sampling.js';

export interface Subject {
  readonly model: SequenceModel;
  readonly params: Tree;
}

/** A cell ready to be timed. */
export interface PreparedCell {
  readonly timed: Timed;
  /** Tokens that one repeat emits: by these a repeat is divided in the decode phase. */
  readonly tokensPerRepeat: number;
  /** In the decode phase, one single step from where the last left off; else null. */
  readonly singleStep: (() => void) | null;
  /** What the counts of the cell are of: one call, in the decode phase one step at depth n. */
  readonly counted: () => void;
  dispose(): void;
}

/** The prompt of a cell: the same for every model, [B, n]. */
export function promptTokens({ batchSize, seed, promptBytes, config }: Workload, n: number): tf.Tensor2D {
  const rng = random(seed, 'tokens');
  const ids = Int32Array.from({ length: batchSize * n }, (_, i) =>
    promptBytes === null ? rng.integer(config.vocabSize) : (promptBytes[(i % n) % promptBytes.length] as number),
  );
  return tf.tensor2d(ids, [batchSize, n], 'int32');
}

export function prepareCell(subject: Subject, cell: CellId, workload: Workload): PreparedCell {
  const tokens = promptTokens(workload, cell.n);
  const prepared = PREPARE[cell.phase](subject, tokens, workload);
  return {
    ...prepared,
    dispose() {
      prepared.dispose();
      tokens.dispose();
    },
  };
}

type Prepare = (subject: Subject, tokens: tf.Tensor2D, workload: Workload) => PreparedCell;

const PREPARE: Record<Phase, Prepare> = {
  prefill: (subject, tokens) => repeated(1, () => disposeTree([...Object.values(prefill(subject, tokens))])),
  generate: (subject, tokens, { nTokens }) => repeated(nTokens, () => generate(subject, tokens, nTokens)),
  recompute: (subject, tokens, { nTokens }) => repeated(nTokens, () => recompute(subject, tokens, nTokens)),
  decode: prepareDecode,
};

function repeated(tokensPerRepeat: number, once: () => void): PreparedCell {
  const timed: Timed = (repeats) => {
    for (let i = 0; i < repeats; i++) once();
  };
  return { timed, tokensPerRepeat, singleStep: null, counted: once, dispose: () => undefined };
}

/** Prefill and its greedy token, known on the host. */
function prefill({ model, params }: Subject, tokens: tf.Tensor2D): { next: tf.Tensor1D; state: Tree } {
  const { logits, state } = model.prefill(params, tokens);
  const next = greedyTokens(logits);
  logits.dispose();
  return { next, state };
}

/** Decodes `count` tokens from a state, reads them, and returns the state after them. */
function decode({ model, params }: Subject, state: Tree, token: tf.Tensor1D, count: number): Tree {
  const out = model.decode(params, state, token, count);
  out.tokens.dataSync();
  out.tokens.dispose();
  return out.state;
}

function generate(subject: Subject, tokens: tf.Tensor2D, nTokens: number): void {
  const { next, state } = prefill(subject, tokens);
  disposeTree([next, state, decode(subject, state, next, nTokens)]);
}

/** The original study's protocol: the whole sequence again for every token. */
function recompute(subject: Subject, tokens: tf.Tensor2D, nTokens: number): void {
  let sequence = tf.clone(tokens);
  for (let i = 0; i < nTokens; i++) {
    const { next, state } = prefill(subject, sequence);
    const longer: tf.Tensor2D = tf.concat([sequence, tf.expandDims(next, 1) as tf.Tensor2D], 1);
    disposeTree([next, state, sequence]);
    sequence = longer;
  }
  sequence.dispose();
}

/** Whole periods of the model at depth n, each repeat from the same state. */
function prepareDecode(subject: Subject, tokens: tf.Tensor2D): PreparedCell {
  const { next, state } = prefill(subject, tokens);
  const count = decodeSteps(subject.model.period);
  let walking = decode(subject, state, next, 1);
  return {
    tokensPerRepeat: count,
    timed(repeats) {
      for (let i = 0; i < repeats; i++) disposeTree(decode(subject, state, next, count));
    },
    counted: () => disposeTree(decode(subject, state, next, 1)),
    singleStep() {
      const after = decode(subject, walking, next, 1);
      disposeTree(walking);
      walking = after;
    },
    dispose: () => disposeTree([next, state, walking]),
  };
}
