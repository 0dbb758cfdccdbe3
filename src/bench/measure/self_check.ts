/** Correct first: what every model must show before it is timed (docs/method.md, A.1). */
import { check } from '../../errors.js';
import { relativeError } from '../../statistics.js';
import type * as tf from '../../tf.js';
import { checkedLengths } from '../protocol/plan.js';
import { type Ids, type Place, prefixOf, type Walker } from './walker.js';

/** float32 sums in another order differ by about 1e-6; a wrong model by about 1. */
const TOLERANCE = 1e-3;
/**
 * At a few lengths around whole periods of the model, and at every step between them: logits and states are finite,
 * prefill then steps equals the longer prefill, and a state is as large as the model says.
 * @param tokens [B, T], T the longest of checkedLengths
 * @throws UserError naming the model, the place and the rule it broke
 */
export async function selfCheck(walker: Walker, tokens: Ids): Promise<void> {
  const T = tokens[0]?.length ?? 0;
  const lengths = checkedLengths(walker.period);
  const [first, , late, longest] = lengths;
  check(T === longest, `${walker.name}: must be checked with ${longest} tokens, got ${T}`);
  const prefilled = new Map<number, tf.TypedArray>();
  for (const length of lengths) {
    for await (const place of walker.walk(prefixOf(tokens, length), length)) {
      prefilled.set(length, checkLogits(walker, place.logits, `prefill of ${length}`));
      await checkState(walker, place, tokens.length, length, `prefill of ${length}`);
    }
  }
  for (const start of [first, late]) await checkSteps(walker, tokens, start, prefilled);
}

/** @param prefilled logits by length: what the steps to that length must come to */
async function checkSteps(
  walker: Walker,
  tokens: Ids,
  start: number,
  prefilled: ReadonlyMap<number, tf.TypedArray>,
): Promise<void> {
  const T = tokens[0]?.length ?? 0;
  for await (const place of walker.walk(tokens, start)) {
    const { logits, length } = place;
    const where = `prefill of ${start} and steps to ${length}`;
    const got = checkLogits(walker, logits, where);
    const error = relativeError(got, prefilled.get(length) ?? got);
    check(
      error <= TOLERANCE,
      `${walker.name}: prefill then steps must equal the longer prefill, got a relative error of ${error} after a ${where} tokens`,
    );
    if (length === T) await checkState(walker, place, tokens.length, T, where);
  }
}

/** The logits, all of which are finite. */
function checkLogits({ name }: Walker, logits: tf.TypedArray, where: string): tf.TypedArray {
  checkFinite(logits, `${name}: logits`, where);
  return logits;
}

/** @param total tokens of the walk */
async function checkState(walker: Walker, place: Place, batch: number, total: number, where: string): Promise<void> {
  const { name } = walker;
  const leaves = await place.state();
  for (const leaf of leaves) checkFinite(leaf, `${name}: the state`, where);
  const floats = leaves.reduce((sum, leaf) => sum + leaf.length, 0);
  const stated = batch * walker.stateFloats(place.length, total);
  check(
    floats === stated,
    `${name}: a state of ${place.length} tokens must hold ${stated} floats, got ${floats} after a ${where} tokens`,
  );
}

function checkFinite(values: tf.TypedArray, what: string, where: string): void {
  const wrong = values.find((value) => !Number.isFinite(value));
  check(wrong === undefined, `${what} must be finite, got ${wrong} after a ${where} tokens`);
}
