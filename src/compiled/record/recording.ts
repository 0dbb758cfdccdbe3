/** Writes down what a function does to tensors, as a graph. */
import { check } from '../../errors.js';
import * as tf from '../../tf.js';
import { leaves, mapTree, type Tree } from '../../tree.js';
import type { Optimization } from '../optimization.js';
import {
  type Argument,
  type AttrKind,
  type Attrs,
  type AttrValue,
  type Constant,
  callAttrs,
  type Graph,
  type GraphFunction,
  type GraphNode,
  type Result,
  type TensorSpec,
} from '../tensorflow/graph.js';
import { formOf } from './form.js';
import { type OpCall, shapeRules } from './ops.js';
import {
  createTraceBackend,
  type NativeBackend,
  nativeBackend,
  type Recorder,
  supportedDtype,
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
}

/** A tensor from outside, or one that was made while recording, which will be gone by then, with its values. */
type Import = tf.TensorInfo & { readonly values?: tf.TypedArray };

let scope: Scope | null = null;
let trace: NativeBackend | null = null;

/** Whether a function is being recorded right now. */
export const isRecording = (): boolean => scope !== null;

/**
 * Runs `fn` once on tensors without data and writes down what it does. Nothing is computed, no tensor is left but
 * `captured`, and the tensorflow backend is active again afterwards, also when `fn` throws.
 * @param examples only their form, shapes, dtypes, numbers and booleans are used
 * @param optimize says what XLA will compile
 * @throws UserError for an unsupported kernel or dtype, for reading a traced tensor, when `fn` keeps a tensor, and when it
 *   returns no tree, or none with a tensor
 */
export function record<A extends readonly Tree[], R extends Tree>(
  fn: (...args: A) => R,
  examples: A,
  optimize: Optimization,
): Recording<R> {
  const native = nativeBackend();
  trace ??= createTraceBackend(native, recorder);
  const before = trace.numDataIds();
  const root = openScope(null, optimize === 'parts', optimize === 'whole');
  const recorded: { result: R; results: Result[] }[] = [];
  withTraceBackend(recorder, () => {
    recorded.push(
      inScope(root, () => {
        const result = fn(...mapTree(examples, argumentFor));
        formOf(result, 'compile: the result');
        return { result, results: leaves(result).map(resultOf) };
      }),
    );
  });
  const kept = trace.numDataIds() - before;
  check(kept === 0, `compile: tensors made in the function must not outlive it, got ${kept} kept`);
  const [{ result, results } = { result: examples, results: [] }] = recorded;
  check(results.length > 0, 'compile: the function must return a tensor, got none');
  const main = { name: 'main', args: root.args, nodes: root.nodes, results };
  const captured = root.imports.map((info) => tf.keep(fedTensor(native, info)));
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
    const i = argumentFor(count) as tf.Scalar;
    const limit = argumentFor(count);
    const state = body(mapTree(initial, argumentFor), i);
    return [tf.add(i, tf.scalar(1, 'int32')), limit, ...leaves(state)].map(resultOf);
  });
  // What the body reads from outside goes round with the state, unchanged.
  const carried = inner.args.slice(results.length).map(({ name, dtype }) => ({ ref: name, dtype }));
  const id = inner.functions.length;
  const loopBody = { name: `body_${id}`, args: inner.args, nodes: inner.nodes, results: [...results, ...carried] };
  const condition = lessThan(`condition_${id}`, inner.args);
  inner.functions.push(loopBody, condition);
  const inputs = [tf.scalar(0, 'int32'), count, ...leaves(initial), ...inner.imports];
  const outputs = append('StatelessWhile', inputs, inner.args, {
    T: { types: inner.args.map(({ dtype }) => dtype) },
    cond: { function: condition.name },
    body: { function: loopBody.name },
    output_shapes: { shapes: inner.args.map(({ shape }) => shape) },
    parallel_iterations: { int: 1 },
  });
  const states = outputs.slice(2).values();
  return mapTree(initial, (leaf) => states.next().value ?? leaf);
}

/** Records what `fn` does as a function that XLA compiles and one call of it. */
export function recordFused<R extends Tree>(fn: () => R): R {
  const outer = currentScope();
  if (!outer.fusing) return fn();
  const inner = openScope(outer, false, true);
  const { result, results } = inScope(inner, () => {
    const result = fn();
    formOf(result, 'fuse: the result');
    return { result, results: leaves(result).map(resultOf) };
  });
  const { args, nodes, imports, functions } = inner;
  const fused = { name: `fused_${functions.length}`, args, nodes, results, xla: true };
  functions.push(fused);
  const specs = leaves(result).map(({ shape, dtype }) => ({ shape, dtype: supportedDtype(dtype) }));
  const outputs = append('StatefulPartitionedCall', imports, specs, callAttrs(fused)).values();
  return mapTree(result, (leaf) => outputs.next().value ?? leaf);
}

