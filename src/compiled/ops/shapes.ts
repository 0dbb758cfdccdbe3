/** The shapes and dtypes of what TensorFlow's ops return. */
import * as tf from '../../tf.js';
import type { DType, TensorSpec } from '../record/graph.js';
import type { OpCall } from './call.js';

export type ShapeRule = (op: OpCall) => readonly TensorSpec[];

export const sameAs =
  (input: number): ShapeRule =>
  (op) => [{ shape: op.shape(input), dtype: op.dtype(input) }];

export const broadcast =
  (dtype?: DType): ShapeRule =>
  (op) => [{ shape: broadcastShape(op.shape(0), op.shape(1)), dtype: dtype ?? op.dtype(0) }];

const shaped =
  (shape: (op: OpCall) => readonly number[]): ShapeRule =>
  (op) => [{ shape: shape(op), dtype: op.dtype(0) }];

export const predicate: ShapeRule = (op) => [{ shape: op.shape(0), dtype: 'bool' }];

export const reduced = shaped((op) => {
  const axes = op.values(1);
  const reducedTo = op.shape(0).map((size, axis) => (axes.includes(axis) ? 1 : size));
  return op.bool('keep_dims') ? reducedTo : reducedTo.filter((_, axis) => !axes.includes(axis));
});

export const extreme: ShapeRule = (op) => {
  const axis = axisOf(op.values(1), op.shape(0).length);
  return [{ shape: op.shape(0).filter((_, i) => i !== axis), dtype: op.type('output_type') }];
};

export const product = shaped((op) => {
  const [a, b] = [op.shape(0), op.shape(1)];
  const rows = a.at(op.bool('adj_x') || op.bool('transpose_a') ? -1 : -2) ?? 0;
  const columns = b.at(op.bool('adj_y') || op.bool('transpose_b') ? -2 : -1) ?? 0;
  return [...broadcastShape(a.slice(0, -2), b.slice(0, -2)), rows, columns];
});

export const convolution = (depthwise: boolean): ShapeRule => shaped((op) => convolutionOf(op, depthwise).outShape);

export const cast: ShapeRule = (op) => [{ shape: op.shape(0), dtype: op.type('DstT') }];

export const concatenated = shaped((op) => {
  const last = op.inputs.length - 1;
  const axis = axisOf(op.values(last), op.shape(0).length);
  const length = op.inputs.slice(0, last).reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
  return op.shape(0).with(axis, length);
});

/** Labels of the output in the equation, each as long as in the inputs; no ellipsis (tfjs has none). */
export const einsum = shaped((op) => {
  const [terms = '', output = ''] = op.text('equation').replaceAll(' ', '').split('->');
  const axes = terms
    .split(',')
    .flatMap((labels, input) => [...labels].map((label, axis) => [label, op.shape(input)[axis] ?? 0] as const));
  const lengths = new Map(axes);
  return [...output].map((label) => lengths.get(label) ?? 0);
});

export const expanded = shaped((op) => op.shape(0).toSpliced(axisOf(op.values(1), op.shape(0).length + 1), 0, 1));

export const filled: ShapeRule = (op) => [{ shape: op.values(0), dtype: op.dtype(1) }];

export const gatheredByPlace = shaped((op) => [...op.shape(1).slice(0, -1), ...op.shape(0).slice(op.shape(1).at(-1))]);

export const gathered = shaped((op) => {
  const axis = axisOf(op.values(2), op.shape(0).length);
  return op.shape(0).toSpliced(axis, 1, ...op.shape(1).slice(op.int('batch_dims')));
});

export const padded = shaped((op) => {
  const paddings = op.values(1);
  return op.shape(0).map((size, axis) => (paddings[2 * axis] ?? 0) + size + (paddings[2 * axis + 1] ?? 0));
});

export const oneHot: ShapeRule = (op) => [{ shape: [...op.shape(0), ...op.values(1)], dtype: op.type('T') }];

export const packed = shaped((op) =>
  op.shape(0).toSpliced(axisOf([op.int('axis')], op.shape(0).length + 1), 0, op.inputs.length),
);

export const ranged = shaped((op) => [
  Math.ceil(((op.values(1)[0] ?? 0) - (op.values(0)[0] ?? 0)) / (op.values(2)[0] ?? 1)),
]);

export const reshaped = shaped((op) => tf.util.inferFromImplicitShape(op.values(1), sizeOf(op.shape(0))));

export const scattered: ShapeRule = (op) => [{ shape: op.values(2), dtype: op.dtype(1) }];

/** What an input made from JavaScript numbers says. */
export const asSaidBy = (input: number): ShapeRule => shaped((op) => op.values(input));

export const divided: ShapeRule = (op) => {
  const axis = axisOf(op.values(2), op.shape(0).length);
  return op.values(1).map((size) => ({ shape: op.shape(0).with(axis, size), dtype: op.dtype(0) }));
};

export const strided = shaped((op) => stridesOf(op).finalShape);

export const tiled = shaped((op) => op.values(1).map((repeats, axis) => repeats * (op.shape(0)[axis] ?? 0)));

export const largest: ShapeRule = (op) => {
  const shape = [...op.shape(0).slice(0, -1), ...op.values(1)];
  return [
    { shape, dtype: op.dtype(0) },
    { shape, dtype: 'int32' },
  ];
};

export const transposed = shaped((op) => op.values(1).map((axis) => op.shape(0)[axis] ?? 0));

export const unpacked: ShapeRule = (op) => {
  const shape = op.shape(0).toSpliced(op.int('axis'), 1);
  return Array.from({ length: op.int('num') }, () => ({ shape, dtype: op.dtype(0) }));
};

export const segmentSums = shaped((op) => [...op.values(2), ...op.shape(0).slice(op.shape(1).length)]);

export const sizeOf = (shape: readonly number[]): number => tf.util.sizeFromShape([...shape]);

/** The axis as an index from the front. */
export function axisOf(axes: readonly number[], rank: number): number {
  const axis = axes[0] ?? 0;
  return axis < 0 ? axis + rank : axis;
}

/** What a StridedSlice reads, as begins, ends and strides of every axis. */
export function stridesOf(op: OpCall): ReturnType<typeof tf.slice_util.sliceInfo> {
  const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'] as const;
  const [begin = 0, end = 0, ellipsis = 0, newAxis = 0, shrink = 0] = masks.map((mask) => op.int(mask));
  const [from, to, strides] = [op.values(1), op.values(2), op.values(3)];
  return tf.slice_util.sliceInfo([...op.shape(0)], from, to, strides, begin, end, ellipsis, newAxis, shrink);
}

type Quad = [number, number, number, number];

export function convolutionOf(op: OpCall, depthwise: boolean): tf.backend_util.Conv2DInfo {
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
  );
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  return tf.broadcast_util.assertAndGetBroadcastShape([...a], [...b]);
}
