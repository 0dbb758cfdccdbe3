import * as tf from '../../tf.js';
import type { Constant, Graph } from '../record/graph.js';
import { onnxModel } from './convert.js';
import type { OnnxModel } from './graph.js';

/** A recorded graph as a model that holds all it reads: what was captured becomes part of it, and is gone. */
export function selfContained(
  graph: Graph,
  captured: readonly tf.Tensor[],
  inputs: readonly string[],
  outputs: readonly string[],
): OnnxModel {
  try {
    return onnxModel(graph, captured.map(constantOf), inputs, outputs);
  } finally {
    tf.dispose([...captured]);
  }
}

/** The elements of a tensor. */
export function constantOf(tensor: tf.Tensor): Constant {
  const { buffer, byteOffset, byteLength } = tensor.dataSync();
  return {
    shape: tensor.shape,
    dtype: tensor.dtype as Constant['dtype'],
    bytes: new Uint8Array(buffer, byteOffset, byteLength),
  };
}
