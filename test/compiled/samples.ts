/** Calls of every TensorFlow op that can be recorded. */
import * as tf from '../../src/tf.js';
import type { Tree } from '../../src/tree.js';

export type Sample = readonly [make: () => tf.Tensor[], run: (...inputs: tf.Tensor[]) => Tree];

let seed = 1;
export const floats = (...shape: number[]) => tf.randomUniform(shape, -2, 2, 'float32', seed++);
const positive = (...shape: number[]) => tf.randomUniform(shape, 1.1, 3, 'float32', seed++);
const fractions = (...shape: number[]) => tf.randomUniform(shape, -0.9, 0.9, 'float32', seed++);
const ints = (...shape: number[]) => tf.randomUniform(shape, 1, 9, 'int32', seed++);
const bools = (...shape: number[]) => tf.greater(floats(...shape), 0);
const special = () => tf.tensor1d([Number.NaN, Number.POSITIVE_INFINITY, -1, 0]);

const unary = (run: (x: tf.Tensor) => Tree, make = floats): Sample[] => [
  [() => [make(2, 3)], run],
  [() => [make()], run],
  [() => [make(0, 3)], run],
];
const binary = (run: (a: tf.Tensor, b: tf.Tensor) => Tree, make = floats): Sample[] => [
  [() => [make(2, 3), make(2, 3)], run],
  [() => [make(2, 1, 3), make(4, 1)], run],
  [() => [make(), make(2, 3)], run],
  [() => [make(0, 3), make(1, 3)], run],
];
const mixed = (run: (a: tf.Tensor, b: tf.Tensor) => Tree): Sample[] => [...binary(run), ...binary(run, ints)];
const reduction = (run: (x: tf.Tensor, axis?: number | number[], keep?: boolean) => Tree, make = floats): Sample[] => [
  [() => [make(2, 3, 4)], (x) => run(x)],
  [() => [make(2, 3, 4)], (x) => run(x, -1)],
  [() => [make(2, 3, 4)], (x) => run(x, [0, 2], true)],
];

