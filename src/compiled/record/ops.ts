/**
 * What can be recorded: for each TensorFlow op, the shapes and dtypes of its outputs.
 *
 * Ops and attributes are not repeated here. tfjs-node's own kernels run on the recording backend and name them, so
 * eager and compiled mode cannot disagree. A kernel is supported when every op it names has a row.
 */
import * as tf from '../../tf.js';
import type { Attrs, DType, TensorSpec } from '../tensorflow/graph.js';

/** One call of an op, as a shape rule sees it. */
export interface OpCall {
  readonly inputs: readonly TensorSpec[];
  shape(input: number): readonly number[];
  dtype(input: number): DType;
  /** Elements of an input made from JavaScript numbers (axes, sizes, paddings). */
  values(input: number): number[];
  int(attr: string): number;
  ints(attr: string): readonly number[];
  bool(attr: string): boolean;
  text(attr: string): string;
  type(attr: string): DType;
}

export type ShapeRule = (op: OpCall) => readonly TensorSpec[];

const sameAs =
  (input: number): ShapeRule =>
  (op) => [{ shape: op.shape(input), dtype: op.dtype(input) }];

const broadcast =
  (dtype?: DType): ShapeRule =>
  (op) => [{ shape: broadcastShape(op.shape(0), op.shape(1)), dtype: dtype ?? op.dtype(0) }];

const shaped =
  (shape: (op: OpCall) => readonly number[]): ShapeRule =>
  (op) => [{ shape: shape(op), dtype: op.dtype(0) }];

const predicate: ShapeRule = (op) => [{ shape: op.shape(0), dtype: 'bool' }];

const reduced: ShapeRule = shaped((op) => {
  const axes = op.values(1);
  const reducedTo = op.shape(0).map((size, axis) => (axes.includes(axis) ? 1 : size));
  return op.bool('keep_dims') ? reducedTo : reducedTo.filter((_, axis) => !axes.includes(axis));
});

const extreme: ShapeRule = (op) => {
  const axis = axisOf(op.values(1), op.shape(0).length);
  return [{ shape: op.shape(0).filter((_, i) => i !== axis), dtype: op.type('output_type') }];
};

function forEach<T>(names: string, value: T): Record<string, T> {
  return Object.fromEntries(names.split(' ').map((name) => [name, value]));
}

/** TensorFlow op -> outputs. To support another op, add its row here and a sample to test/compiled/ops.test.ts. */
export const shapeRules: Readonly<Record<string, ShapeRule>> = {
  ...forEach('Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Elu Erf Exp Expm1 Floor', sameAs(0)),
  ...forEach('LeakyRelu Log Log1p LogicalNot Neg Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid', sameAs(0)),
  ...forEach('Sign Sin Sinh Softmax Softplus Sqrt Square Tan Tanh ZerosLike OnesLike', sameAs(0)),
  ...forEach('Cumsum Cumprod ReverseV2 EluGrad AddN TensorScatterUpdate', sameAs(0)),
  ...forEach('IsNan IsInf IsFinite', predicate),
  ...forEach('Add Sub Mul RealDiv FloorDiv FloorMod Maximum Minimum Pow SquaredDifference Atan2', broadcast()),
  ...forEach('Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr', broadcast('bool')),
  ...forEach('Sum Max Min Prod All Any', reduced),
  ...forEach('ArgMax ArgMin', extreme),
  ...forEach('MatMul BatchMatMulV2', shaped(productShape)),
  Conv2D: shaped((op) => convolutionShape(op, false)),
  DepthwiseConv2dNative: shaped((op) => convolutionShape(op, true)),
  Cast: (op) => [{ shape: op.shape(0), dtype: op.type('DstT') }],
  ConcatV2: shaped(concatenatedShape),
  Einsum: shaped(einsumShape),
  ExpandDims: shaped((op) => op.shape(0).toSpliced(axisOf(op.values(1), op.shape(0).length + 1), 0, 1)),
  Fill: (op) => [{ shape: op.values(0), dtype: op.dtype(1) }],
  GatherNd: shaped((op) => [...op.shape(1).slice(0, -1), ...op.shape(0).slice(op.shape(1).at(-1))]),
  GatherV2: shaped((op) => {
    const axis = axisOf(op.values(2), op.shape(0).length);
    const indices = op.shape(1).slice(op.int('batch_dims'));
    return op.shape(0).toSpliced(axis, 1, ...indices);
  }),
  LinSpace: shaped((op) => op.values(2)),
  MirrorPad: shaped(paddedShape),
  OneHot: (op) => [{ shape: [...op.shape(0), ...op.values(1)], dtype: op.type('T') }],
  Pack: shaped((op) => op.shape(0).toSpliced(axisOf([op.int('axis')], op.shape(0).length + 1), 0, op.inputs.length)),
  PadV2: shaped(paddedShape),
  Range: shaped((op) => [Math.ceil(((op.values(1)[0] ?? 0) - (op.values(0)[0] ?? 0)) / (op.values(2)[0] ?? 1))]),
  Reshape: shaped((op) => tf.util.inferFromImplicitShape(op.values(1), sizeOf(op.shape(0)))),
  ScatterNd: (op) => [{ shape: op.values(2), dtype: op.dtype(1) }],
  Select: sameAs(1),
  Slice: shaped((op) => op.values(2)),
  SplitV: (op) => {
    const axis = axisOf(op.values(2), op.shape(0).length);
    return op.values(1).map((size) => ({ shape: op.shape(0).with(axis, size), dtype: op.dtype(0) }));
  },
  StridedSlice: shaped(stridedShape),
  Tile: shaped((op) => op.values(1).map((repeats, axis) => repeats * (op.shape(0)[axis] ?? 0))),
  TopKV2: (op) => {
    const shape = [...op.shape(0).slice(0, -1), ...op.values(1)];
    return [
      { shape, dtype: op.dtype(0) },
      { shape, dtype: 'int32' },
    ];
  },
  Transpose: shaped((op) => op.values(1).map((axis) => op.shape(0)[axis] ?? 0)),
  Unpack: (op) => {
    const shape = op.shape(0).toSpliced(op.int('axis'), 1);
    return Array.from({ length: op.int('num') }, () => ({ shape, dtype: op.dtype(0) }));
  },
  UnsortedSegmentSum: shaped((op) => [...op.values(2), ...op.shape(0).slice(op.shape(1).length)]),
};

