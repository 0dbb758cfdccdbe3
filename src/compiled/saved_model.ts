/**
 * A graph in the encoding TensorFlow loads: a SavedModel of one meta graph, written field by field.
 * Field numbers are those of tensorflow/core/framework/{node_def,attr_value,tensor,graph,function}.proto and
 * tensorflow/core/protobuf/{meta_graph,saved_model}.proto. Tensor contents are copied once, into the file.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Attr,
  type Attrs,
  COMPILED_BY_XLA,
  type Constant,
  type DType,
  type Graph,
  type GraphFunction,
  type GraphNode,
  xlaCall,
} from './graph.js';
import { outputName } from './kernels.js';

/** The tag a written graph is loaded by. */
export const SERVE_TAG = 'serve';
/** TensorFlow 2.4: old enough for every libtensorflow tfjs-node runs on, new enough for every op of the table. */
const GRAPH_PRODUCER = 561;
const RAM_DIRECTORY = '/dev/shm';

/**
 * Writes the graph where a loader can find it, calls `load` with the directory, and removes the file again.
 * Argument i is then fed as `in<i>:0` and result i fetched as `out<i>:0`.
 * @param xla whether XLA compiles the whole graph when it first runs
 * @returns what `load` returned
 */
export function withSavedModel<T>(graph: Graph, xla: boolean, load: (directory: string) => T): T {
  const directory = mkdtempSync(join(temporaryRoot(), 'attnscale-graph-'));
  try {
    writeFileSync(join(directory, 'saved_model.pb'), Buffer.concat(savedModel(graph, xla)));
    return load(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The file lives for a moment only, so it is kept in memory where the system offers that. */
function temporaryRoot(): string {
  try {
    accessSync(RAM_DIRECTORY, constants.W_OK);
    return RAM_DIRECTORY;
  } catch {
    return tmpdir();
  }
}

type Bytes = readonly Uint8Array[];

function varint(value: number): Uint8Array {
  if (value >= 0 && value < 0x80) return Uint8Array.of(value);
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.of(...bytes, Number(rest));
}

const integer = (field: number, value: number): Bytes => [varint(field * 8), varint(value)];
const float = (field: number, value: number): Bytes => [varint(field * 8 + 5), bytesOf(Float32Array.of(value))];
const text = (field: number, value: string): Bytes => message(field, [Buffer.from(value)]);
const message = (field: number, ...parts: Bytes[]): Bytes => {
  const body = parts.flat();
  return [varint(field * 8 + 2), varint(body.reduce((sum, part) => sum + part.length, 0)), ...body];
};

function bytesOf(array: Float32Array | Int32Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

const dataType = (dtype: DType): number => ({ float32: 1, int32: 3, bool: 10 })[dtype];
const VALUE_FIELD = { float32: 5, int32: 7, bool: 11 };

function tensorShape(field: number, shape: readonly number[]): Bytes {
  return message(field, ...shape.map((size) => message(2, integer(1, size))));
}

function tensor(field: number, { dtype, shape, bytes }: Constant): Bytes {
  const size = shape.reduce((product, length) => product * length, 1);
  const itemBytes = dtype === 'bool' ? 1 : 4;
  const fills = bytes.length === itemBytes && size > 1;
  const content = fills ? repeated(dtype, bytes) : message(4, [bytes]);
  return message(field, integer(1, dataType(dtype)), tensorShape(2, shape), content);
}

/** A value list shorter than the tensor: TensorFlow repeats its last element. */
function repeated(dtype: DType, item: Uint8Array): Bytes {
  const view = new DataView(item.buffer, item.byteOffset);
  if (dtype === 'float32') return message(VALUE_FIELD.float32, [item]);
  return integer(VALUE_FIELD[dtype], dtype === 'bool' ? view.getUint8(0) : view.getInt32(0, true));
}

function attribute(attr: Attr): Bytes {
  if ('type' in attr) return integer(6, dataType(attr.type));
  if ('types' in attr) return message(1, ...attr.types.map((type) => integer(6, dataType(type))));
  if ('int' in attr) return integer(3, attr.int);
  if ('ints' in attr) return message(1, ...attr.ints.map((value) => integer(3, value)));
  if ('float' in attr) return float(4, attr.float);
  if ('bool' in attr) return integer(5, Number(attr.bool));
  if ('text' in attr) return text(2, attr.text);
  if ('shape' in attr) return tensorShape(7, attr.shape);
  if ('shapes' in attr) return message(1, ...attr.shapes.map((shape) => tensorShape(7, shape)));
  if ('function' in attr) return message(10, text(1, attr.function));
  return tensor(8, attr.tensor);
}

function attributes(field: number, attrs: Attrs): Bytes {
  return Object.entries(attrs).flatMap(([key, value]) => message(field, text(1, key), message(2, attribute(value))));
}

function node(field: number, { name, op, inputs, attrs }: GraphNode): Bytes {
  return message(field, text(1, name), text(2, op), ...inputs.map((input) => text(3, input)), attributes(5, attrs));
}

/** A function of the graph's library; inside one, references name an op's output too. */
function libraryFunction({ name, args, nodes, results, xla = false }: GraphFunction): Bytes {
  const argNames = new Set(args.map((arg) => arg.name));
  const ops = new Map(nodes.map((each) => [each.name, each.op]));
  const inside = (ref: string): string => {
    const [owner = '', index = '0'] = ref.split(':');
    return argNames.has(owner) ? owner : `${owner}:${outputName(ops.get(owner) ?? '', Number(index))}`;
  };
  const signature = [
    text(1, name),
    ...args.map((arg) => message(2, text(1, arg.name), integer(3, dataType(arg.dtype)))),
    ...results.map(({ dtype }, i) => message(3, text(1, `out${i}`), integer(3, dataType(dtype)))),
  ];
  const body = nodes.map((each) => node(3, { ...each, inputs: each.inputs.map(inside) }));
  const returns = results.map(({ ref }, i) => message(4, text(1, `out${i}`), text(2, inside(ref))));
  // Without shapes TensorFlow's cost model complains in the log.
  const argAttrs = args.map(({ shape }, i) =>
    message(7, integer(1, i), message(2, attributes(1, { _output_shapes: { shapes: [shape] } }))),
  );
  return message(
    1,
    message(1, ...signature),
    ...body,
    ...returns,
    attributes(5, xla ? COMPILED_BY_XLA : {}),
    ...argAttrs,
  );
}

/** `main` between its feeds and fetches. */
function session({ args, nodes, results }: GraphFunction): GraphNode[] {
  const feeds = args.map(({ name, dtype, shape }) => {
    return { name, op: 'Placeholder', inputs: [], attrs: { dtype: { type: dtype }, shape: { shape } } };
  });
  const fetches = results.map(({ ref, dtype }, i) => {
    return { name: `out${i}`, op: 'Identity', inputs: [ref], attrs: { T: { type: dtype } } };
  });
  return [...feeds, ...nodes, ...fetches];
}

/** A function that does nothing but call another one, which XLA compiles. */
function callOf(callee: GraphFunction): GraphFunction {
  const call: GraphNode = {
    name: 'call',
    op: 'StatefulPartitionedCall',
    inputs: callee.args.map(({ name }) => name),
    attrs: xlaCall(callee),
  };
  return { ...callee, nodes: [call], results: callee.results.map(({ dtype }, i) => ({ ref: `call:${i}`, dtype })) };
}

function savedModel({ main, functions }: Graph, xla: boolean): Bytes {
  const library = [...functions.map(libraryFunction), ...(xla ? [libraryFunction({ ...main, xla })] : [])];
  const nodes = session(xla ? callOf(main) : main).map((each) => node(1, each));
  const graph = message(2, ...nodes, message(2, ...library), message(4, integer(1, GRAPH_PRODUCER)));
  return [...integer(1, 1), ...message(2, message(1, text(4, SERVE_TAG)), graph)];
}
