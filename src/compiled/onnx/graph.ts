/** An ONNX model as data: what a recorded graph is turned into, and what is encoded. */
import type { OnnxAttrs, OnnxDType, Ref } from '../ops/onnx_call.js';

export interface OnnxTensor {
  readonly name: Ref;
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
}

/** Its bytes are little-endian and row-major. */
export interface Initializer extends OnnxTensor {
  readonly bytes: Uint8Array;
}

/** Of the operators that ONNX Runtime has beyond ONNX's. */
export const RUNTIME_DOMAIN = 'com.microsoft';

export interface OnnxNode {
  readonly op: string;
  /** Whether it is an operator of ONNX Runtime's own. */
  readonly isOfRuntime?: true;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly Ref[];
  readonly attrs: OnnxAttrs;
  /** What a Loop repeats. */
  readonly body?: OnnxGraph;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
}

export interface OnnxModel {
  readonly graph: OnnxGraph;
  readonly initializers: readonly Initializer[];
}