/** What TensorFlow calls the outputs of an op where it is not `output`; needed inside functions. */
const outputNames: Readonly<Record<string, string>> = {
  ...forEach(
    'Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil Cos Cosh Erf Exp Expm1 Floor IsFinite IsInf IsNan Log',
    'y',
  ),
  ...forEach('Log1p LogicalNot Neg OnesLike Reciprocal Round Rsqrt Sigmoid Sign Sin Sinh Sqrt Square Tan Tanh', 'y'),
  ...forEach('Transpose ZerosLike', 'y'),
  ...forEach('Add Sub Mul RealDiv FloorDiv FloorMod Maximum Minimum Pow SquaredDifference Atan2', 'z'),
  ...forEach('Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr', 'z'),
  ...forEach('Elu LeakyRelu Relu Relu6 Selu Softplus', 'activations'),
  ...forEach('Cumsum Cumprod', 'out'),
  AddN: 'sum',
  EluGrad: 'backprops',
  MatMul: 'product',
  Softmax: 'softmax',
  XlaCustomCallV2: 'results',
};

/** The name of an op's output i inside a function. */
export function outputName(op: string, index: number): string {
  if (op === 'TopKV2') return index === 0 ? 'values:0' : 'indices:0';
  return `${outputNames[op] ?? 'output'}:${index}`;
}

/** Records an op of one output. */
export type RecordOp = (op: string, inputs: readonly tf.TensorInfo[], attrs: Attrs) => tf.TensorInfo;

export type KernelCall = Parameters<tf.KernelFunc>[0];
type Inputs<K extends string> = Readonly<Record<K, tf.TensorInfo>>;

/** tfjs kernel -> op, where tfjs-node's own kernel cannot be recorded or another op is faster. */
export const ownKernels: Readonly<Record<string, (record: RecordOp) => tf.KernelFunc>> = {
  BatchMatMul: (record) => (call) => {
    const { a, b } = call.inputs as Inputs<'a' | 'b'>;
    const { transposeA, transposeB } = call.attrs as unknown as tf.BatchMatMulAttrs;
    const T = { type: a.dtype as DType };
    // tfjs-node multiplies matrices with BatchMatMulV2 too, but TensorFlow fuses bias and activation into MatMul only.
    return a.shape.length === 2 && b.shape.length === 2
      ? record('MatMul', [a, b], { T, transpose_a: { bool: transposeA }, transpose_b: { bool: transposeB } })
      : record('BatchMatMulV2', [a, b], { T, adj_x: { bool: transposeA }, adj_y: { bool: transposeB } });
  },
  ExpandDims: (record) => (call) => {
    const { input } = call.inputs as Inputs<'input'>;
    const { dim } = call.attrs as unknown as tf.ExpandDimsAttrs;
    // tfjs-node leaves T to be inferred, which only eager execution does.
    return record('ExpandDims', [input, tf.scalar(dim, 'int32')], { T: { type: input.dtype as DType } });
  },
  GatherV2: (record) => (call) => {
    const { x, indices } = call.inputs as Inputs<'x' | 'indices'>;
    const { axis, batchDims } = call.attrs as unknown as tf.GatherV2Attrs;
    // tfjs-node reads the indices to check them; TensorFlow's op checks them itself when it runs.
    return record('GatherV2', [x, indices, tf.scalar(axis, 'int32')], {
      batch_dims: { int: batchDims },
      Tparams: { type: x.dtype as DType },
      Tindices: { type: 'int32' },
      Taxis: { type: 'int32' },
    });
  },
  Mean: (record) => (call) => {
    const { x } = call.inputs as Inputs<'x'>;
    const { axis, keepDims } = call.attrs as unknown as tf.MeanAttrs & { keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis, x.shape);
    const count = tf.scalar(axes.reduce((product, a) => product * (x.shape[a] ?? 1), 1));
    // Not the op Mean: TensorFlow 2.15 turns layer norms made of it into one oneDNN op and loses their epsilon.
    const sum = tf.sum(tf.cast(x as tf.Tensor, 'float32'), axes, keepDims);
    return record('RealDiv', [sum, count], { T: { type: 'float32' } });
  },
};

