/** tfjs kernels that are recorded as other ops than tfjs-node's own kernels name. */
import * as tf from '../../tf.js';
import type { Attrs, DType } from './graph.js';

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
    const numbers = x.dtype === 'float32' ? (x as tf.Tensor) : tf.cast(x as tf.Tensor, 'float32');
    const sum = tf.sum(numbers, axes, keepDims);
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
