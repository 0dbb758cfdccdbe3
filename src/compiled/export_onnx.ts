import { check } from '../errors.js';
import { leafNames, type Tree } from '../tree.js';
import { onnxFile, weightsFile } from './onnx/file.js';
import type { OnnxTensor } from './onnx/graph.js';
import { selfContained } from './onnx/self_contained.js';
import { nameOf } from './record/form.js';
import { record } from './record/recording.js';

/** Smaller constants are part of the model. */
const EXTERNAL_BYTES = 2 ** 20;

export interface OnnxExport {
  /** A file that runtimes of ONNX load. */
  readonly model: Uint8Array;
  /** To be saved beside it under this name, if not null: constants of 1 MB and more. */
  readonly weights: { readonly name: string; readonly bytes: Uint8Array } | null;
  /** The tensors among the arguments: `argument_0`, or `argument_0.layers.2` in a tree. */
  readonly inputs: readonly OnnxTensor[];
  /** The tensors of the result: `result`, or `result.logits`. */
  readonly outputs: readonly OnnxTensor[];
}

/**
 * A tensor function as an ONNX model that anyone's runtime can run. What it reads beside its arguments becomes part of it.
 * @param fn as for `compile`
 * @param examples only their form is used; numbers and booleans among them become constants
 * @throws UserError as `compile`
 */
export function exportOnnx<A extends readonly Tree[], R extends Tree>(fn: (...args: A) => R, examples: A): OnnxExport {
  check(typeof fn === 'function', `exportOnnx: must be given a function, got ${nameOf(fn)}`);
  check(Array.isArray(examples), `exportOnnx: examples must be an array of arguments, got ${nameOf(examples)}`);
  const { graph, captured, result } = record(fn, examples, 'graph');
  const inputs = examples.flatMap((example, i) => leafNames(example, [`argument_${i}`]));
  const model = selfContained(graph, captured, inputs, leafNames(result, ['result']));
  const weights = weightsFile('weights.bin', EXTERNAL_BYTES);
  const bytes = onnxFile(model, weights);
  const external = weights.bytes();
  return {
    model: bytes,
    weights: external.length === 0 ? null : { name: weights.name, bytes: external },
    inputs: model.graph.inputs,
    outputs: model.graph.outputs,
  };
}
