/** A model along a sequence of tokens, wherever it runs: in this process, or in a page of a browser. */
import type * as tf from '../../tf.js';

/** Ids [B, T]. */
export type Ids = readonly (readonly number[])[];

/** Where a walk is: the results after `length` tokens, which are gone when it goes on. */
export interface Place {
  readonly length: number;
  readonly logits: tf.TypedArray; // [B, V]
  /** The elements of its tensors. */
  state(): readonly tf.TypedArray[] | Promise<readonly tf.TypedArray[]>;
}

export interface Walker {
  readonly name: string;
  readonly period: number | null;
  /** Floats of a row's state, after `length` tokens of a walk of `total`. */
  stateFloats(length: number, total: number): number;
  /** Prefill of the first `start` tokens, then a step for each of the others. */
  walk(ids: Ids, start: number): AsyncIterable<Place>;
}

/** The first `length` tokens. */
export const prefixOf = (ids: Ids, length: number): Ids => ids.map((row) => row.slice(0, length));
