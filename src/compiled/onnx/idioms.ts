/** What takes several recorded operations and ONNX has as one, which its runtimes compute faster. */
import { ONNX_TYPES, type OnnxCall, type OnnxForm, type Ref } from '../ops/onnx_call.js';
import { chosen, isLarge } from '../ops/onnx_math.js';
import { asOutput, isMatrix, matrixOf } from '../ops/onnx_products.js';
import type { Constant, GraphNode, TensorSpec } from '../record/graph.js';

/** Finds what recorded references stand for. */
export interface Recorded {
  producer(ref: string): GraphNode | undefined;
  constant(ref: string): Constant | undefined;
  spec(ref: string): TensorSpec;
}

/**
 * An op, of reductions one that keeps its axes, of products one without transpositions, and the patterns of its inputs, a
 * constant scalar, or a name that stands for one and the same reference wherever it comes.
 */
type Pattern = readonly Pattern[] | number | string;

interface Idiom {
  readonly pattern: readonly Pattern[];
  /** The names whose references become the inputs of `onnx`, in this order. */
  readonly inputs: readonly string[];
  /** What else must be so; `of` is what a name stands for. */
  readonly holds?: (of: (name: string) => string, recorded: Recorded, last: GraphNode) => boolean;
  readonly onnx: OnnxForm;
}

/** Before a pattern: that in any shape. */
const RESHAPED = '';
const mean = (x: Pattern): Pattern => ['RealDiv', ['Sum', x, 'axes'], 'count'];
const centred: Pattern = ['Sub', 'x', mean('x')];
const scale: Pattern = ['Rsqrt', ['Add', mean(['Square', centred]), 'epsilon']];
const scaledToOne = (sum: Pattern): readonly Pattern[] => ['Mul', 'x', ['Rsqrt', ['Add', sum, 'epsilon']]];
const isRow = ({ shape }: TensorSpec): boolean => shape.length === 1;
const lengthOf = (x: TensorSpec): number => x.shape.at(-1) ?? 1;

/** Whether a pattern's sums are over the last axis of x, its means by that length, and its scales and shifts rows as long. */
const isOverRows =
  (isMean: boolean, ...rows: readonly string[]): NonNullable<Idiom['holds']> =>
  (of, { spec, constant }) => {
    const x = spec(of('x'));
    const is = (name: string, value: number): boolean => numbersOf(constant(of(name))).join() === String(value);
    return (
      is('axes', x.shape.length - 1) &&
      (!isMean || is('count', lengthOf(x))) &&
      constant(of('epsilon')) !== undefined &&
      rows.map((name) => spec(of(name))).every((row) => isRow(row) && lengthOf(row) === lengthOf(x))
    );
  };

/** x over the root of its mean square. */
function rmsNorm(op: OnnxCall, gain: Ref, epsilon: number): Ref {
  return op.add('RMSNormalization', [op.input(0), gain], { axis: { int: -1 }, epsilon: { float: epsilon } });
}

/** Whether a row of length 1 on the last axis but one is put to the one of as many places as the buffer has. */
const isOfOnePlace: NonNullable<Idiom['holds']> = (of, { spec, constant }) => {
  const [buffer, row] = [spec(of('buffer')).shape, spec(of('row')).shape];
  return (
    row.join() === buffer.with(-2, 1).join() &&
    numbersOf(constant(of('rows'))).join() === String(buffer.at(-2)) &&
    numbersOf(constant(of('column'))).join() === `${buffer.at(-2)},1` &&
    spec(of('place')).shape.length === 0
  );
};

/** The buffer with a row added in one place, or in none. */
function addRow(op: OnnxCall): Ref {
  const rows = op.shape(0).at(-2) ?? 0;
  const places = op.constant(Array.from({ length: rows }, (_, i) => i), { shape: [rows], dtype: 'float32' }); // biome-ignore format: one line
  const here = op.add('Cast', [op.add('Equal', [places, op.input(2)])], { to: { int: ONNX_TYPES.float32 } });
  const place = op.add('ArgMax', [here], { axis: { int: 0 } });
  const row = op.add('Mul', [op.input(1), op.add('ReduceMax', [here])]);
  const before = op.shape(1).slice(0, -2);
  const last = op.places([...before.map(() => 0), 1]);
  const indices = op.add('Add', [placesBefore(op, before), op.add('Mul', [place, last])]);
  return op.add('ScatterND', [op.input(0), indices, row], { reduction: { text: 'add' } });
}

/** The places of rows by all axes but their own, which is 0: [...before, 1, axes]. */
function placesBefore(op: OnnxCall, before: readonly number[]): Ref {
  const count = before.reduce((product, length) => product * length, 1);
  const strides = before.map((_, axis) => before.slice(axis + 1).reduce((product, length) => product * length, 1));
  const places = Array.from({ length: count }, (_, row) => [
    ...before.map((length, axis) => Math.floor(row / (strides[axis] ?? 1)) % length),
    0,
  ]);
  return op.reshape(op.places(places.flat()), null, [...before, 1, before.length + 1]);
}

