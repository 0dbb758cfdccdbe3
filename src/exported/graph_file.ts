/** A function of named tensors as an ONNX graph whose inputs and outputs have these names. */
import { onnxModel } from '../compiled/onnx/convert.js';
import { onnxFile, type WeightsFile } from '../compiled/onnx/file.js';
import { constantOf } from '../compiled/onnx/session.js';
import { record } from '../compiled/record/recording.js';
import * as tf from '../tf.js';
import type { Tree } from '../tree.js';

export interface NamedTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
}

export interface GraphFile<R extends Tree> {
  readonly inputs: readonly NamedTensor[];
  /** Without what passes through as it is. */
  readonly outputs: readonly NamedTensor[];
  readonly bytes: Uint8Array;
  /** What the function returned; its tensors are disposed and tell places, shapes and dtypes only. */
  readonly result: R;
}

/**
 * @param example only its form is used; names are those of its tree, `state.0.moving.k`
 * @param weights takes large constants
 */
export function graphFile<A extends Tree, R extends Tree>(
  fn: (argument: A) => R,
  example: A,
  weights: WeightsFile,
): GraphFile<R> {
  const { graph, captured, result } = record(fn, [example], 'graph');
  const { args, results } = graph.main;
  const names = namesOf(result);
  const isChanged = ({ ref }: { readonly ref: string }): boolean => !args.some(({ name }) => name === ref);
  const changed = { ...graph, main: { ...graph.main, results: results.filter(isChanged) } };
  const model = onnxModel(
    changed,
    captured.map(constantOf),
    namesOf(example),
    names.filter((_, i) => isChanged(results[i] as { ref: string })),
  );
  tf.dispose([...captured]);
  const described = (tensors: typeof model.graph.inputs): NamedTensor[] =>
    tensors.map(({ name, dtype, shape }) => ({ name, type: dtype, shape }));
  const { inputs, outputs } = model.graph;
  return { inputs: described(inputs), outputs: described(outputs), bytes: onnxFile(model, weights), result };
}

/** Of a tree's leaves, in their order. */
function namesOf(tree: Tree, path: readonly string[] = []): string[] {
  if (tree instanceof tf.Tensor) return [path.join('.')];
  if (typeof tree !== 'object') return [];
  return Object.entries(tree).flatMap(([name, child]) => namesOf(child, [...path, name]));
}