/** TensorFlow op -> calls that use it. */
export const samples: Record<string, readonly Sample[]> = {
  Abs: unary(tf.abs),
  Acos: unary(tf.acos, fractions),
  Acosh: unary(tf.acosh, positive),
  Add: mixed(tf.add),
  AddN: [[() => [floats(2, 3), floats(2, 3), floats(2, 3)], (...x) => tf.addN(x)]],
  All: reduction((x, axis, keep) => tf.all(x, axis, keep), bools),
  Any: reduction((x, axis, keep) => tf.any(x, axis, keep), bools),
  ArgMax: [-1, 0, 1].map((axis): Sample => [() => [floats(2, 3, 4)], (x) => tf.argMax(x, axis)]),
  ArgMin: [-1, 0, 1].map((axis): Sample => [() => [floats(2, 3, 4)], (x) => tf.argMin(x, axis)]),
  Asin: unary(tf.asin, fractions),
  Asinh: unary(tf.asinh),
  Atan: unary(tf.atan),
  Atan2: binary(tf.atan2),
  Atanh: unary(tf.atanh, fractions),
  BatchMatMulV2: [
    [() => [floats(2, 3, 4), floats(2, 4, 5)], (a, b) => tf.matMul(a, b)],
    [() => [floats(2, 1, 4, 3), floats(3, 5, 4)], (a, b) => tf.matMul(a, b, true, true)],
    [() => [floats(2, 3, 4), floats(5, 4)], (a, b) => tf.matMul(a, b, false, true)],
    [
      () => [floats(3, 4), floats(4, 5), floats(5)],
      (a, b, bias) => tf.fused.matMul({ a, b, bias, activation: 'relu' }),
    ],
  ],
  Cast: (['float32', 'int32', 'bool'] as const).flatMap((dtype): Sample[] => [
    ...unary((x) => tf.cast(x, dtype)),
    ...unary((x) => tf.cast(x, dtype), ints),
    ...unary((x) => tf.cast(x, dtype), bools),
  ]),
  Ceil: unary(tf.ceil),
  ConcatV2: [0, 1, -1].map((axis): Sample => [() => [ints(2, 3), ints(2, 3)], (...x) => tf.concat(x, axis)]),
  Conv2D: [
    [
      () => [floats(1, 5, 6, 2), floats(2, 3, 2, 4)],
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
    ],
    [
      () => [floats(1, 5, 6, 2), floats(2, 3, 2, 4)],
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [2, 1], 'valid'),
    ],
    [
      () => [floats(2, 6, 3), floats(3, 3, 4)],
      (x, w) => tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, 1, 'valid', 'NWC', 2),
    ],
  ],
  Cos: unary(tf.cos),
  Cosh: unary(tf.cosh),
  Cumprod: [[() => [floats(2, 3)], (x) => tf.cumprod(x, 1, true, true)]],
  Cumsum: [
    [() => [floats(2, 3)], (x) => tf.cumsum(x, 0)],
    [() => [floats(2, 3, 4)], (x) => tf.cumsum(x, 1, true, true)],
  ],
  DepthwiseConv2dNative: [
    [
      () => [floats(2, 5, 7, 3), floats(2, 2, 3, 2)],
      (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same'),
    ],
    [
      () => [floats(2, 1, 7, 3), floats(1, 4, 3, 1)],
      (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'valid'),
    ],
  ],
  Einsum: [
    [() => [floats(2, 3, 4), floats(2, 4, 5)], (a, b) => tf.einsum('bij,bjk->bki', a, b)],
    [() => [floats(3, 4), floats(4, 3)], (a, b) => tf.einsum('ij,ji->', a, b)],
  ],
  Elu: unary(tf.elu),
  EluGrad: [[() => [floats(2, 3)], tf.grad((x) => tf.sum(tf.elu(x)))]],
  Equal: mixed(tf.equal),
  Erf: unary(tf.erf),
  Exp: unary(tf.exp),
  ExpandDims: [0, 1, -1].map((axis): Sample => [() => [ints(2, 3)], (x) => tf.expandDims(x, axis)]),
  Expm1: unary(tf.expm1),
  Fill: [
    [
      () => [floats(2)],
      (x) => tf.mul(x, tf.engine().runKernel('Fill', {}, { shape: [3, 2], value: 4.5, dtype: 'float32' })),
    ],
  ],
  Floor: unary(tf.floor),
  FloorDiv: binary(tf.floorDiv, ints),
  FloorMod: mixed(tf.mod),
  GatherNd: [
    [
      () => [
        floats(3, 4, 2),
        tf.tensor2d(
          [
            [0, 1],
            [2, 3],
          ],
          [2, 2],
          'int32',
        ),
      ],
      (x, i) => tf.gatherND(x, i),
    ],
  ],
  GatherV2: [
    [() => [floats(9, 2), tf.tensor1d([3, 0, 3], 'int32')], (x, i) => tf.gather(x, i as tf.Tensor1D)],
    [() => [floats(2, 9), tf.tensor2d([[3, 0]], [1, 2], 'int32')], (x, i) => tf.gather(x, i as tf.Tensor2D, 1)],
    [
      () => [
        floats(2, 9),
        tf.tensor2d(
          [
            [3, 0],
            [1, 1],
          ],
          [2, 2],
          'int32',
        ),
      ],
      (x, i) => tf.gather(x, i as tf.Tensor2D, 1, 1),
    ],
  ],
  Greater: mixed(tf.greater),
  GreaterEqual: mixed(tf.greaterEqual),
  IsFinite: [[() => [special()], tf.isFinite]],
  IsInf: [[() => [special()], tf.isInf]],
  IsNan: [[() => [special()], tf.isNaN]],
  LeakyRelu: unary((x) => tf.leakyRelu(x, 0.3)),
  Less: mixed(tf.less),
  LessEqual: mixed(tf.lessEqual),
  LinSpace: [[() => [floats(5)], (x) => tf.add(x, tf.linspace(0, 1, 5))]],
  Log: unary(tf.log, positive),
  Log1p: unary(tf.log1p, positive),
  LogicalAnd: binary((a, b) => tf.logicalAnd(a, b), bools),
  LogicalNot: unary((x) => tf.logicalNot(x), bools),
  LogicalOr: binary((a, b) => tf.logicalOr(a, b), bools),
  MatMul: [
    [() => [floats(3, 4), floats(4, 5)], (a, b) => tf.matMul(a, b)],
    [() => [floats(4, 3), floats(5, 4)], (a, b) => tf.matMul(a, b, true, true)],
    [() => [floats(4), floats(4, 5)], (a, b) => tf.dot(a, b)],
  ],
  Max: reduction((x, axis, keep) => tf.max(x, axis, keep)),
  Maximum: mixed(tf.maximum),
  Min: reduction((x, axis, keep) => tf.min(x, axis, keep)),
  Minimum: mixed(tf.minimum),
  MirrorPad: [
    [
      () => [floats(3, 4)],
      (x) =>
        tf.mirrorPad(
          x,
          [
            [1, 2],
            [0, 1],
          ],
          'reflect',
        ),
    ],
  ],
  Mul: mixed(tf.mul),
  Neg: unary(tf.neg),
  NotEqual: mixed(tf.notEqual),
  OneHot: [[() => [tf.tensor1d([0, 2, 5], 'int32')], (i) => tf.oneHot(i, 4, 2, -1)]],
  OnesLike: unary((x) => tf.onesLike(x)),
  Pack: [0, 1, -1].map((axis): Sample => [() => [floats(2, 3), floats(2, 3)], (...x) => tf.stack(x, axis)]),
  PadV2: [
    [
      () => [floats(2, 3)],
      (x) =>
        tf.pad(
          x,
          [
            [1, 0],
            [2, 3],
          ],
          7,
        ),
    ],
  ],
  Pow: mixed((a, b) => tf.pow(tf.abs(a), b)),
  Prod: reduction((x, axis, keep) => tf.prod(x, axis, keep)),
  Range: [
    [() => [floats(4)], (x) => tf.add(x, tf.range(0, 4))],
    [() => [ints(3)], (x) => tf.add(x, tf.range(7, 0, -3, 'int32'))],
  ],
  RealDiv: [
    ...binary(tf.div),
    ...reduction((x, axis, keep) => tf.mean(x, axis, keep)),
    ...reduction((x, axis) => tf.mean(x, axis), ints),
  ],
  Reciprocal: unary(tf.reciprocal, positive),
  Relu: unary(tf.relu),
  Relu6: unary(tf.relu6),
  Reshape: [
    [() => [floats(2, 6)], (x) => tf.reshape(x, [3, -1])],
    [() => [floats(1)], (x) => tf.reshape(x, [])],
    [() => [bools(0, 6)], (x) => tf.reshape(x, [2, 0])],
  ],
  ReverseV2: [[() => [floats(2, 3)], (x) => tf.reverse(x, [-1])]],
  Round: unary(tf.round),
  Rsqrt: unary(tf.rsqrt, positive),
  ScatterNd: [[() => [tf.tensor2d([[1], [3]], [2, 1], 'int32'), floats(2, 2)], (i, u) => tf.scatterND(i, u, [5, 2])]],
  Select: [
    [() => [bools(2, 3), floats(2, 3), floats(2, 3)], (c, a, b) => tf.where(c, a, b)],
    [() => [bools(3, 1), floats(2, 1, 4), floats()], (c, a, b) => tf.where(c, a, b)],
    [() => [floats(2, 3)], (x) => tf.step(x, 0.25)],
  ],
  Selu: unary(tf.selu),
  Sigmoid: unary(tf.sigmoid),
  Sign: unary(tf.sign),
  Sin: unary(tf.sin),
  Sinh: unary(tf.sinh),
  Slice: [
    [() => [floats(4, 5)], (x) => tf.slice(x, [1, 2], [2, -1])],
    [() => [bools(4, 5)], (x) => tf.slice(x, [0, 5])],
  ],
  Softmax: [[() => [floats(2, 3, 4)], (x) => tf.softmax(x)]],
  Softplus: unary(tf.softplus),
  SplitV: [
    [() => [floats(2, 6)], (x) => tf.split(x, [1, 2, 3], -1)],
    [() => [floats(4, 3)], (x) => tf.split(x, 2)],
  ],
  Sqrt: unary(tf.sqrt, positive),
  Square: unary(tf.square),
  StridedSlice: [
    [() => [floats(4, 5)], (x) => tf.stridedSlice(x, [0, -1], [4, -6], [2, -2])],
    [() => [floats(4, 5, 6)], (x) => tf.stridedSlice(x, [1, 0], [2, 3], [1, 1], 0, 2, 0, 0, 1)],
  ],
  SquaredDifference: mixed(tf.squaredDifference),
  Sub: mixed(tf.sub),
  Sum: [...reduction((x, axis, keep) => tf.sum(x, axis, keep)), ...reduction((x, axis) => tf.sum(x, axis), bools)],
  Tan: unary(tf.tan),
  Tanh: unary(tf.tanh),
  TensorScatterUpdate: [
    [
      () => [floats(4, 2), tf.tensor2d([[2]], [1, 1], 'int32'), floats(1, 2)],
      (x, i, u) => tf.tensorScatterUpdate(x, i, u),
    ],
  ],
  Tile: [
    [() => [floats(2, 3)], (x) => tf.tile(x, [2, 0])],
    [() => [ints(2, 3)], (x) => tf.tile(x, [3, 2])],
  ],
  TopKV2: [[() => [floats(2, 7)], (x) => [tf.topk(x, 3).values, tf.topk(x, 3).indices]]],
  Transpose: [
    [() => [floats(2, 3, 4)], (x) => tf.transpose(x, [2, 0, 1])],
    [() => [bools(2, 3)], (x) => tf.transpose(x)],
  ],
  Unpack: [0, 1, -1].map((axis): Sample => [() => [floats(2, 3)], (x) => tf.unstack(x, axis)]),
  UnsortedSegmentSum: [
    [() => [floats(4, 2), tf.tensor1d([0, 2, 0, 1], 'int32')], (x, i) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 3)],
  ],
  ZerosLike: unary((x) => tf.zerosLike(x)),
};
