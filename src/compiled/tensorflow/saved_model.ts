/**
 * A graph in the encoding TensorFlow loads: a SavedModel of one meta graph, written field by field.
 * Field numbers are those of tensorflow/core/framework/{node_def,attr_value,tensor,graph,function}.proto and
 * tensorflow/core/protobuf/{meta_graph,saved_model}.proto.
 */
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../temporary_folder.js';
import { table } from '../ops/table.js';
import type { Optimization } from '../optimization.js';
import { type Bytes, each, float, integer, message, raw, text } from '../protobuf.js';
import type { Attr, Attrs, Constant, DType, GraphNode } from '../record/graph.js';
import { COMPILED_BY_XLA, callAttrs, type LibraryFunction, type TensorflowGraph } from './graph.js';

/** The tag a written graph is loaded by. */
export const SERVE_TAG = 'serve';
/** TensorFlow 2.4: old enough for every libtensorflow tfjs-node runs on, new enough for every op of the table. */
const GRAPH_PRODUCER = 561;
/** What grappler leaves alone, since the input pipelines that are marked so have an optimiser of their own. */
const LEFT_ALONE = { _tf_data_function: { bool: true } };
const RAM_DIRECTORY = '/dev/shm';
const FEEDS = 'feeds';
const CALL = 'call';
const VARIABLE = 'variable';

const fedToCall = (i: number): string => `${FEEDS}:${i}`;
const fetchedFromCall = (i: number): string => `${CALL}:${i}`;

/** The tensors of a written graph: what to feed as its arguments, and to fetch as its results. */
export function portsOf(
  { args, results }: LibraryFunction,
  optimize: Optimization,
): { readonly feeds: readonly string[]; readonly fetches: readonly string[] } {
  const isCall = optimize === 'none' || optimize === 'whole';
  return {
    feeds: args.map(({ name }, i) => (isCall ? fedToCall(i) : `${name}:0`)),
    fetches: results.map((_, i) => (isCall ? fetchedFromCall(i) : `out${i}:0`)),
  };
}

/**
 * Writes the graph where a loader can find it, calls `load` with the directory, and removes the file again.
 * @returns what `load` returned
 * @throws UserError where no file can be made
 */
