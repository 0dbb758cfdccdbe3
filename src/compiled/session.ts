/** A graph that is ready to run, whatever runs it. */
import type * as tf from '../tf.js';

export interface GraphInfo {
  /** The op of every node that computes, by its TensorFlow or ONNX name; those of a loop's body once. */
  readonly ops: readonly string[];
  /** What the graph's own constants take in its file; one of equal elements takes one of them. */
  readonly constantBytes: number;
}

export interface Session {
  readonly info: GraphInfo;
  /** @param inputs borrowed; the results are the caller's and share nothing with them */
  run(inputs: readonly tf.Tensor[]): tf.Tensor[];
  /** Frees the graph, and what the function read beside its arguments. */
  close(): void;
}
