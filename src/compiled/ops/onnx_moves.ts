/** The ONNX forms of operations that move elements, and of constants. */
import { ONNX_TYPES, type OnnxCall, type OnnxForm, type Ref } from './onnx_call.js';
import { axisOf, sizeOf, stridesOf } from './shapes.js';

const outputShape = (op: OnnxCall, i = 0): readonly number[] => op.outputs[i]?.shape ?? [];

/** ONNX has 64 bits for indices that stand for places. */
const asPlaces = (op: OnnxCall, x: Ref): Ref => op.add('Cast', [x], { to: { int: ONNX_TYPES.int64 } });

/** The same elements in the shape of the output: Reshape, ExpandDims. */
export const reshape: OnnxForm = (op) => op.reshape(op.input(0), op.shape(0), outputShape(op));

const isSame = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

/** Where axes that are longer than 1 keep their order no element moves. */
export const transpose: OnnxForm = (op) => {
  const axes = op.values(1);
  const long = axes.filter((axis) => op.shape(0)[axis] !== 1);
  if (
    isSame(
      long,
      long.toSorted((a, b) => a - b),
    )
  )
    return reshape(op);
  return op.add('Transpose', [op.input(0)], { perm: { ints: axes } });
};

/** Elements [from, to) of each axis by steps; all of them as they are. */
function sliced(op: OnnxCall, from: readonly number[], to: readonly number[], steps: readonly number[]): Ref {
  const isWhole = op.shape(0).every((size, axis) => from[axis] === 0 && to[axis] === size && steps[axis] === 1);
  if (isWhole) return op.input(0);
  const axes = from.map((_, axis) => axis);
  return op.add('Slice', [op.input(0), ...[from, to, axes, steps].map(op.places)]);
}

export const slice: OnnxForm = (op) => {
  const from = op.values(1);
  return sliced(
    op,
    from,
    op.values(2).map((size, axis) => (from[axis] ?? 0) + size),
    from.map(() => 1),
  );
};

export const stridedSlice: OnnxForm = (op) => {
  const { begin, end, strides } = stridesOf(op);
  const all = sliced(
    op,
    begin,
    end.map((place, axis) => (place < 0 && (strides[axis] ?? 1) < 0 ? FIRST : place)),
    strides,
  );
  return op.reshape(all, null, outputShape(op));
};

/** An end before the first element, which -1 is not: that is the last one. */
const FIRST = -(2 ** 31);

export const reverse: OnnxForm = (op) => {
  const axes = op.values(1);
  if (axes.length === 0) return op.input(0);
  const each = (value: number): Ref => op.places(axes.map(() => value));
  return op.add('Slice', [op.input(0), each(-1), each(FIRST), op.places(axes), each(-1)]);
};

export const concatenation: OnnxForm = (op) => {
  const last = op.inputs.length - 1;
  const parts = op.inputs.slice(0, last).map((_, i) => op.input(i));
  return op.add('Concat', parts, { axis: { int: axisOf(op.values(last), op.shape(0).length) } });
};

export const pack: OnnxForm = (op) => {
  const axis = axisOf([op.int('axis')], op.shape(0).length + 1);
  const one = op.shape(0).toSpliced(axis, 0, 1);
  const parts = op.inputs.map((_, i) => op.reshape(op.input(i), op.shape(i), one));
  return op.add('Concat', parts, { axis: { int: axis } });
};

function split(op: OnnxCall, axis: number, sizes: readonly number[]): Ref[] {
  return op.addMany('Split', [op.input(0), op.places(sizes)], sizes.length, { axis: { int: axis } });
}

export const parts: OnnxForm = (op) => split(op, axisOf(op.values(2), op.shape(0).length), op.values(1));

export const unpack: OnnxForm = (op) => {
  const sizes = op.outputs.map(() => 1);
  const part = op.shape(0).with(op.int('axis'), 1);
  return split(op, op.int('axis'), sizes).map((x, i) => op.reshape(x, part, outputShape(op, i)));
};

export const tile: OnnxForm = (op) => op.add('Tile', [op.input(0), op.places(op.values(1))]);

export const pad: OnnxForm = (op) => {
  const paddings = op.values(1);
  const side = (which: number): number[] => paddings.filter((_, i) => i % 2 === which);
  return op.add('Pad', [op.input(0), op.places([...side(0), ...side(1)]), op.input(2)]);
};