/** Whether XLA compiles what is being recorded right now. */
export const isForXla = (): boolean => scope?.forXla === true;

/** Records an op that only XLA knows, of one output. */
export function recordForXla(op: string, inputs: readonly tf.Tensor[], output: TensorSpec, attrs: Attrs): tf.Tensor {
  return append(op, inputs, [output], attrs)[0] as tf.Tensor;
}

/** Whether the first argument, an iteration's number, is below the second, their count. */
function lessThan(name: string, args: readonly Argument[]): GraphFunction {
  const inputs = args.slice(0, 2).map((arg) => arg.name);
  const less = { name: 'less', op: 'Less', inputs, attrs: { T: { type: 'int32' } } } as const;
  return { name, args, nodes: [less], results: [{ ref: 'less', dtype: 'bool' }] };
}

function openScope(parent: Scope | null, fusing: boolean, forXla: boolean): Scope {
  const own = { args: [], nodes: [], imports: [], refs: new Map(), smallConstants: new Map() };
  return { ...own, parent, functions: parent?.functions ?? [], fusing, forXla };
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

function argumentFor(spec: Omit<tf.TensorInfo, 'dataId'>): tf.Tensor {
  return tracedTensor(addArgument(spec), { shape: spec.shape, dtype: supportedDtype(spec.dtype) });
}

function addArgument({ shape, dtype }: Omit<tf.TensorInfo, 'dataId'>): string {
  const { args } = currentScope();
  const name = `in${args.length}`;
  args.push({ name, shape, dtype: supportedDtype(dtype) });
  return name;
}

function resultOf(tensor: tf.Tensor): Result {
  return { ref: refTo(tensor), dtype: supportedDtype(tensor.dtype) };
}

/** One more tensor on the same data, or a tensor of the values. */
function fedTensor(native: NativeBackend, { dataId, shape, dtype, values }: Import): tf.Tensor {
  if (values !== undefined) return tf.tensor(values, shape, dtype);
  native.incRef(dataId);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, native);
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

/** Large tensors of the tensorflow backend, and in a loop's body what was traced around the loop. */
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
  nodes.push({ name, op: 'Const', inputs: [], attrs: { dtype: { type: tensor.dtype }, value: { tensor } } });
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
  const rule = shapeRules[op];
  if (!rule)
    throw new Error(`${op} has no row: add "${op}: <shape rule>," to shapeRules in src/compiled/record/ops.ts`);
  return append(op, inputs, rule(opCall(op, inputs, attrs)), attrs);
}

/** Adds a node to the current scope and returns its outputs. */
function append(
  op: string,
  inputs: readonly tf.TensorInfo[],
  outputs: readonly TensorSpec[],
  attrs: Attrs,
): tf.Tensor[] {
  const { nodes } = currentScope();
  const refs = inputs.map(refTo);
  const name = `${op}_${nodes.length}`;
  nodes.push({ name, op, inputs: refs, attrs });
  return outputs.map((output, i) => tracedTensor(i === 0 ? name : `${name}:${i}`, output));
}

/** What a shape rule sees of a call; an attribute that is absent reads as TensorFlow's default. */
function opCall(op: string, inputs: readonly tf.TensorInfo[], attrs: Attrs): OpCall {
  const input = (i: number): tf.TensorInfo => {
    const info = inputs[i];
    check(info !== undefined, `compile: the shape rule of ${op} must read one of ${inputs.length} inputs, got ${i}`);
    return info;
  };
  const attr = <K extends AttrKind>(name: string, kind: K): AttrValue<K> | undefined =>
    (attrs[name] as { readonly [kind in K]?: AttrValue<K> } | undefined)?.[kind];
  return {
    inputs: inputs.map(({ shape, dtype }) => ({ shape, dtype: supportedDtype(dtype) })),
    shape: (i) => input(i).shape,
    dtype: (i) => supportedDtype(input(i).dtype),
    values: (i) => Array.from(tf.engine().readSync(input(i).dataId) as tf.TypedArray),
    int: (name) => attr(name, 'int') ?? 0,
    ints: (name) => attr(name, 'ints') ?? [],
    bool: (name) => attr(name, 'bool') ?? false,
    text: (name) => attr(name, 'text') ?? '',
    type: (name) => attr(name, 'type') ?? 'float32',
  };
}
