/**
 * Shapes that are only said. A node costs a microsecond or more whatever it computes, so a Reshape is written where an
 * operator must see it and nowhere else: element by element, or along the last axis, an operator computes the same elements
 * in the shape that a tensor has.
 */
import type { OnnxAttrs, Ref } from '../ops/onnx_call.js';

type Shape = readonly number[];

/** A tensor as forms have it, `shape`, and the one of the model whose elements it has, in `real`. */
export interface View {
  readonly ref: Ref;
  readonly real: Shape;
  readonly shape: Shape;
}

/** What is known of the tensors of a model. */
export interface Shapes {
  /** By name; not of those that a form makes on the way. */
  readonly real: Map<Ref, Shape>;
  readonly views: Map<Ref, View>;
  /** The elements of constants that say where or how many. */
  readonly places: Map<Ref, readonly number[]>;
}

/** How a node computes the same from tensors of other shapes. */
export interface Plan {
  /** The shapes that the inputs are to have. */
  readonly inputs: readonly Shape[];
  readonly outputs: readonly Omit<View, 'ref'>[];
  /** Others, if they are. */
  readonly attrs?: OnnxAttrs;
}

type Rule = (inputs: readonly View[], attrs: OnnxAttrs, { places }: Shapes) => Plan | null;

export const isSame = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((length, axis) => length === b[axis]);

/** The shape without its first axes of length 1, which broadcasting adds by itself. */
function bare(shape: Shape): Shape {
  const first = shape.findIndex((length) => length !== 1);
  return first === -1 ? [] : shape.slice(first);
}
const isAlike = (a: Shape, b: Shape): boolean => isSame(bare(a), bare(b));

function broadcast(shapes: readonly Shape[]): Shape {
  const rank = shapes.reduce((most, { length }) => Math.max(most, length), 0);
  return Array.from({ length: rank }, (_, axis) => {
    return shapes.map((shape) => shape.at(axis - rank) ?? 1).find((length) => length !== 1) ?? 1;
  });
}

/**
 * Inputs as large as the result are given one shape among themselves: one that broadcasts as the result's own or, where
 * what is smaller are scalars and rows, any that ends as it does.
 */
const elementwise: Rule = (inputs) => {
  const [first] = inputs as [View];
  const areSame = inputs.every(({ real, shape }) => isSame(real, first.real) && isSame(shape, first.shape));
  if (areSame) return { inputs: inputs.map(({ real }) => real), outputs: [first] };
  const shape = broadcast(inputs.map((input) => input.shape));
  const isWhole = (input: View): boolean => isAlike(input.shape, shape);
  const [whole, parts] = [inputs.filter(isWhole), inputs.filter((input) => !isWhole(input))];
  const fits = ({ real }: View): boolean => parts.every((part) => isScalar(part) || isRowOf(part, real));
  const target = whole.find(({ real }) => isAlike(real, shape)) ?? whole.find(fits);
  const shapes = inputs.map((input) => {
    const wanted = isWhole(input) ? (target?.real ?? shape) : input.shape;
    return isAlike(input.real, wanted) ? input.real : wanted;
  });
  return { inputs: shapes, outputs: [{ real: broadcast(shapes), shape }] };
};

const isScalar = ({ shape }: View): boolean => isAlike(shape, []);
const isRowOf = ({ shape, real }: View, over: Shape): boolean => isAlike(shape, over.slice(-1)) && isAlike(real, shape);

/** Of x alone, along its last axis; `lengths` are those of the outputs there, or none that differs from that of x. */
function alongLast([x, ...others]: readonly View[], lengths?: readonly number[]): Plan | null {
  const length = x?.shape.at(-1);
  if (x === undefined || length === undefined || x.real.at(-1) !== length) return null;
  const outputs = (lengths ?? [length]).map((each) => ({ real: x.real.with(-1, each), shape: x.shape.with(-1, each) }));
  return { inputs: [x.real, ...others.map(({ shape }) => shape)], outputs };
}

const ofLast: Rule = (inputs, { axis }) => (isInt(axis, -1) ? alongLast(inputs) : null);

const split: Rule = (inputs, { axis }, { places }) => {
  const [x, sizes] = inputs as [View, View];
  const plan = isInt(axis, x.shape.length - 1) ? alongLast(inputs, places.get(sizes.ref)) : null;
  return plan && { ...plan, attrs: { axis: { int: x.real.length - 1 } } };
};

/** A matrix on the right reads rows, however many axes these have. */
const product: Rule = (inputs) => {
  const [x, matrix] = inputs as [View, View];
  const areRows = matrix.shape.length === 2 && x.shape.length > 1 && x.real.length > 1;
  return areRows ? alongLast(inputs, matrix.shape.slice(1)) : null;
};

const gather: Rule = (inputs, { axis }) => {
  const [x, at] = inputs as [View, View];
  const rest = x.shape.slice(1);
  if (!isInt(axis, 0)) return null;
  return { inputs: [x.shape, at.real], outputs: [{ real: [...at.real, ...rest], shape: [...at.shape, ...rest] }] };
};

const isInt = (attr: OnnxAttrs[string] | undefined, value: number): boolean =>
  attr !== undefined && 'int' in attr && attr.int === value;

const ELEMENTWISE =
  'Abs Add And Cast Ceil Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual Less LessOrEqual Log Max Min Mul Neg Not Or Pow Reciprocal Relu Sigmoid Sign Sin Softplus Sqrt Sub Tanh Where'; // biome-ignore format: one line
const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(ELEMENTWISE.split(' ').map((op) => [op, elementwise])),
  LayerNormalization: ofLast,
  RMSNormalization: ofLast,
  Softmax: ofLast,
  Split: split,
  MatMul: product,
  Gather: gather,
};

/** What a form's name stands for; null where its shape is not known. */
export function viewOf({ real, views }: Shapes, ref: Ref): View | null {
  const shape = real.get(ref);
  return views.get(ref) ?? (shape ? { ref, real: shape, shape } : null);
}

/** Says what shape a tensor of the model has. */
export function know({ real, views }: Shapes, ref: Ref, shape: Shape): void {
  if (!views.has(ref)) real.set(ref, shape);
}

/** What forms call a tensor in another shape than it has. */
export function viewAs(shapes: Shapes, view: View): Ref {
  know(shapes, view.ref, view.real);
  if (isSame(view.real, view.shape)) return view.ref;
  const name = `${view.ref}[${view.shape}]`;
  shapes.views.set(name, view);
  return name;
}

/** How a node can work on what its inputs have; null if it must see them as they are said to be. */
export function planOf(shapes: Shapes, op: string, inputs: readonly Ref[], attrs: OnnxAttrs): Plan | null {
  const rule = RULES[op];
  if (rule === undefined) return null;
  const views = inputs.map((input) => viewOf(shapes, input));
  return views.every((view) => view !== null) ? rule(views, attrs, shapes) : null;
}
