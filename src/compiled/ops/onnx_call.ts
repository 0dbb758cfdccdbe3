/** What an ONNX form sees of a call of an op, and adds to the model. */
import type { DType, TensorSpec } from '../record/graph.js';
import type { OpCall } from './call.js';

export type OnnxAttr =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string };
export type OnnxAttrs = Readonly<Record<string, OnnxAttr>>;

export type OnnxDType = DType | 'int64';
/** TensorProto.DataType. */
export const ONNX_TYPES = { float32: 1, int32: 6, int64: 7, bool: 9 } as const satisfies Record<OnnxDType, number>;

/** The name of a tensor in the model. */
export type Ref = string;

export interface OnnxCall extends OpCall {
  readonly outputs: readonly TensorSpec[];
  input(i: number): Ref;
  /** Adds a node of one output. */
  add(op: string, inputs: readonly Ref[], attrs?: OnnxAttrs): Ref;
  /** Adds a node of `count` outputs. */
  addMany(op: string, inputs: readonly Ref[], count: number, attrs?: OnnxAttrs): Ref[];
  /**
   * The same elements in another shape.
   * @param from the shape of x, if that is known
   */
  reshape(x: Ref, from: readonly number[] | null, to: readonly number[]): Ref;
  /** A constant of one axis that says where or how many. */
  places(values: readonly number[]): Ref;
  /** A constant scalar. */
  scalar(value: number, dtype: DType): Ref;
  /** A constant. */
  constant(values: readonly number[], spec: TensorSpec): Ref;
}

/** Adds to the model what computes an op, and names its outputs. */
export type OnnxForm = (op: OnnxCall) => Ref | readonly Ref[];
