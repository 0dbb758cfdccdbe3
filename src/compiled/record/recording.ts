/** Writes down what a function does to tensors, as a graph. */
import { check } from '../../errors.js';
import * as tf from '../../tf.js';
import { leaves, mapTree, type Tree } from '../../tree.js';
import { callOf } from '../ops/call.js';
import { table } from '../ops/table.js';
import type { Optimization } from '../optimization.js';
import { formOf } from './form.js';
import {
  type Argument,
  type Attrs,
  CONST,
  type Constant,
  FUSED,
  type Graph,
  type GraphFunction,
  type GraphNode,
  LOOP,
  OPERATOR,
  type Result,
  type TensorSpec,
} from './graph.js';
import {
  createTraceBackend,
  ownerOf,
  type Recorder,
  supportedDtype,
  type TraceBackend,
  withTraceBackend,
} from './trace_backend.js';

/** Tensors of at least this size that a function reads or makes are fed with every call instead of copied into its graph. */
const FED_BYTES = 32_768;
/** Constants up to this size are looked up by content, so that an axis or a scalar is stored once. */
const SMALL_BYTES = 64;

export interface Recording<R extends Tree> {
  readonly graph: Graph;
  /** Fed after the arguments' leaves; references of the recording's own, to be disposed with it. */
  readonly captured: readonly tf.Tensor[];
  /** What the function returned; its tensors are disposed and tell places, shapes and dtypes only. */
  readonly result: R;
}

/** A function while it is recorded: the one that was given, or the body of a loop in it. */
interface Scope {
  readonly parent: Scope | null;
  readonly args: Argument[];
  readonly nodes: GraphNode[];
  /** Tensors that are fed, in the order of the arguments that were added for them. */
  readonly imports: Import[];
  readonly refs: Map<tf.DataId, string>;
  readonly smallConstants: Map<string, string>;
  /** Loop bodies and conditions, and what XLA compiles; shared by all scopes of a recording. */
  readonly functions: GraphFunction[];
  /** Whether what `fuse` marks becomes a function of its own here. */
  readonly fusing: boolean;
  /** Whether XLA compiles all that is recorded here. */
  readonly forXla: boolean;
  /** Operators of the runtime that are called instead of what they compute. */
  readonly operators: readonly string[];
}

/** A tensor from outside, or one that was made while recording, which will be gone by then, with its values. */
type Import = tf.TensorInfo & { readonly values?: tf.TypedArray };

let scope: Scope | null = null;
let trace: TraceBackend | null = null;

/** Whether a function is being recorded right now. */
export const isRecording = (): boolean => scope !== null;

/**
 * Runs `fn` once on tensors without data and writes down what it does. Nothing is computed, no tensor is left but
 * `captured`, and the same backend as before is active afterwards, also when `fn` throws.
 * @param examples only their form, shapes, dtypes, numbers and booleans are used
 * @param optimize says what XLA will compile
 * @param operators of the runtime that are called where the function asks for them
 * @throws UserError for an unsupported kernel or dtype, for reading a traced tensor, when `fn` keeps a tensor, and when it
 *   returns no tree, or none with a tensor
 */
export function record<A extends readonly Tree[], R extends Tree>(
  fn: (...args: A) => R,
  examples: A,
  optimize: Optimization,
  operators: readonly string[] = [],
): Recording<R> {
  const tracing = trace ?? createTraceBackend(recorder);
  trace = tracing;
  const before = tracing.numDataIds();
  const root = { ...openScope(null, optimize === 'parts', optimize === 'whole'), operators };
  const recorded: { result: R; results: Result[] }[] = [];
  withTraceBackend(tracing, recorder, () => {
    recorded.push(
      inScope(root, () => {
        const result = fn(...mapTree(examples, argumentFor));
        formOf(result, 'compile: the result');
        return { result, results: leaves(result).map(resultOf) };
      }),
    );
  });
  const kept = tracing.numDataIds() - before;
  check(kept === 0, `compile: tensors made in the function must not outlive it, got ${kept} kept`);
  const [{ result, results } = { result: examples, results: [] }] = recorded;
  check(results.length > 0, 'compile: the function must return a tensor, got none');
  const main = { name: 'main', args: root.args, nodes: root.nodes, results };
  const captured = root.imports.map((info) => tf.keep(fedTensor(info)));
  return { graph: { main, functions: root.functions }, captured, result: result as R };
}

