/** A recorded graph as data: what the recorder makes and the writer encodes. */

export type DType = 'float32' | 'int32' | 'bool';
export const isDType = (dtype: string): dtype is DType => dtype === 'float32' || dtype === 'int32' || dtype === 'bool';

/** Shape and dtype of a tensor. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A tensor's value: `bytes` is little-endian and row-major, or a single element that fills the whole shape. */
export interface Constant extends TensorSpec {
  readonly bytes: Uint8Array;
}

export type Attr =
  | { readonly type: DType }
  | { readonly types: readonly DType[] }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly shape: readonly number[] }
  | { readonly shapes: readonly (readonly number[])[] }
  | { readonly tensor: Constant }
  | { readonly function: string };

export type AttrKind = Attr extends infer A ? (A extends unknown ? keyof A : never) : never;
export type AttrValue<K extends AttrKind> = Extract<Attr, { readonly [kind in K]: unknown }>[K];

export type Attrs = Readonly<Record<string, Attr>>;

/** One operation. A reference to a tensor is the name of an argument or node, or `name:i` for its output i > 0. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attrs: Attrs;
}

export interface Argument extends TensorSpec {
  readonly name: string;
}

export interface Result {
  readonly ref: string;
  readonly dtype: DType;
}

/** Nodes in an order in which they can run, from arguments to results. */
export interface GraphFunction {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly nodes: readonly GraphNode[];
  readonly results: readonly Result[];
  /** Whether XLA compiles it, when it first runs. */
  readonly xla?: boolean;
}

/** `main` is what is run; its nodes may name `functions`. */
export interface Graph {
  readonly main: GraphFunction;
  readonly functions: readonly GraphFunction[];
}

/** Attributes that make XLA compile the function they are given to, and the call of it. */
export const COMPILED_BY_XLA = { _XlaMustCompile: { bool: true } } as const;

/** The attributes of a StatefulPartitionedCall. */
export function callAttrs({ name, args, results, xla = false }: GraphFunction): Attrs {
  return {
    Tin: { types: args.map(({ dtype }) => dtype) },
    Tout: { types: results.map(({ dtype }) => dtype) },
    f: { function: name },
    ...(xla ? COMPILED_BY_XLA : {}),
  };
}