/** Taps up to which a depthwise convolution is written as a sum for XLA. */
const SUMMED_TAPS = 16;

/** tfjs kernel -> the same in other kernels, for XLA where its own code is slow; null leaves it the op. */
export const xlaKernels: Readonly<Record<string, (call: KernelCall) => tf.TensorInfo | null>> = {
  /** A depthwise convolution of few taps: one shifted product a tap, all of which XLA adds in one loop. */
  DepthwiseConv2dNative: ({ inputs, attrs }) => {
    const { x, filter } = inputs as Inputs<'x' | 'filter'>;
    const { strides, pad, dilations } = attrs as unknown as tf.DepthwiseConv2dNativeAttrs;
    const [, length = 0, width = 0, channels = 0] = x.shape;
    const [rows = 0, columns = 0, , multiplier] = filter.shape;
    const isDense = [strides, dilations ?? 1].flat().every((step) => step === 1);
    if (pad !== 'valid' || multiplier !== 1 || !isDense || rows * columns > SUMMED_TAPS) return null;
    const products = Array.from({ length: rows * columns }, (_, tap) => {
      const at = [Math.floor(tap / columns), tap % columns] as const;
      const shifted = tf.slice(x as tf.Tensor, [0, ...at, 0], [-1, length - rows + 1, width - columns + 1, channels]);
      return tf.mul(shifted, tf.reshape(tf.slice(filter as tf.Tensor, [...at], [1, 1]), [channels]));
    });
    return products.reduce((sum, product) => tf.add(sum, product));
  },
};

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  return tf.broadcast_util.assertAndGetBroadcastShape([...a], [...b]);
}

const sizeOf = (shape: readonly number[]): number => tf.util.sizeFromShape([...shape]);

/** The axis as an index from the front. */
function axisOf(axes: readonly number[], rank: number): number {
  const axis = axes[0] ?? 0;
  return axis < 0 ? axis + rank : axis;
}

function productShape(op: OpCall): number[] {
  const [a, b] = [op.shape(0), op.shape(1)];
  const rows = a.at(op.bool('adj_x') || op.bool('transpose_a') ? -1 : -2) ?? 0;
  const columns = b.at(op.bool('adj_y') || op.bool('transpose_b') ? -2 : -1) ?? 0;
  return [...broadcastShape(a.slice(0, -2), b.slice(0, -2)), rows, columns];
}

function concatenatedShape(op: OpCall): number[] {
  const last = op.inputs.length - 1;
  const axis = axisOf(op.values(last), op.shape(0).length);
  const length = op.inputs.slice(0, last).reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
  return op.shape(0).with(axis, length);
}

function paddedShape(op: OpCall): number[] {
  const paddings = op.values(1);
  return op.shape(0).map((size, axis) => (paddings[2 * axis] ?? 0) + size + (paddings[2 * axis + 1] ?? 0));
}

function stridedShape(op: OpCall): number[] {
  const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'] as const;
  const [begin, end, ellipsis, newAxis, shrink] = masks.map((mask) => op.int(mask));
  const [from, to, strides] = [op.values(1), op.values(2), op.values(3)];
  return tf.slice_util.sliceInfo(
    [...op.shape(0)],
    from,
    to,
    strides,
    begin ?? 0,
    end ?? 0,
    ellipsis ?? 0,
    newAxis ?? 0,
    shrink ?? 0,
  ).finalShape;
}

type Quad = [number, number, number, number];

function convolutionShape(op: OpCall, depthwise: boolean): number[] {
  const [strides, dilations] = [op.ints('strides'), op.ints('dilations')];
  const padding = op.text('padding').toLowerCase();
  const explicit = op.ints('explicit_paddings');
  const pairs = [0, 2, 4, 6].map((i) => [explicit[i] ?? 0, explicit[i + 1] ?? 0]);
  return tf.backend_util.computeConv2DInfo(
    [...op.shape(0)] as Quad,
    [...op.shape(1)] as Quad,
    [strides[1] ?? 1, strides[2] ?? 1],
    [dilations[1] ?? 1, dilations[2] ?? 1],
    padding === 'explicit' ? (pairs as tf.backend_util.ExplicitPadding) : (padding as 'valid' | 'same'),
    undefined,
    depthwise,
    'channelsLast',
  ).outShape;
}

/** Labels of the output in the equation, each as long as in the inputs; no ellipsis (tfjs has none). */
function einsumShape(op: OpCall): number[] {
  const [terms = '', output = ''] = op.text('equation').replaceAll(' ', '').split('->');
  const axes = terms
    .split(',')
    .flatMap((labels, input) => [...labels].map((label, axis) => [label, op.shape(input)[axis] ?? 0] as const));
  const lengths = new Map(axes);
  return [...output].map((label) => lengths.get(label) ?? 0);
}