/**
 * Records a loop as one node: `body` is run once, on the form of `initial`.
 * @param count iterations, an int32 scalar
 * @returns the state after `count` iterations
 */
export function recordLoop<S extends Tree>(count: tf.Scalar, body: (state: S, i: tf.Scalar) => S, initial: S): S {
  const outer = currentScope();
  const inner = openScope(outer, false, outer.forXla);
  const results = inScope(inner, () => {
    const state = mapTree(initial, argumentFor);
    return leaves(body(state, argumentFor(count) as tf.Scalar)).map(resultOf);
  });
  const name = `body_${inner.functions.length}`;
  inner.functions.push({ name, args: inner.args, nodes: inner.nodes, results });
  const inputs = [...leaves(initial), count, ...inner.imports];
  const states = append(LOOP, inputs, leaves(initial).map(specOf), { body: { function: name } }).values();
  return mapTree(initial, (leaf) => states.next().value ?? leaf);
}

/** Records what `fn` does as a function and one call of it, where such functions are made. */
export function recordFused<R extends Tree>(fn: () => R): R {
  const outer = currentScope();
  if (!outer.fusing) return fn();
  const inner = openScope(outer, false, true);
  const { result, results } = inScope(inner, () => {
    const result = fn();
    formOf(result, 'fuse: the result');
    return { result, results: leaves(result).map(resultOf) };
  });
  const name = `fused_${inner.functions.length}`;
  inner.functions.push({ name, args: inner.args, nodes: inner.nodes, results });
  const outputs = append(FUSED, inner.imports, leaves(result).map(specOf), { body: { function: name } }).values();
  return mapTree(result, (leaf) => outputs.next().value ?? leaf);
}

/** Whether XLA compiles what is being recorded right now. */
export const isForXla = (): boolean => scope?.forXla === true;

/** Records an op that only XLA knows, of one output. */
export function recordForXla(op: string, inputs: readonly tf.Tensor[], output: TensorSpec, attrs: Attrs): tf.Tensor {
  return append(op, inputs, [output], attrs)[0] as tf.Tensor;
}

/** Whether an operator of the runtime is to be called, where what it computes would be recorded now. */
export const usesOperator = (name: string): boolean => scope?.operators.includes(name) === true;

/** Records a call of an operator of the runtime. @param inputs null where an optional one is left out */
export function recordOperator(
  name: string,
  inputs: readonly (tf.Tensor | null)[],
  outputs: readonly TensorSpec[],
  attrs: Attrs,
): tf.Tensor[] {
  return append(OPERATOR, inputs, outputs, { ...attrs, operator: { text: name } });
}

function openScope(parent: Scope | null, fusing: boolean, forXla: boolean): Scope {
  const own = { args: [], nodes: [], imports: [], refs: new Map(), smallConstants: new Map() };
  const shared = { functions: parent?.functions ?? [], operators: parent?.operators ?? [] };
  return { ...own, ...shared, parent, fusing, forXla };
}

function currentScope(): Scope {
  check(scope !== null, 'compile: a traced tensor was used after its function was recorded');
  return scope;
}

/** Runs `fn` with `inner` as the current scope and disposes the tensors it makes. */
function inScope<T>(inner: Scope, fn: () => T): T {
  const results: T[] = [];
  scope = inner;
  try {
    tf.tidy(() => {
      results.push(fn());
    });
  } finally {
    scope = inner.parent;
  }
  return results[0] as T;
}

function argumentFor(tensor: Omit<tf.TensorInfo, 'dataId'>): tf.Tensor {
  return tracedTensor(addArgument(tensor), specOf(tensor));
}

function specOf({ shape, dtype }: Omit<tf.TensorInfo, 'dataId'>): TensorSpec {
  return { shape, dtype: supportedDtype(dtype) };
}

function addArgument(tensor: Omit<tf.TensorInfo, 'dataId'>): string {
  const { args } = currentScope();
  const name = `in${args.length}`;
  args.push({ name, ...specOf(tensor) });
  return name;
}

function resultOf(tensor: tf.Tensor): Result {
  return { ref: refTo(tensor), dtype: supportedDtype(tensor.dtype) };
}

