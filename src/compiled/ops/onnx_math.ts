/** The ONNX forms of operations element by element, and of reductions. */
import type { DType } from '../record/graph.js';
import { ONNX_TYPES, type OnnxAttrs, type OnnxCall, type OnnxForm, type Ref } from './onnx_call.js';
import { isMatrix } from './onnx_products.js';
import { axisOf, sizeOf } from './shapes.js';

const inputsOf = (op: OnnxCall): Ref[] => op.inputs.map((_, i) => op.input(i));

/** The ONNX operator of that name on the same inputs. */
export const as =
  (operator: string, attrs?: OnnxAttrs): OnnxForm =>
  (op) =>
    op.add(operator, inputsOf(op), attrs);

const isInt = (op: OnnxCall): boolean => op.dtype(0) === 'int32';
const cast = (op: OnnxCall, x: Ref, dtype: DType): Ref => op.add('Cast', [x], { to: { int: ONNX_TYPES[dtype] } });

export const casted: OnnxForm = (op) => cast(op, op.input(0), op.type('DstT'));

export const notEqual: OnnxForm = (op) => op.add('Not', [op.add('Equal', inputsOf(op))]);

export const finite: OnnxForm = (op) => {
  const x = op.input(0);
  return op.add('Not', [op.add('Or', [op.add('IsNaN', [x]), op.add('IsInf', [x])])]);
};

export const rsqrt: OnnxForm = (op) => op.add('Reciprocal', [op.add('Sqrt', [op.input(0)])]);

export const square: OnnxForm = (op) => op.add('Mul', [op.input(0), op.input(0)]);

export const squaredDifference: OnnxForm = (op) => {
  const difference = op.add('Sub', inputsOf(op));
  return op.add('Mul', [difference, difference]);
};

export const relu6: OnnxForm = (op) => {
  const positive = op.add('Max', [op.input(0), op.scalar(0, op.dtype(0))]);
  return op.add('Min', [positive, op.scalar(6, op.dtype(0))]);
};

export const leakyRelu: OnnxForm = (op) => op.add('LeakyRelu', [op.input(0)], { alpha: { float: op.float('alpha') } });

/** e^x − 1 as tanh(x/2) (e^x + 1), which keeps the digits that the difference would lose near 0. */
export const expm1: OnnxForm = (op) => {
  const x = op.input(0);
  const half = op.add('Tanh', [op.add('Mul', [x, op.scalar(0.5, 'float32')])]);
  return op.add('Mul', [half, op.add('Add', [op.add('Exp', [x]), op.scalar(1, 'float32')])]);
};

/** ln(1 + x); near 0 by x ln u / (u − 1) with u = 1 + x as rounded (Higham 2002, problem 1.5). */
export const log1p: OnnxForm = (op) => {
  const x = op.input(0);
  const one = op.scalar(1, 'float32');
  const u = op.add('Add', [x, one]);
  const far = op.add('Log', [u]);
  const near = op.add('Div', [op.add('Mul', [x, far]), op.add('Sub', [u, one])]);
  const isSame = op.add('Equal', [u, one]);
  return op.add('Where', [isSame, x, op.add('Where', [isNear(op, x), near, far])]);
};

/** From here on a pass of the runtime over a tensor takes longer than what else a node costs, a microsecond or two. */
const LARGE_ELEMENTS = 4096;
export const isLarge = (shape: readonly number[]): boolean => sizeOf(shape) >= LARGE_ELEMENTS;

/**
 * ln(1 + e^x). The runtime's operator goes number by number, so a large one is max(x, 0) + ln u, u = 1 + y as rounded,
 * y = e^-|x|, and what that has lost, y - (u - 1): half the time.
 */
export const softplus: OnnxForm = (op) => {
  const x = op.input(0);
  if (!isLarge(op.shape(0))) return op.add('Softplus', [x]);
  const one = op.scalar(1, 'float32');
  const y = op.add('Exp', [op.add('Neg', [op.add('Abs', [x])])]);
  const u = op.add('Add', [y, one]);
  const lost = op.add('Sub', [y, op.add('Sub', [u, one])]);
  return op.add('Add', [op.add('Relu', [x]), op.add('Add', [op.add('Log', [u]), lost])]);
};

const isNear = (op: OnnxCall, x: Ref): Ref => op.add('Less', [op.add('Abs', [x]), op.scalar(0.5, 'float32')]);

