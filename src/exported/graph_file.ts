/** A function of named tensors as an ONNX graph whose inputs and outputs have these names. */
import { onnxFile, type WeightsFile } from '../compiled/onnx/file.js';
import { selfContained } from '../compiled/onnx/self_contained.js';
import type { Result } from '../compiled/record/graph.js';
import { record } from '../compiled/record/recording.js';
import * as tf from '../tf.js';
import { leafNames, leaves, mapTree, type Tree } from '../tree.js';

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
 * @param example only its form is used; names are those of its tree, `state.0.moving.k`. Tensors without elements are no
 *   inputs or outputs: onnxruntime-web returns none of them
 * @param weights takes large constants
 */
export function graphFile<A extends Tree, R extends Tree>(
  fn: (argument: A) => R,
  example: A,
  weights: WeightsFile,
): GraphFile<R> {
  const given = named(example).filter(({ tensor }) => tensor.size > 0);
  const withGiven = (...tensors: tf.Tensor[]): R => {
    const next = tensors.values();
    return fn(
      mapTree(example, (leaf) => (leaf.size > 0 ? next.next().value : null) ?? tf.zeros(leaf.shape, leaf.dtype)),
    );
  };
  const { graph, captured, result } = record(
    withGiven,
    given.map(({ tensor }) => tensor),
    'graph',
  );
  const { args, results } = graph.main;
  const returned = named(result).map(({ name, tensor }, i) => ({ name, tensor, place: results[i] as Result }));
  const changed = returned.filter(
    ({ tensor, place }) => tensor.size > 0 && !args.some(({ name }) => name === place.ref),
  );
  const model = selfContained(
    { ...graph, main: { ...graph.main, results: changed.map(({ place }) => place) } },
    captured,
    given.map(({ name }) => name),
    changed.map(({ name }) => name),
  );
  const described = (tensors: typeof model.graph.inputs): NamedTensor[] =>
    tensors.map(({ name, dtype, shape }) => ({ name, type: dtype, shape }));
  const { inputs, outputs } = model.graph;
  return { inputs: described(inputs), outputs: described(outputs), bytes: onnxFile(model, weights), result };
}

/** A tree's tensors, in their order, by the ways to them. */
function named(tree: Tree): { readonly name: string; readonly tensor: tf.Tensor }[] {
  const names = leafNames(tree);
  return leaves(tree).map((tensor, i) => ({ name: names[i] as string, tensor }));
}
