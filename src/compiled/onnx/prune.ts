import type { Ref } from '../ops/onnx_call.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from './graph.js';

/** The model without the nodes and constants that no result needs. */
export function pruned({ graph, initializers }: OnnxModel): OnnxModel {
  const { kept, needed } = keep(graph);
  return { graph: kept, initializers: initializers.filter(({ name }) => needed.has(name)) };
}

/** The graph with the nodes that its outputs need, and all names that these need. */
function keep(graph: OnnxGraph): { readonly kept: OnnxGraph; readonly needed: ReadonlySet<Ref> } {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    const inner = node.body && keep(node.body);
    for (const input of [...node.inputs, ...(inner?.needed ?? [])]) needed.add(input);
    nodes.push(inner ? { ...node, body: inner.kept } : node);
  }
  return { kept: { ...graph, nodes: nodes.reverse() }, needed };
}
