/** Does a model return what a golden file says, on both of its paths? */

import type { SequenceModel } from '../../models/model.js';
import { relativeError } from '../../statistics.js';
import * as tf from '../../tf.js';
import { disposeTree } from '../../tree.js';
import type { Fixture } from './fixture.js';
import { prefillOf, walk } from './subject.js';

/** Largest rms(got − expected) / rms(expected) that passes. */
export const PARITY_TOLERANCE = 1e-4;

/** The largest ratio of a path, or its first NaN, and where it is: `position` counts from 0. */
export interface Worst {
  readonly ratio: number;
  readonly position: number;
}

export interface Parity {
  /** Prefill of every prefix. */
  readonly prefill: Worst;
  /** Prefill of some length, then steps: from several lengths. */
  readonly steps: Worst;
}

export const passes = ({ prefill, steps }: Parity): boolean =>
  prefill.ratio <= PARITY_TOLERANCE && steps.ratio <= PARITY_TOLERANCE; // a NaN is not

/** Runs a model over a golden file. */
export function checkParity(model: SequenceModel, fixture: Fixture): Parity {
  const { ids, batch, tokens } = fixture;
  const params = model.init(fixture.weights);
  const input = tf.tensor2d(ids, [batch, tokens], 'int32');
  const prefill = createTracker(fixture);
  for (let length = 1; length <= tokens; length++) {
    const { logits, state } = prefillOf({ model, params }, input, length);
    prefill.compare(logits, length - 1);
    disposeTree([logits, state]);
  }
  const steps = createTracker(fixture);
  for (const start of splits(tokens, model.period)) {
    for (const { logits, length } of walk({ model, params }, input, start)) {
      if (length > start) steps.compare(logits, length - 1);
    }
  }
  disposeTree([params, input]);
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
    compare(logits: tf.Tensor, position: number): void {
      const got = logits.dataSync();
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
