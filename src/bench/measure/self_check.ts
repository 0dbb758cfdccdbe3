/** Correct first: what every model must show before it is timed (docs/method.md, A.1). */
import { check } from '../../errors.js';
import type { Output } from '../../models/model.js';
import * as tf from '../../tf.js';
import { disposeTree, leaves, sizeOfTree, type Tree } from '../../tree.js';
import { type Workload, wholePeriods } from '../protocol/plan.js';
import { relativeError } from './parity.js';
import { promptTokens, type Subject } from './phases.js';

/** float32 sums in another order differ by about 1e-6; a wrong model by about 1. */
const TOLERANCE = 1e-3;
/** A prefill of this many tokens is work by chunks, for models that work so. */
const LEAST_TOKENS = 64;
/** Tokens after the longest prefill but one. */
const LAST_STEPS = 3;

/**
 * At a few lengths around whole periods of the model, and at every step between them: logits and states are finite, prefill then steps
 * equals the longer prefill, and a state is as large as the model says.
 * @throws UserError naming the model, the place and the rule it broke
 */
export function selfCheck(subject: Subject, workload: Workload): void {
  const whole = wholePeriods(subject.model.period, LEAST_TOKENS);
  const most = 2 * whole + 4;
  const tokens = promptTokens(workload, most);
  const [first, late] = [1, most - LAST_STEPS];
  try {
    const prefilled = new Map<number, tf.TypedArray>();
    for (const length of [first, whole, late, most]) {
      const out = prefill(subject, tokens, length);
      prefilled.set(length, checkLogits(subject, out.logits, `prefill of ${length}`));
      checkState(subject, out.state, length, tokens.shape[0], `prefill of ${length}`);
      disposeTree([out.logits, out.state]);
    }
    for (const start of [first, late]) checkSteps(subject, tokens, start, prefilled);
  } finally {
    tokens.dispose();
  }
}

/** @param prefilled logits by length: what the steps to that length must come to */
function checkSteps(
  subject: Subject,
  tokens: tf.Tensor2D,
  start: number,
  prefilled: ReadonlyMap<number, tf.TypedArray>,
): void {
  const { model, params } = subject;
  const [B, T] = tokens.shape;
  let out = prefill(subject, tokens, start);
  for (let length = start + 1; length <= T; length++) {
    const token = tf.tidy(() => tf.reshape(tf.slice(tokens, [0, length - 1], [B, 1]), [B]) as tf.Tensor1D);
    const next = model.step(params, out.state, token);
    disposeTree([out.logits, out.state, token]);
    out = next;
    const where = `prefill of ${start} and steps to ${length}`;
    const got = checkLogits(subject, out.logits, where);
    const error = relativeError(got, prefilled.get(length) ?? got);
    check(
      error <= TOLERANCE,
      `${model.name}: prefill then steps must equal the longer prefill, got a relative error of ${error} after a ${where} tokens`,
    );
  }
  checkState(subject, out.state, T, B, `prefill of ${start} and steps to ${T}`);
  disposeTree([out.logits, out.state]);
}

function prefill({ model, params }: Subject, tokens: tf.Tensor2D, length: number): Output<Tree> {
  const prefix = tf.slice(tokens, [0, 0], [tokens.shape[0], length]);
  const out = model.prefill(params, prefix);
  prefix.dispose();
  return out;
}

/** The logits, all of which are finite. */
function checkLogits({ model }: Subject, logits: tf.Tensor, where: string): tf.TypedArray {
  const values = logits.dataSync();
  checkFinite(values, `${model.name}: logits`, where);
  return values;
}

function checkState({ model }: Subject, state: Tree, length: number, batch: number, where: string): void {
  for (const leaf of leaves(state)) checkFinite(leaf.dataSync(), `${model.name}: the state`, where);
  const [floats, stated] = [sizeOfTree(state), batch * model.stateFloats(length).allocated];
  check(
    floats === stated,
    `${model.name}: a state of ${length} tokens must hold ${stated} floats, got ${floats} after a ${where} tokens`,
  );
}

function checkFinite(values: tf.TypedArray, what: string, where: string): void {
  const wrong = values.find((value) => !Number.isFinite(value));
  check(wrong === undefined, `${what} must be finite, got ${wrong} after a ${where} tokens`);
}
