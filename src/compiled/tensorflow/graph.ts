/** A recorded graph as TensorFlow has it: loops and calls as its own ops. */
import {
  type Argument,
  type Attrs,
  CONST,
  FUSED,
  type Graph,
  type GraphFunction,
  type GraphNode,
  LOOP,
} from '../record/graph.js';

/** A function of TensorFlow's library. */
export interface LibraryFunction extends GraphFunction {
  /** Whether XLA compiles it, when it first runs. */
  readonly xla?: boolean;
}

/** `main` is what is run; its nodes may name `functions`. */
export interface TensorflowGraph {
  readonly main: LibraryFunction;
  readonly functions: readonly LibraryFunction[];
}

/** Attributes that make XLA compile the function they are given to, and the call of it. */
export const COMPILED_BY_XLA = { _XlaMustCompile: { bool: true } } as const;

/** The attributes of a StatefulPartitionedCall. */
export function callAttrs({ name, args, results, xla = false }: LibraryFunction): Attrs {
  return {
    Tin: { types: args.map(({ dtype }) => dtype) },
    Tout: { types: results.map(({ dtype }) => dtype) },
    f: { function: name },
    ...(xla ? COMPILED_BY_XLA : {}),
  };
}

const INT = { shape: [], dtype: 'int32' } as const;
const T = { type: 'int32' } as const;

export function tensorflowGraph({ main, functions }: Graph): TensorflowGraph {
  const recorded = new Map(functions.map((each) => [each.name, each]));
  const library: LibraryFunction[] = [];
  const rewritten = (each: GraphFunction): GraphFunction => ({ ...each, nodes: each.nodes.flatMap(nodesOf) });
  const bodyOf = ({ attrs }: GraphNode): GraphFunction => {
    const name = attrs['body'] && 'function' in attrs['body'] ? attrs['body'].function : '';
    return rewritten(recorded.get(name) as GraphFunction);
  };
  const nodesOf = (node: GraphNode): GraphNode[] => {
    if (node.op === LOOP) {
      const { nodes, body, condition } = whileOf(node, bodyOf(node));
      library.push(body, condition);
      return nodes;
    }
    if (node.op === FUSED) {
      const body = { ...bodyOf(node), xla: true };
      library.push(body);
      return [{ ...node, op: 'StatefulPartitionedCall', attrs: callAttrs(body) }];
    }
    return node.op === CONST ? [typedConstant(node)] : [node];
  };
  return { main: rewritten(main), functions: library };
}

function typedConstant(node: GraphNode): GraphNode {
  const [output] = node.outputs;
  return output ? { ...node, attrs: { dtype: { type: output.dtype }, ...node.attrs } } : node;
}

type While = { readonly nodes: GraphNode[]; readonly body: GraphFunction; readonly condition: GraphFunction };

/** The loop's state, iteration, what its body reads, unchanged, and the count of iterations go round. */
function whileOf(node: GraphNode, recorded: GraphFunction): While {
  const states = node.outputs.length;
  const at = recorded.args[states] as Argument;
  const limit = { name: 'limit', ...INT };
  const args = [...recorded.args, limit];
  const [one, next] = [intConstant('one', 1), { ...int('next', 'Add', [at.name, 'one']), attrs: { T } }];
  const carried = args.slice(states + 1).map(({ name, dtype }) => ({ ref: name, dtype }));
  const body = {
    ...recorded,
    args,
    nodes: [...recorded.nodes, one, next],
    results: [...recorded.results, { ref: 'next', dtype: 'int32' as const }, ...carried],
  };
  const condition = {
    name: `${recorded.name}_condition`,
    args,
    nodes: [{ ...int('less', 'Less', [at.name, 'limit']), attrs: { T } }],
    results: [{ ref: 'less', dtype: 'bool' as const }],
  };
  const first = intConstant(`${node.name}_first`, 0);
  const [count = '', ...read] = node.inputs.slice(states);
  const loop = {
    ...node,
    op: 'StatelessWhile',
    inputs: [...node.inputs.slice(0, states), first.name, ...read, count],
    attrs: {
      T: { types: args.map(({ dtype }) => dtype) },
      cond: { function: condition.name },
      body: { function: recorded.name },
      output_shapes: { shapes: args.map(({ shape }) => shape) },
      parallel_iterations: { int: 1 },
    },
  };
  return { nodes: [first, loop], body, condition };
}

const int = (name: string, op: string, inputs: readonly string[]): GraphNode => ({
  ...{ name, op, inputs, attrs: {}, outputs: [INT] },
});

function intConstant(name: string, value: number): GraphNode {
  const tensor = { ...INT, bytes: new Uint8Array(Int32Array.of(value).buffer) };
  return { ...int(name, CONST, []), attrs: { dtype: T, value: { tensor } } };
}
