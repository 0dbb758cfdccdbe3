/** Correct first: what every model must show before it is timed (docs/method.md, A.1). */
import { check } from '../../errors.js';
import { relativeError } from '../../statistics.js';
import type * as tf from '../../tf.js';
import { disposeTree, leaves, sizeOfTree, type Tree } from '../../tree.js';
import { checkedLengths } from '../protocol/plan.js';
import { prefillOf, type Subject, walk } from './subject.js';

/** float32 sums in another order differ by about 1e-6; a wrong model by about 1. */
const TOLERANCE = 1e-3;
/**
 * At a few lengths around whole periods of the model, and at every step between them: logits and states are finite,
 * prefill then steps equals the longer prefill, and a state is as large as the model says.
 * @param tokens [B, T], T the longest of checkedLengths
 * @throws UserError naming the model, the place and the rule it broke
 */
export function selfCheck(subject: Subject, tokens: tf.Tensor2D): void {
  const [B, T] = tokens.shape;
  const lengths = checkedLengths(subject.model.period);
  const [first, , late, longest] = lengths;
  check(T === longest, `${subject.model.name}: must be checked with ${longest} tokens, got ${T}`);
  const prefilled = new Map<number, tf.TypedArray>();
  for (const length of lengths) {
    const out = prefillOf(subject, tokens, length);
    prefilled.set(length, checkLogits(subject, out.logits, `prefill of ${length}`));
    checkState(subject, out.state, length, B, `prefill of ${length}`);
    disposeTree([out.logits, out.state]);
  }
  for (const start of [first, late]) checkSteps(subject, tokens, start, prefilled);
}

/** @param prefilled logits by length: what the steps to that length must come to */
function checkSteps(
  subject: Subject,
  tokens: tf.Tensor2D,
  start: number,
  prefilled: ReadonlyMap<number, tf.TypedArray>,
): void {
  const [B, T] = tokens.shape;
  for (const { logits, state, length } of walk(subject, tokens, start)) {
    const where = `prefill of ${start} and steps to ${length}`;
    const got = checkLogits(subject, logits, where);
    const error = relativeError(got, prefilled.get(length) ?? got);
    check(
      error <= TOLERANCE,
      `${subject.model.name}: prefill then steps must equal the longer prefill, got a relative error of ${error} after a ${where} tokens`,
    );
    if (length === T) checkState(subject, state, T, B, where);
  }
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