/** An axis at a time, by the places its elements come from; ONNX knows one of the two modes. */
export const mirrorPad: OnnxForm = (op) => {
  const paddings = op.values(1);
  const skipped = op.text('mode') === 'REFLECT' ? 1 : 0;
  return op.shape(0).reduce((x, size, axis) => {
    const [before = 0, after = 0] = paddings.slice(2 * axis, 2 * axis + 2);
    if (before + after === 0) return x;
    const start = Array.from({ length: before }, (_, i) => before - 1 - i + skipped);
    const end = Array.from({ length: after }, (_, i) => size - 1 - i - skipped);
    const from = [...start, ...Array.from({ length: size }, (_, i) => i), ...end];
    return op.add('Gather', [x, op.places(from)], { axis: { int: axis } });
  }, op.input(0));
};

export const gather: OnnxForm = (op) => {
  const axis = axisOf(op.values(2), op.shape(0).length);
  const batch = op.int('batch_dims');
  const [x, indices] = [op.input(0), op.input(1)];
  if (batch === 0) return op.add('Gather', [x, indices], { axis: { int: axis } });
  const places = asPlaces(op, op.reshape(indices, op.shape(1), [...op.shape(1), 1]));
  const attrs = { batch_dims: { int: batch } };
  if (axis === batch) return op.add('GatherND', [x, places], attrs);
  // The axis goes first among those that are no batch, and what was before it comes back to its place.
  const rank = op.shape(0).length;
  const between = range(batch, axis);
  const front = [...range(0, batch), axis, ...between, ...range(axis + 1, rank)];
  const found = op.add('GatherND', [op.add('Transpose', [x], { perm: { ints: front } }), places], attrs);
  const width = op.shape(1).length - batch;
  const back = [
    ...range(0, batch),
    ...between.map((at) => at + width),
    ...range(batch, batch + width),
    ...range(axis + width, rank - 1 + width),
  ];
  return op.add('Transpose', [found], { perm: { ints: back } });
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

export const gatherByPlace: OnnxForm = (op) => op.add('GatherND', [op.input(0), asPlaces(op, op.input(1))]);

/** The places of `updates` in a tensor of zeros; what meets in one place is added. */
export const scatter: OnnxForm = (op) =>
  op.add('ScatterND', [zeros(op, outputShape(op)), asPlaces(op, op.input(0)), op.input(1)], {
    reduction: { text: 'add' },
  });

export const scatterUpdate: OnnxForm = (op) =>
  op.add('ScatterND', [op.input(0), asPlaces(op, op.input(1)), op.input(2)]);

/** Rows that belong nowhere (a negative number) are added to one row more, which is then left out. */
export const segmentSum: OnnxForm = (op) => {
  const [count = 0, ...rest] = outputShape(op);
  const ids = op.input(1);
  const isNowhere = op.add('Less', [ids, op.scalar(0, 'int32')]);
  const places = op.add('Where', [isNowhere, op.scalar(count, 'int32'), ids]);
  const rows = asPlaces(op, op.reshape(places, op.shape(1), [...op.shape(1), 1]));
  const sums = op.add('ScatterND', [zeros(op, [count + 1, ...rest]), rows, op.input(0)], {
    reduction: { text: 'add' },
  });
  return op.add('Slice', [sums, op.places([0]), op.places([count]), op.places([0])]);
};

const zeros = (op: OnnxCall, shape: readonly number[]): Ref => filledWith(op, 0, shape);

/** The shape of the output, everywhere the one value. */
export const filledBy =
  (value: number): OnnxForm =>
  (op) =>
    filledWith(op, value, outputShape(op));

function filledWith(op: OnnxCall, value: number, shape: readonly number[]): Ref {
  return op.constant([value], { shape, dtype: op.outputs[0]?.dtype ?? 'float32' });
}

export const fill: OnnxForm = (op) => op.add('Expand', [op.input(1), op.places(outputShape(op))]);

/** As ones of `onValue` where the index is the place on a last axis, which `equal` finds. */
export const oneHot: OnnxForm = (op) => {
  const [depth = 0] = op.values(1);
  const column = op.reshape(op.input(0), op.shape(0), [...op.shape(0), 1]);
  const places = op.constant(range(0, depth), { shape: [depth], dtype: 'int32' });
  return op.add('Where', [op.add('Equal', [column, places]), op.input(2), op.input(3)]);
};

/** start, start + step, … */
export const sequence: OnnxForm = (op) => {
  const [start = 0] = op.values(0);
  const [step = 1] = op.values(2);
  return sequenceOf(op, start, step);
};

/** As many numbers as are asked for, from the first to the last. */
export const linSpace: OnnxForm = (op) => {
  const [start = 0] = op.values(0);
  const [stop = 0] = op.values(1);
  return sequenceOf(op, start, (stop - start) / Math.max(1, sizeOf(outputShape(op)) - 1));
};

function sequenceOf(op: OnnxCall, start: number, step: number): Ref {
  const [output] = op.outputs;
  const shape = outputShape(op);
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => start + i * step);
  return op.constant(values, { shape, dtype: output?.dtype ?? 'float32' });
}
