/** Does a model return what a golden file says, on both of its paths? */

import type { SequenceModel } from '../../models/model.js';
import { relativeError } from '../../statistics.js';
import type * as tf from '../../tf.js';
import { disposeTree } from '../../tree.js';
import type { Fixture } from './fixture.js';
import { walkerOf } from './subject.js';
import { prefixOf, type Walker } from './walker.js';

/** Largest rms(got − expected) / rms(expected) that passes. */
export const PARITY_TOLERANCE = 1e-4;

/** The largest ratio of a path, or its first NaN, and where it is: `position` counts from 0. */
export interface Worst {
  readonly ratio: number;
  readonly position: number;
}

export interface Parity {
  /** Prefill of prefixes. */
  readonly prefill: Worst;
  /** Prefill of some length, then steps: from several lengths. */
  readonly steps: Worst;
}

export const passes = ({ prefill, steps }: Parity): boolean =>
  prefill.ratio <= PARITY_TOLERANCE && steps.ratio <= PARITY_TOLERANCE; // a NaN is not

/** Runs a model over a golden file. @param prefixes of which prefill is checked; every one by default */
export async function checkParity(
  model: SequenceModel,
  fixture: Fixture,
  prefixes?: readonly number[],
): Promise<Parity> {
  const params = model.init(fixture.weights);
  try {
    return await parityOf(walkerOf({ model, params }), fixture, prefixes);
  } finally {
    disposeTree(params);
  }
}

/** The same of a model that runs elsewhere, with the weights of the file. */
export async function parityOf(
  walker: Walker,
  fixture: Fixture,
  prefixes: readonly number[] = Array.from({ length: fixture.tokens }, (_, i) => i + 1),
): Promise<Parity> {
  const { ids, batch, tokens } = fixture;
  const rows = Array.from({ length: batch }, (_, row) => [...ids.subarray(row * tokens, (row + 1) * tokens)]);
  const prefill = createTracker(fixture);
  for (const length of prefixes) {
    for await (const { logits } of walker.walk(prefixOf(rows, length), length)) prefill.compare(logits, length - 1);
  }
  const steps = createTracker(fixture);
  for (const start of splits(tokens, walker.period)) {
    for await (const { logits, length } of walker.walk(rows, start)) {
      if (length > start) steps.compare(logits, length - 1);
    }
  }
  return { prefill: prefill.worst(), steps: steps.worst() };
}

/** Lengths of the prefill before the steps: the shortest, the longest, a middle one, and those around the ends of periods. */
export function splits(tokens: number, period: number | null): number[] {
  const around = period === null ? [] : [period - 1, period, period + 1, 2 * period];
  const lengths = [1, ...around, Math.ceil(tokens / 2), tokens - 1];
  return [...new Set(lengths)].filter((length) => length >= 1 && length < tokens);
}

function createTracker({ logits: expected, batch, tokens, shape: { vocabSize: V } }: Fixture) {
  let worst: Worst = { ratio: 0, position: 0 };
  return {
    worst: () => worst,
    compare(got: tf.TypedArray, position: number): void {
      for (let row = 0; row < batch; row++) {
        const start = (row * tokens + position) * V;
        const ratio = relativeError(got.subarray(row * V, (row + 1) * V), expected.subarray(start, start + V));
        if (isWorse(ratio, worst.ratio)) worst = { ratio, position };
      }
    },
  };
}

/** A ratio that is no number is worse than any that is, and no later one takes its place. */
const isWorse = (ratio: number, than: number): boolean => !Number.isNaN(than) && !(ratio <= than);