export function withSavedModel<T>(graph: TensorflowGraph, optimize: Optimization, load: (directory: string) => T): T {
  const directory = makeTemporaryFolder('attnscale-graph-', temporaryRoot());
  try {
    writeFileSync(join(directory, 'saved_model.pb'), savedModel(graph, optimize), 'latin1');
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

/** What is written of a node. */
type WrittenNode = Omit<GraphNode, 'outputs'>;

const dataType = (dtype: DType): number => ({ float32: 1, int32: 3, bool: 10 })[dtype];
const VALUE_FIELD = { float32: 5, int32: 7, bool: 11 };

function tensorShape(field: number, shape: readonly number[]): Bytes {
  return message(
    field,
    each(shape, (size) => message(2, integer(1, size))),
  );
}

function tensor(field: number, { dtype, shape, bytes }: Constant): Bytes {
  const size = shape.reduce((product, length) => product * length, 1);
  const itemBytes = dtype === 'bool' ? 1 : 4;
  const fills = bytes.length === itemBytes && size > 1;
  const content = fills ? repeated(dtype, bytes) : message(4, raw(bytes));
  return message(field, integer(1, dataType(dtype)), tensorShape(2, shape), content);
}

/** A value list shorter than the tensor: TensorFlow repeats its last element. */
function repeated(dtype: DType, item: Uint8Array): Bytes {
  const view = new DataView(item.buffer, item.byteOffset);
  if (dtype === 'float32') return message(VALUE_FIELD.float32, raw(item));
  return integer(VALUE_FIELD[dtype], dtype === 'bool' ? view.getUint8(0) : view.getInt32(0, true));
}

function attribute(attr: Attr): Bytes {
  if ('type' in attr) return integer(6, dataType(attr.type));
  if ('types' in attr)
    return message(
      1,
      each(attr.types, (type) => integer(6, dataType(type))),
    );
  if ('int' in attr) return integer(3, attr.int);
  if ('ints' in attr)
    return message(
      1,
      each(attr.ints, (value) => integer(3, value)),
    );
  if ('float' in attr) return float(4, attr.float);
  if ('bool' in attr) return integer(5, Number(attr.bool));
  if ('text' in attr) return text(2, attr.text);
  if ('shape' in attr) return tensorShape(7, attr.shape);
  if ('shapes' in attr)
    return message(
      1,
      each(attr.shapes, (shape) => tensorShape(7, shape)),
    );
  if ('function' in attr) return message(10, text(1, attr.function));
  return tensor(8, attr.tensor);
}

function attributes(field: number, attrs: Attrs): Bytes {
  return each(Object.entries(attrs), ([key, value]) => message(field, text(1, key), message(2, attribute(value))));
}

function node(field: number, { name, op, inputs, attrs }: WrittenNode): Bytes {
  return message(
    field,
    text(1, name),
    text(2, op),
    each(inputs, (input) => text(3, input)),
    attributes(5, attrs),
  );
}

/** A function of the graph's library; inside one, references name an op's output too. */
function libraryFunction({ name, args, nodes, results, xla = false }: LibraryFunction, attrs: Attrs = {}): Bytes {
  const argNames = new Set(args.map((arg) => arg.name));
  const ops = new Map(nodes.map((each) => [each.name, each.op]));
  const inside = (ref: string): string => {
    const [owner = '', index = '0'] = ref.split(':');
    return argNames.has(owner) ? owner : `${owner}:${outputName(ops.get(owner) ?? '', Number(index))}`;
  };
  const signature = message(
    1,
    text(1, name),
    each(args, (arg) => message(2, text(1, arg.name), integer(3, dataType(arg.dtype)))),
    each(results, ({ dtype }, i) => message(3, text(1, `out${i}`), integer(3, dataType(dtype)))),
  );
  // Without shapes TensorFlow's cost model complains in the log.
  const argAttrs = each(args, ({ shape }, i) =>
    message(7, integer(1, i), message(2, attributes(1, { _output_shapes: { shapes: [shape] } }))),
  );
  return message(
    1,
    signature,
    each(nodes, (inner) => node(3, { ...inner, inputs: inner.inputs.map(inside) })),
    each(results, ({ ref }, i) => message(4, text(1, `out${i}`), text(2, inside(ref)))),
    attributes(5, { ...attrs, ...(xla ? COMPILED_BY_XLA : {}) }),
    argAttrs,
  );
}

/** The name of an op's output i inside a function. */
function outputName(op: string, index: number): string {
  if (op === 'TopKV2') return index === 0 ? 'values:0' : 'indices:0';
  if (op === 'XlaCustomCallV2') return `results:${index}`;
  return `${table[op]?.output ?? 'output'}:${index}`;
}

/** `main` between a placeholder for every argument and a name for every result. */
function session({ args, nodes, results }: LibraryFunction): WrittenNode[] {
  const feeds = args.map(({ name, dtype, shape }) => {
    return { name, op: 'Placeholder', inputs: [], attrs: { dtype: { type: dtype }, shape: { shape } } };
  });
  const fetches = results.map(({ ref, dtype }, i) => {
    return { name: `out${i}`, op: 'Identity', inputs: [ref], attrs: { T: { type: dtype } } };
  });
  return [...feeds, ...nodes, ...fetches];
}

/**
 * The session of a function that XLA compiles: two nodes, fewer than grappler looks at, which would spend a fourth of the
 * time to make it ready and change nothing that XLA makes of it.
 */
function compiledSession(main: LibraryFunction): WrittenNode[] {
  return [
    ...feedsOf(main),
    { name: CALL, op: 'StatefulPartitionedCall', inputs: fedInputs(main), attrs: callAttrs(main) },
  ];
}

/**
 * The session of a function that nothing is done to, by its name: TensorFlow then runs it as it is, on one device and
 * after no more passes. Before it comes a reference variable. XLA's passes keep clear of what such a variable reaches; of
 * any other call they read the function, twice, to look for one.
 */
function bareSession(main: LibraryFunction): WrittenNode[] {
  const scalar = { dtype: { type: 'float32' }, shape: { shape: [] } } as const;
  return [
    ...feedsOf(main),
    { name: VARIABLE, op: 'VariableV2', inputs: [], attrs: scalar },
    { name: CALL, op: main.name, inputs: [...fedInputs(main), `^${VARIABLE}`], attrs: {} },
  ];
}

/** A node that is fed in place of all arguments, if any. */
function feedsOf({ args }: LibraryFunction): WrittenNode[] {
  const dtypes = { types: args.map(({ dtype }) => dtype) };
  return args.length === 0 ? [] : [{ name: FEEDS, op: 'Unstage', inputs: [], attrs: { dtypes } }];
}

const fedInputs = ({ args }: LibraryFunction): string[] => args.map((_, i) => fedToCall(i));

const nodesOf = (nodes: readonly WrittenNode[]): Bytes => each(nodes, (inner) => node(1, inner));

function savedModel({ main, functions }: TensorflowGraph, optimize: Optimization): Bytes {
  const compiled = { ...main, xla: true };
  const [nodes, callee] = {
    none: () => [nodesOf(bareSession(main)), libraryFunction(main, LEFT_ALONE)],
    graph: () => [nodesOf(session(main)), ''],
    parts: () => [nodesOf(session(main)), ''],
    whole: () => [nodesOf(compiledSession(compiled)), libraryFunction(compiled, LEFT_ALONE)],
  }[optimize]() as [Bytes, Bytes];
  const library = each(functions, (inner) => libraryFunction(inner)) + callee;
  const graph = message(2, nodes, message(2, library), message(4, integer(1, GRAPH_PRODUCER)));
  return integer(1, 1) + message(2, message(1, text(4, SERVE_TAG)), graph);
}