/** Whether what is repeated is one element along each axis that is longer in the end. */
const isOfOneElement: NonNullable<Idiom['holds']> = (of, { spec }, { outputs }) =>
  spec(of('x')).shape.every((length, axis) => length === 1 || length === outputs[0]?.shape[axis]);

const isOfMatrices = (of: (name: string) => string, spec: Recorded['spec']): boolean =>
  [of('a'), of('b')].every((side) => isMatrix(spec(side)));

/** Columns from which on a product of their own is as fast as a part of a wider one. */
const WIDE = 64;

/** Whether maps side by side, wide ones among them, are taken apart, and their weights are less than what comes of them. */
function isOfMaps(of: (name: string) => string, { spec, constant }: Recorded, { inputs, outputs }: GraphNode): boolean {
  const { shape } = spec(inputs[0] as string);
  const [rows = 0, depth = 0] = spec(of('a')).shape.slice(-2);
  const [axis = 0] = numbersOf(constant(of('axis')));
  const isLast = (axis + shape.length) % shape.length === shape.length - 1;
  const areColumns = shape.at(-1) === lengthOf(spec(of('b')));
  const hasWide = outputs.some((part) => lengthOf(part) >= WIDE);
  return isLast && areColumns && hasWide && rows > depth && isOfMatrices(of, spec);
}

/** Maps that are a product together: each wide one, and narrow neighbours. */
function groupsOf(sizes: readonly number[]): number[][] {
  const groups: number[][] = [];
  const isNarrow = (size = WIDE): boolean => size < WIDE;
  for (const size of sizes) {
    const last = groups.at(-1);
    if (isNarrow(last?.[0]) && isNarrow(size)) last?.push(size);
    else groups.push([size]);
  }
  return groups;
}

/** A product for each group of some maps, whose weights, constants, the runtime takes apart before it first runs. */
function products(op: OnnxCall, sizes: readonly number[], bias?: Ref): Ref[] {
  const [a, b] = [matrixOf(op, 0), matrixOf(op, 1)];
  const rows = op.shape(0).at(-2) ?? 0;
  const split = (x: Ref, parts: readonly number[], axis: number): Ref[] =>
    parts.length === 1 ? [x] : op.addMany('Split', [x, op.places(parts)], parts.length, { axis: { int: axis } });
  const groups = groupsOf(sizes);
  const widths = groups.map((group) => group.reduce((sum, size) => sum + size, 0));
  const [weights, biases] = [split(b, widths, 1), bias && split(bias, widths, 0)];
  const columns = weights.flatMap((weight, i) => {
    const y = biases ? op.add('Gemm', [a, weight, biases[i] as Ref]) : op.add('MatMul', [a, weight]);
    return split(y, groups[i] as number[], 1);
  });
  return columns.map((y, i) => op.reshape(y, [rows, sizes[i] ?? 0], op.outputs[i]?.shape ?? []));
}

