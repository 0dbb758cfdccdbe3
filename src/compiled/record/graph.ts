/** A recorded graph as data: what the recorder makes and the writers encode. */

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
  /** An op of the table, or one of those below. */
  readonly op: string;
  /** Of an operator, empty where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly attrs: Attrs;
  readonly outputs: readonly TensorSpec[];
}

/** A constant; its one attribute is `value`. */
export const CONST = 'Const';
/**
 * A loop: inputs are its state, the count of iterations and what `body` reads from outside. The body takes the state, the
 * iteration's number and what it reads, and returns the next state.
 */
export const LOOP = 'Loop';
/** A call of `body`, which is best made one operation. */
export const FUSED = 'Fused';
/** A call of an operator that the runtime has beyond ONNX's; `operator` says which, the other attributes are its own. */
export const OPERATOR = 'Operator';

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
}

/** `main` is what is run; its nodes may name `functions`, each after those that it names itself. */
export interface Graph {
  readonly main: GraphFunction;
  readonly functions: readonly GraphFunction[];
}
