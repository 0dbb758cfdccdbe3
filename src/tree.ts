/** Trees of tensors: the shape of parameters, states and arguments. */
import * as tf from './tf.js';

export type Tree = tf.Tensor | number | boolean | readonly Tree[] | { readonly [name: string]: Tree };

const isTensor = (tree: Tree): tree is tf.Tensor => tree instanceof tf.Tensor;
const isPlain = (tree: Tree): tree is number | boolean => typeof tree === 'number' || typeof tree === 'boolean';

/** The tensors of a tree, in the order of its keys. Numbers and booleans are not leaves. */
export function leaves(tree: Tree): tf.Tensor[] {
  const found: tf.Tensor[] = [];
  const walk = (node: Tree): void => {
    if (isTensor(node)) found.push(node);
    else if (!isPlain(node)) for (const child of Object.values(node)) walk(child);
  };
  walk(tree);
  return found;
}

/** The places of the leaves after `path`, joined by dots, in the order of `leaves`. */
export function leafNames(tree: Tree, path: readonly string[] = []): string[] {
  if (isTensor(tree)) return [path.join('.')];
  if (isPlain(tree)) return [];
  return Object.entries(tree).flatMap(([name, child]) => leafNames(child, [...path, name]));
}

/** A tree of the same form with every tensor replaced; numbers and booleans stay. */
export function mapTree<T extends Tree>(tree: T, replace: (tensor: tf.Tensor) => tf.Tensor): T {
  const walk = (node: Tree): Tree => {
    if (isTensor(node)) return replace(node);
    if (isPlain(node)) return node;
    if (Array.isArray(node)) return node.map(walk);
    return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, walk(child)]));
  };
  return walk(tree) as T;
}

/** Runs `fn` and disposes every tensor it made except those of the tree it returns. */
export function tidyTree<T extends Tree>(fn: () => T): T {
  let result: T | undefined;
  // tf.tidy's type does not know readonly arrays: it is handed the leaves alone.
  tf.tidy(() => {
    result = fn();
    return leaves(result);
  });
  return result as T;
}

/** Disposes every tensor of a tree. */
export function disposeTree(tree: Tree): void {
  for (const tensor of leaves(tree)) tensor.dispose();
}

/** Number of floats (elements) a tree holds. */
export function sizeOfTree(tree: Tree): number {
  return leaves(tree).reduce((sum, tensor) => sum + tensor.size, 0);
}
