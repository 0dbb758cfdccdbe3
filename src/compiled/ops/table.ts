/**
 * What can be recorded, and how it is written down: a row for each TensorFlow op.
 *
 * Ops and attributes are not repeated here. tfjs-node's own kernels run on the recording backend and name them, so
 * eager and compiled mode cannot disagree. A kernel is supported when every op it names has a row.
 */
import type { DType } from '../record/graph.js';
import type { OnnxForm } from './onnx_call.js';
import * as math from './onnx_math.js';
import * as moves from './onnx_moves.js';
import * as products from './onnx_products.js';
import * as shapes from './shapes.js';

export interface Row {
  /** Shapes and dtypes of the outputs. */
  readonly shapes: shapes.ShapeRule;
  /** What TensorFlow calls the outputs inside functions, the first by `name:0`. */
  readonly output: string;
  /** What computes it in ONNX. */
  readonly onnx: OnnxForm;
}

const { as } = math;
const row = (rule: shapes.ShapeRule, onnx: OnnxForm, output = 'output'): Row => ({ shapes: rule, output, onnx });
/** Element by element, of the shape and dtype of the input. */
const each = (onnx: OnnxForm, output = 'y'): Row => row(shapes.sameAs(0), onnx, output);
const activation = (onnx: OnnxForm): Row => each(onnx, 'activations');
const test = (onnx: OnnxForm): Row => row(shapes.predicate, onnx, 'y');
/** Of two inputs that are broadcast. */
const both = (onnx: OnnxForm, dtype?: DType): Row => row(shapes.broadcast(dtype), onnx, 'z');
const compared = (onnx: OnnxForm): Row => both(onnx, 'bool');
const reduced = (onnx: OnnxForm): Row => row(shapes.reduced, onnx);

/** To support another op, add its row here (its output's name stands in TensorFlow's ops.pbtxt) and a sample to test/compiled/samples.ts. */
export const table: Readonly<Record<string, Row>> = {
  Abs: each(as('Abs')),
  Acos: each(as('Acos')),
  Acosh: each(as('Acosh')),
  Add: both(as('Add')),
  AddN: each(math.sumOfAll, 'sum'),
  All: reduced(math.boolReduction('ReduceMin')),
  Any: reduced(math.boolReduction('ReduceMax')),
  ArgMax: row(shapes.extreme, math.extremeAt('ArgMax')),
  ArgMin: row(shapes.extreme, math.extremeAt('ArgMin')),
  Asin: each(as('Asin')),
  Asinh: each(as('Asinh')),
  Atan: each(as('Atan')),
  Atan2: both(math.atan2),
  Atanh: each(as('Atanh')),
  BatchMatMulV2: row(shapes.product, products.batchProduct),
  Cast: row(shapes.cast, math.casted, 'y'),
  Ceil: each(as('Ceil')),
  ConcatV2: row(shapes.concatenated, moves.concatenation),
  Conv2D: row(shapes.convolution(false), products.convolution(false)),
  Cos: each(as('Cos')),
  Cosh: each(as('Cosh')),
  Cumprod: each(math.cumulativeProduct, 'out'),
  Cumsum: each(math.cumulativeSum, 'out'),
  DepthwiseConv2dNative: row(shapes.convolution(true), products.convolution(true)),
  Einsum: row(shapes.einsum, products.einsum),
  Elu: activation(as('Elu')),
  EluGrad: each(math.eluGrad, 'backprops'),
  Equal: compared(as('Equal')),
  Erf: each(as('Erf')),
  Exp: each(as('Exp')),
  ExpandDims: row(shapes.expanded, moves.reshape),
  Expm1: each(math.expm1),
  Fill: row(shapes.filled, moves.fill),
  Floor: each(as('Floor')),
  FloorDiv: both(math.floorDiv),
  FloorMod: both(math.floorMod),
  GatherNd: row(shapes.gatheredByPlace, moves.gatherByPlace),
  GatherV2: row(shapes.gathered, moves.gather),
  Greater: compared(as('Greater')),
  GreaterEqual: compared(as('GreaterOrEqual')),
  IsFinite: test(math.finite),
  IsInf: test(as('IsInf')),
  IsNan: test(as('IsNaN')),
  LeakyRelu: activation(math.leakyRelu),
  Less: compared(as('Less')),
  LessEqual: compared(as('LessOrEqual')),
  LinSpace: row(shapes.asSaidBy(2), moves.linSpace),
  Log: each(as('Log')),
  Log1p: each(math.log1p),
  LogicalAnd: compared(as('And')),
  LogicalNot: each(as('Not')),
  LogicalOr: compared(as('Or')),
  MatMul: row(shapes.product, products.matrixProduct, 'product'),
  Max: reduced(math.extreme('ReduceMax')),
  Maximum: both(as('Max')),
  Min: reduced(math.extreme('ReduceMin')),
  Minimum: both(as('Min')),
  MirrorPad: row(shapes.padded, moves.mirrorPad),
  Mul: both(as('Mul')),
  Neg: each(as('Neg')),
  NotEqual: compared(math.notEqual),
  OneHot: row(shapes.oneHot, moves.oneHot),
  OnesLike: each(moves.filledBy(1)),
  Pack: row(shapes.packed, moves.pack),
  PadV2: row(shapes.padded, moves.pad),
  Pow: both(as('Pow')),
  Prod: reduced(math.reduction('ReduceProd')),
  Range: row(shapes.ranged, moves.sequence),
  RealDiv: both(math.quotient),
  Reciprocal: each(as('Reciprocal')),
  Relu: activation(as('Relu')),
  Relu6: activation(math.relu6),
  Reshape: row(shapes.reshaped, moves.reshape),
  ReverseV2: row(shapes.sameAs(0), moves.reverse),
  Round: each(as('Round')),
  Rsqrt: each(math.rsqrt),
  ScatterNd: row(shapes.scattered, moves.scatter),
  Select: row(shapes.sameAs(1), math.chosen),
  Selu: activation(as('Selu')),
  Sigmoid: each(as('Sigmoid')),
  Sign: each(as('Sign')),
  Sin: each(as('Sin')),
  Sinh: each(as('Sinh')),
  Slice: row(shapes.asSaidBy(2), moves.slice),
  Softmax: each(as('Softmax', { axis: { int: -1 } }), 'softmax'),
  Softplus: activation(math.softplus),
  SplitV: row(shapes.divided, moves.parts),
  Sqrt: each(as('Sqrt')),
  Square: each(math.square),
  SquaredDifference: both(math.squaredDifference),
  StridedSlice: row(shapes.strided, moves.stridedSlice),
  Sub: both(as('Sub')),
  Sum: reduced(math.reduction('ReduceSum')),
  Tan: each(as('Tan')),
  Tanh: each(as('Tanh')),
  TensorScatterUpdate: row(shapes.sameAs(0), moves.scatterUpdate),
  Tile: row(shapes.tiled, moves.tile),
  TopKV2: row(shapes.largest, math.topK),
  Transpose: row(shapes.transposed, moves.transpose, 'y'),
  Unpack: row(shapes.unpacked, moves.unpack),
  UnsortedSegmentSum: row(shapes.segmentSums, moves.segmentSum),
  ZerosLike: each(moves.filledBy(0)),
};
