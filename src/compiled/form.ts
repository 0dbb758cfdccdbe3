import * as tf from '../tf.js';
import type { Tree } from '../tree.js';

/** What a graph is made for: the structure, names, numbers, dtypes and shapes of a tree, as text. */
export function formOf(tree: Tree): string {
  if (typeof tree === 'number') return Object.is(tree, -0) ? '-0' : String(tree);
  if (tree instanceof tf.Tensor) return `${tree.dtype}[${tree.shape}]`;
  if (Array.isArray(tree)) return `(${tree.map(formOf)})`;
  return `{${Object.entries(tree).map(([name, child]) => `${JSON.stringify(name)}:${formOf(child)}`)}}`;
}
