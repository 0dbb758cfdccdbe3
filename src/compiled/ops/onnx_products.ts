/** The ONNX forms of matrix products and convolutions. */
import type { TensorSpec } from '../record/graph.js';
import type { OnnxCall, OnnxForm, Ref } from './onnx_call.js';
import { convolutionOf, sizeOf } from './shapes.js';

/** A product of two matrices. */
export const matrixProduct: OnnxForm = (op) =>
  productOf(op, [op.input(0), op.input(1)], op.bool('transpose_a'), op.bool('transpose_b'));

function productOf(op: OnnxCall, matrices: readonly Ref[], transA: boolean, transB: boolean): Ref {
  if (!transA && !transB) return op.add('MatMul', matrices);
  return op.add('Gemm', matrices, { transA: { int: Number(transA) }, transB: { int: Number(transB) } });
}

export const isMatrix = ({ shape }: TensorSpec): boolean => shape.slice(0, -2).every((size) => size === 1);

/** An input that is a matrix but for axes of length 1 before. */
export const matrixOf = (op: OnnxCall, i: number): Ref => op.reshape(op.input(i), op.shape(i), op.shape(i).slice(-2));

/** A matrix in the shape of the output, which has axes of length 1 before. */
export function asOutput(op: OnnxCall, matrix: Ref): Ref {
  const shape = op.outputs[0]?.shape ?? [];
  return op.reshape(matrix, shape.slice(-2), shape);
}

/** Products of many matrices; ONNX Runtime makes a transposition and a product one. */
export const batchProduct: OnnxForm = (op) => {
  if (op.inputs.every(isMatrix)) {
    return asOutput(op, productOf(op, [matrixOf(op, 0), matrixOf(op, 1)], op.bool('adj_x'), op.bool('adj_y')));
  }
  if (op.shape(0).at(op.bool('adj_x') ? -2 : -1) === 1) return outerProduct(op);
  if (isOfManyRows(op)) return dotProducts(op);
  const side = (i: number, isTransposed: boolean): Ref => {
    const rank = op.shape(i).length;
    if (!isTransposed) return op.input(i);
    const perm = op.shape(i).map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
    return op.add('Transpose', [op.input(i)], { perm: { ints: perm } });
  };
  return op.add('MatMul', [side(0, op.bool('adj_x')), side(1, op.bool('adj_y'))]);
};

/** Of columns and rows: every element of one times every element of the other. */
function outerProduct(op: OnnxCall): Ref {
  const [rows = 1, columns = 1] = op.outputs[0]?.shape.slice(-2) ?? [];
  const column = op.reshape(op.input(0), op.shape(0), [...op.shape(0).slice(0, -2), rows, 1]);
  const row = op.reshape(op.input(1), op.shape(1), [...op.shape(1).slice(0, -2), 1, columns]);
  return op.add('Mul', [column, row]);
}

/** Calls of a product of one row and one column that take longer than two nodes over all of them. */
const MANY = 256;

const isOfManyRows = (op: OnnxCall): boolean => {
  const [rows, columns] = op.outputs[0]?.shape.slice(-2) ?? [];
  const areRows = !op.bool('adj_x') && op.bool('adj_y') && rows === 1 && columns === 1;
  return areRows && sizeOf(op.outputs[0]?.shape ?? []) >= MANY;
};

/** Of rows and rows: the sums of their products, element by element. */
function dotProducts(op: OnnxCall): Ref {
  const terms = op.add('Mul', [op.input(0), op.input(1)]);
  return op.add('ReduceSum', [terms, op.places([-1])], { keepdims: { int: 1 } });
}

export const einsum: OnnxForm = (op) =>
  op.add(
    'Einsum',
    op.inputs.map((_, i) => op.input(i)),
    { equation: { text: op.text('equation') } },
  );

/** Of x [B, height, width, channels]; ONNX has the channels before the places. */
export const convolution =
  (depthwise: boolean): OnnxForm =>
  (op) => {
    const info = convolutionOf(op, depthwise);
    const { top, left, bottom, right } = info.padInfo;
    const x = op.add('Transpose', [op.input(0)], { perm: { ints: [0, 3, 1, 2] } });
    const y = op.add('Conv', [x, depthwise ? filterOfEach(op) : filter(op)], {
      dilations: { ints: [info.dilationHeight, info.dilationWidth] },
      group: { int: depthwise ? info.inChannels : 1 },
      pads: { ints: [top, left, bottom, right] },
      strides: { ints: [info.strideHeight, info.strideWidth] },
    });
    return op.add('Transpose', [y], { perm: { ints: [0, 2, 3, 1] } });
  };

/** [height, width, in, out] -> [out, in, height, width]. */
const filter = (op: OnnxCall): Ref => op.add('Transpose', [op.input(1)], { perm: { ints: [3, 2, 0, 1] } });

/** [height, width, in, multiplier] -> [in * multiplier, 1, height, width]. */
function filterOfEach(op: OnnxCall): Ref {
  const [height = 1, width = 1, channels = 1, multiplier = 1] = op.shape(1);
  const channelsFirst = op.add('Transpose', [op.input(1)], { perm: { ints: [2, 3, 0, 1] } });
  return op.reshape(channelsFirst, null, [channels * multiplier, 1, height, width]);
}