/** One more tensor on the same data, or a tensor of the values. */
function fedTensor({ dataId, shape, dtype, values }: Import): tf.Tensor {
  if (values !== undefined) return tf.tensor(values, shape, dtype);
  const owner = ownerOf(dataId);
  owner.incRef(dataId);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, owner);
}

function tracedTensor(ref: string, { shape, dtype }: TensorSpec): tf.Tensor {
  const dataId = {};
  trace?.tensorMap.set(dataId, { shape, values: null, id: -1, refCount: 1 });
  currentScope().refs.set(dataId, ref);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype });
}

/** How nodes of the current scope refer to a tensor; one from outside becomes an argument or a constant. */
function refTo(tensor: tf.TensorInfo): string {
  const { refs } = currentScope();
  const known = refs.get(tensor.dataId);
  if (known !== undefined) return known;
  const ref = comesFromOutside(tensor) ? imported(tensor) : constant(tensor);
  refs.set(tensor.dataId, ref);
  return ref;
}

function imported(tensor: Import): string {
  currentScope().imports.push(tensor);
  return addArgument(tensor);
}

/** Large tensors of other backends, and in a loop's body what was traced around the loop. */
function comesFromOutside({ dataId, shape }: tf.TensorInfo): boolean {
  const isMade = trace?.tensorMap.has(dataId) === true;
  for (let outer = currentScope().parent; outer !== null; outer = outer.parent) if (outer.refs.has(dataId)) return true;
  return !isMade && tf.util.sizeFromShape(shape) * 4 >= FED_BYTES;
}

function constant({ dataId, shape, dtype }: tf.TensorInfo): string {
  const { parent, nodes, smallConstants } = currentScope();
  const values = tf.engine().readSync(dataId);
  check(ArrayBuffer.isView(values), 'compile: constants must be numbers or booleans, got strings');
  const tensor = compact({ dtype: supportedDtype(dtype), shape, bytes: bytesOf(values) });
  if (parent === null && tensor.bytes.length >= FED_BYTES) return imported({ dataId, shape, dtype, values });
  const isSmall = tensor.bytes.length <= SMALL_BYTES;
  const content = `${dtype}[${shape}]${isSmall ? Buffer.from(tensor.bytes).toString('hex') : ''}`;
  const known = isSmall ? smallConstants.get(content) : undefined;
  if (known !== undefined) return known;
  const name = `Const_${nodes.length}`;
  nodes.push({ name, op: CONST, inputs: [], attrs: { value: { tensor } }, outputs: [tensor] });
  if (isSmall) smallConstants.set(content, name);
  return name;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A constant whose elements are all the same keeps one of them. */
function compact(tensor: Constant): Constant {
  const { bytes } = tensor;
  const itemBytes = tensor.dtype === 'bool' ? 1 : 4;
  const repeats = Buffer.compare(bytes.subarray(itemBytes), bytes.subarray(0, -itemBytes)) === 0;
  return repeats ? { ...tensor, bytes: bytes.subarray(0, itemBytes) } : tensor;
}

const recorder: Recorder = { record: recordOp, isForXla };

function recordOp(op: string, inputs: readonly tf.TensorInfo[], attrs: Attrs): tf.Tensor[] {
  const row = table[op];
  if (!row) throw new Error(`${op} has no row: add one to the table in src/compiled/ops/table.ts`);
  const valuesOf = (i: number) => tf.engine().readSync((inputs[i] as tf.TensorInfo).dataId) as tf.TypedArray;
  return append(op, inputs, row.shapes(callOf(op, inputs.map(specOf), attrs, valuesOf)), attrs);
}

/** Adds a node to the current scope and returns its outputs. */
function append(
  op: string,
  inputs: readonly (tf.TensorInfo | null)[],
  outputs: readonly TensorSpec[],
  attrs: Attrs,
): tf.Tensor[] {
  const { nodes } = currentScope();
  const refs = inputs.map((input) => (input === null ? '' : refTo(input)));
  const name = `${op}_${nodes.length}`;
  nodes.push({ name, op, inputs: refs, attrs, outputs });
  return outputs.map((output, i) => tracedTensor(i === 0 ? name : `${name}:${i}`, output));
}