/** y / x as an angle, in the quadrant of the point: the sign of a zero counts, and two infinities are as two ones. */
export const atan2: OnnxForm = (op) => {
  const zero = op.scalar(0, 'float32');
  const isNegative = (value: Ref): Ref => {
    const bySign = op.add('Less', [value, zero]);
    const byReciprocal = op.add('Less', [op.add('Reciprocal', [value]), zero]);
    return op.add('Where', [
      op.add('Equal', [value, zero]),
      cast(op, byReciprocal, 'float32'),
      cast(op, bySign, 'float32'),
    ]);
  };
  const [y0, x0] = [op.input(0), op.input(1)];
  const areInfinite = op.add('And', [op.add('IsInf', [y0]), op.add('IsInf', [x0])]);
  const [y, x] = [y0, x0].map((value) => op.add('Where', [areInfinite, op.add('Sign', [value]), value])) as [Ref, Ref];
  const angle = op.add('Atan', [op.add('Div', [y, x])]);
  const isOnAxis = op.add('And', [op.add('Equal', [y, zero]), op.add('Not', [op.add('IsNaN', [x])])]);
  const acute = op.add('Where', [isOnAxis, zero, angle]);
  const below = op.add('Mul', [isNegative(y), op.scalar(-2 * Math.PI, 'float32')]);
  const turn = op.add('Add', [below, op.scalar(Math.PI, 'float32')]);
  return op.add('Add', [acute, op.add('Mul', [isNegative(x), turn])]);
};

/** Rounded down. Integers by 0 give −1, as XLA has it: the division itself would end the process. */
export const floorDiv: OnnxForm = (op) => {
  if (!isInt(op)) return op.add('Floor', [op.add('Div', inputsOf(op))]);
  const { isZero, divisor } = safeDivisor(op);
  const whole = op.add('Sub', [op.input(0), op.add('Mod', [op.input(0), divisor])]);
  return op.add('Where', [isZero, op.scalar(-1, 'int32'), op.add('Div', [whole, divisor])]);
};

/** With the sign of the divisor. Integers by 0 give themselves, as XLA has it. */
export const floorMod: OnnxForm = (op) => {
  const [a, b] = [op.input(0), op.input(1)];
  if (isInt(op)) {
    const { isZero, divisor } = safeDivisor(op);
    return op.add('Where', [isZero, a, op.add('Mod', [a, divisor])]);
  }
  const fmod = { fmod: { int: 1 } };
  const rest = op.add('Mod', [a, b], fmod);
  const zero = op.scalar(0, 'float32');
  const differ = op.add('Xor', [op.add('Less', [a, zero]), op.add('Less', [b, zero])]);
  return op.add('Where', [differ, op.add('Mod', [op.add('Add', [rest, b]), b], fmod), rest]);
};

function safeDivisor(op: OnnxCall): { isZero: Ref; divisor: Ref } {
  const b = op.input(1);
  const isZero = op.add('Equal', [b, op.scalar(0, 'int32')]);
  return { isZero, divisor: op.add('Where', [isZero, op.scalar(1, 'int32'), b]) };
}

export const quotient: OnnxForm = (op) => (isInt(op) ? floorDiv(op) : op.add('Div', inputsOf(op)));

export const sumOfAll: OnnxForm = (op) => inputsOf(op).reduce((sum, term) => op.add('Add', [sum, term]));

/** The gradient of elu: dy where y >= 0, else dy (y + 1). */
export const eluGrad: OnnxForm = (op) => {
  const [dy, y] = [op.input(0), op.input(1)];
  const below = op.add('Mul', [dy, op.add('Add', [y, op.scalar(1, 'float32')])]);
  return op.add('Where', [op.add('Less', [y, op.scalar(0, 'float32')]), below, dy]);
};

/** What `where` chooses; ONNX Runtime does not choose among booleans. */
export const chosen: OnnxForm = (op) => {
  const choose = (a: Ref, b: Ref): Ref => op.add('Where', [op.input(0), a, b]);
  const [a, b] = [op.input(1), op.input(2)];
  return op.dtype(1) === 'bool' ? cast(op, choose(cast(op, a, 'int32'), cast(op, b, 'int32')), 'bool') : choose(a, b);
};

export const reduction =
  (operator: string): OnnxForm =>
  (op) =>
    reduce(op, operator, op.input(0));