const IDIOMS: readonly Idiom[] = [
  {
    pattern: ['Add', ['Mul', ['Mul', centred, scale], 'gain'], 'bias'],
    inputs: ['x', 'gain', 'bias', 'epsilon'],
    holds: isOverRows(true, 'gain', 'bias'),
    onnx: (op) =>
      op.add('LayerNormalization', [op.input(0), op.input(1), op.input(2)], {
        axis: { int: -1 },
        epsilon: { float: op.values(3)[0] ?? 0 },
      }),
  },
  {
    pattern: ['Mul', scaledToOne(mean(['Square', 'x'])), 'gain'],
    inputs: ['x', 'gain', 'epsilon'],
    holds: isOverRows(true, 'gain'),
    onnx: (op) => rmsNorm(op, op.input(1), op.values(2)[0] ?? 0),
  },
  {
    // By the sum of squares: the same of the mean, over the root of how many there are.
    pattern: scaledToOne(['Sum', ['Square', 'x'], 'axes']),
    inputs: ['x', 'epsilon'],
    holds: isOverRows(false),
    onnx: (op) => {
      const count = op.shape(0).at(-1) ?? 1;
      const gain = op.constant([count ** -0.5], { shape: [count], dtype: 'float32' });
      return rmsNorm(op, gain, (op.values(1)[0] ?? 0) / count);
    },
  },
  {
    pattern: ['Mul', 'x', ['Rsqrt', 'y']],
    inputs: ['x', 'y'],
    onnx: (op) => op.add('Div', [op.input(0), op.add('Sqrt', [op.input(1)])]),
  },
  {
    pattern: ['Mul', ['Mul', ['Add', ['Erf', ['Mul', 'x', Math.SQRT1_2]], 1], 0.5], 'x'],
    inputs: ['x'],
    onnx: (op) => op.add('Gelu', [op.input(0)]),
  },
  {
    // One node less; of a large tensor it goes number by number, and takes longer.
    pattern: ['Add', ['Relu', 'x'], ['Exp', ['Minimum', 'x', 0]]],
    inputs: ['x'],
    holds: (of, { spec }) => !isLarge(spec(of('x')).shape),
    onnx: (op) => op.add('Add', [op.add('Elu', [op.input(0)]), op.scalar(1, 'float32')]),
  },
  {
    // A product and a sum over the whole buffer would read and write all of it.
    pattern: [
      'Add',
      'buffer',
      ['Mul', ['Reshape', ['Cast', ['Equal', ['Range', 0, 'rows', 1], 'place']], 'column'], 'row'],
    ],
    inputs: ['buffer', 'row', 'place'],
    holds: isOfOnePlace,
    onnx: addRow,
  },
  {
    // tfjs repeats a scalar, a row or a column before it chooses.
    pattern: ['Select', 'condition', ['Tile', 'x', 'times'], 'y'],
    inputs: ['condition', 'x', 'y'],
    holds: isOfOneElement,
    onnx: chosen,
  },
  {
    // tfjs multiplies two matrices with a bias as two batches of one.
    pattern: ['Add', ['BatchMatMulV2', 'a', 'b'], 'bias'],
    inputs: ['a', 'b', 'bias'],
    holds: (of, { spec }) => isRow(spec(of('bias'))) && isOfMatrices(of, spec),
    onnx: (op) => {
      const [a, b] = [matrixOf(op, 0), matrixOf(op, 1)];
      return asOutput(op, op.add('Gemm', [a, b, op.input(2)]));
    },
  },
  {
    pattern: ['SplitV', [RESHAPED, ['MatMul', 'a', 'b']], 'sizes', 'axis'],
    inputs: ['a', 'b', 'sizes'],
    holds: isOfMaps,
    onnx: (op) => products(op, op.values(2)),
  },
  {
    pattern: ['SplitV', [RESHAPED, ['Add', ['BatchMatMulV2', 'a', 'b'], 'bias']], 'sizes', 'axis'],
    inputs: ['a', 'b', 'sizes', 'bias'],
    holds: (of, recorded, last) => isRow(recorded.spec(of('bias'))) && isOfMaps(of, recorded, last),
    onnx: (op) => products(op, op.values(2), op.input(3)),
  },
];

/** The idiom that ends with a node: its inputs and its form. */
export function idiomOf(node: GraphNode, recorded: Recorded): { inputs: readonly string[]; onnx: OnnxForm } | null {
  for (const { pattern, inputs, holds, onnx } of IDIOMS) {
    if (pattern[0] !== node.op) continue;
    const names = new Map<string, string>();
    const of = (name: string): string => names.get(name) ?? '';
    if (!matches(pattern, node, recorded, names) || holds?.(of, recorded, node) === false) continue;
    return { inputs: inputs.map(of), onnx };
  }
  return null;
}

function matches(
  [op, ...patterns]: readonly Pattern[],
  node: GraphNode | undefined,
  recorded: Recorded,
  names: Map<string, string>,
): boolean {
  if (op === RESHAPED) return matches(patterns[0] as readonly Pattern[], reshapedBy(node, recorded), recorded, names);
  if (node === undefined || node.op !== op || leavesAxes(node) || transposes(node)) return false;
  return patterns.every((pattern, i) => {
    const ref = node.inputs[i] ?? '';
    if (typeof pattern === 'object') return matches(pattern, recorded.producer(ref), recorded, names);
    if (typeof pattern === 'number') return numbersOf(recorded.constant(ref)).join() === String(Math.fround(pattern));
    const same = names.get(pattern) ?? ref;
    names.set(pattern, same);
    return same === ref;
  });
}

const leavesAxes = ({ attrs: { keep_dims: kept } }: GraphNode): boolean =>
  kept !== undefined && 'bool' in kept && !kept.bool;

const transposes = ({ attrs: { adj_x, adj_y, transpose_a, transpose_b } }: GraphNode): boolean =>
  [adj_x, adj_y, transpose_a, transpose_b].some((side) => side !== undefined && 'bool' in side && side.bool);

/** What gives a tensor its elements. */
function reshapedBy(node: GraphNode | undefined, recorded: Recorded): GraphNode | undefined {
  return node?.op === 'Reshape' ? reshapedBy(recorded.producer(node.inputs[0] ?? ''), recorded) : node;
}

/** The elements of a constant of floats or integers; one of those that are all equal. */
function numbersOf(constant: Constant | undefined): number[] {
  if (constant === undefined || constant.dtype === 'bool') return [];
  const bytes = constant.bytes.slice().buffer;
  return [...(constant.dtype === 'int32' ? new Int32Array(bytes) : new Float32Array(bytes))];
}
