/** A model with its parameters, and its two ways along a sequence of tokens. */
import type { Output, SequenceModel } from '../../models/model.js';
import * as tf from '../../tf.js';
import { disposeTree, type Tree } from '../../tree.js';

export interface Subject {
  readonly model: SequenceModel;
  readonly params: Tree;
}

/** Ids [B, T]. */
export const tensorOf = (ids: readonly (readonly number[])[]): tf.Tensor2D =>
  tf.tensor2d(Int32Array.from(ids.flat()), [ids.length, ids[0]?.length ?? 0], 'int32');

/** Prefill of the first `length` tokens of [B, T]. */
export function prefillOf({ model, params }: Subject, tokens: tf.Tensor2D, length: number): Output<Tree> {
  const prefix = tf.slice(tokens, [0, 0], [tokens.shape[0], length]);
  const out = model.prefill(params, prefix);
  prefix.dispose();
  return out;
}

/** Where a walk is: the results after `length` tokens, which are gone when it goes on. */
export type Place = Output<Tree> & { readonly length: number };

/** Prefill of the first `start` tokens of [B, T], then a step for each of the others. */
export function* walk(subject: Subject, tokens: tf.Tensor2D, start: number): Generator<Place> {
  const [B, T] = tokens.shape;
  let out = prefillOf(subject, tokens, start);
  try {
    yield { ...out, length: start };
    for (let length = start + 1; length <= T; length++) {
      const token = tf.tidy(() => tf.reshape(tf.slice(tokens, [0, length - 1], [B, 1]), [B]) as tf.Tensor1D);
      const next = subject.model.step(subject.params, out.state, token);
      disposeTree([out.logits, out.state, token]);
      out = next;
      yield { ...out, length };
    }
  } finally {
    disposeTree([out.logits, out.state]);
  }
}