/** The largest or smallest, or NaN where there is one, which the operator leaves out. */
export const extreme =
  (operator: 'ReduceMax' | 'ReduceMin'): OnnxForm =>
  (op) => {
    const x = op.input(0);
    const found = reduce(op, operator, x);
    if (op.dtype(0) !== 'float32') return found;
    const hasNaN = cast(op, reduce(op, 'ReduceMax', cast(op, op.add('IsNaN', [x]), 'int32')), 'bool');
    return op.add('Where', [hasNaN, op.scalar(Number.NaN, 'float32'), found]);
  };

/** Over booleans, as 0 and 1. */
export const boolReduction =
  (operator: string): OnnxForm =>
  (op) =>
    cast(op, reduce(op, operator, cast(op, op.input(0), 'int32')), 'bool');

function reduce(op: OnnxCall, operator: string, x: Ref): Ref {
  const axes = op.values(1);
  if (axes.length === 0) return x;
  const isOfOne = axes.every((axis) => op.shape(0).at(axis) === 1);
  if (isOfOne) return op.reshape(x, op.shape(0), op.outputs[0]?.shape ?? []);
  if (operator === 'ReduceSum' && isOfRows(op, axes)) return sumOfRows(op, x);
  return op.add(operator, [x, op.places(axes)], { keepdims: { int: Number(op.bool('keep_dims')) } });
}

/** Whether it is a sum of the rows of one matrix, or of many rows. */
function isOfRows({ inputs: [x] }: OnnxCall, axes: readonly number[]): boolean {
  if (x?.dtype !== 'float32' || x.shape.length < 2 || axes.length !== 1) return false;
  const isOverRows = axisOf(axes, x.shape.length) === x.shape.length - 2;
  return isOverRows && (isMatrix(x) || (x.shape.at(-2) ?? 0) >= 256);
}

/** By a product with ones, where the reduction takes three times as long for 4 rows, ten times for 256. */
function sumOfRows(op: OnnxCall, x: Ref): Ref {
  const rows = op.shape(0).at(-2) ?? 0;
  const ones = op.constant([1], { shape: [1, rows], dtype: 'float32' });
  const kept = [...op.shape(0).slice(0, -2), 1, op.shape(0).at(-1) ?? 0];
  return op.reshape(op.add('MatMul', [ones, x]), kept, op.outputs[0]?.shape ?? []);
}

export const extremeAt =
  (operator: 'ArgMax' | 'ArgMin'): OnnxForm =>
  (op) => {
    const [axis = 0] = op.values(1);
    const at = op.add(operator, [op.input(0)], { axis: { int: axis }, keepdims: { int: 0 } });
    return cast(op, at, 'int32');
  };

export const cumulativeSum: OnnxForm = (op) => {
  const [axis = 0] = op.values(1);
  const attrs = { exclusive: { int: Number(op.bool('exclusive')) }, reverse: { int: Number(op.bool('reverse')) } };
  return op.add('CumSum', [op.input(0), op.scalar(axis, 'int32')], attrs);
};

/** Doubling: after step s every element is the product of the 2s before it and itself. ONNX has no operator. */
export const cumulativeProduct: OnnxForm = (op) => {
  const shape = op.shape(0);
  const axis = axisOf(op.values(1), shape.length);
  const size = shape[axis] ?? 0;
  const reverse = op.bool('reverse');
  const one = op.scalar(1, op.dtype(0));
  /** Moved by `by` along the axis, with ones where nothing came from. */
  const moved = (x: Ref, by: number): Ref => {
    const before = shape.map((_, i) => (i === axis && !reverse ? by : 0));
    const after = shape.map((_, i) => (i === axis && reverse ? by : 0));
    const wide = op.add('Pad', [x, op.places([...before, ...after]), one]);
    const from = reverse ? by : 0;
    return op.add('Slice', [wide, op.places([from]), op.places([from + size]), op.places([axis])]);
  };
  let result = op.bool('exclusive') ? moved(op.input(0), 1) : op.input(0);
  for (let by = 1; by < size; by *= 2) result = op.add('Mul', [result, moved(result, by)]);
  return result;
};

export const topK: OnnxForm = (op) => {
  const [values, at] = op.addMany('TopK', [op.input(0), op.places(op.values(1))], 2) as [Ref, Ref];
  return [values, cast(op, at, 'int32')];
};
