/** What takes several recorded operations and ONNX has as one, which its runtimes compute faster. */
import type { OnnxForm } from '../ops/onnx_call.js';
import { isMatrix, matrixOf } from '../ops/onnx_products.js';
import type { Constant, GraphNode, TensorSpec } from '../record/graph.js';

/** Finds what recorded references stand for. */
export interface Recorded {
  producer(ref: string): GraphNode | undefined;
  constant(ref: string): Constant | undefined;
  spec(ref: string): TensorSpec;
}

/** An op and the patterns of its inputs, a constant scalar, or a name that stands for one and the same reference wherever it comes. */
type Pattern = readonly Pattern[] | number | string;

interface Idiom {
  readonly pattern: readonly Pattern[];
  /** The names whose references become the inputs of `onnx`, in this order. */
  readonly inputs: readonly string[];
  /** What else must be so; `of` is what a name stands for. */
  readonly holds?: (of: (name: string) => string, recorded: Recorded, last: GraphNode) => boolean;
  readonly onnx: OnnxForm;
}

const mean = (x: Pattern): Pattern => ['RealDiv', ['Sum', x, 'axes'], 'count'];
const centred: Pattern = ['Sub', 'x', mean('x')];
const scale: Pattern = ['Rsqrt', ['Add', mean(['Square', centred]), 'epsilon']];
const isRow = ({ shape }: TensorSpec): boolean => shape.length === 1;

const IDIOMS: readonly Idiom[] = [
  {
    pattern: ['Add', ['Mul', ['Mul', centred, scale], 'gain'], 'bias'],
    inputs: ['x', 'gain', 'bias', 'epsilon'],
    holds: (of, { spec, constant }) =>
      numbersOf(constant(of('axes'))).join() === String(spec(of('x')).shape.length - 1) &&
      numbersOf(constant(of('count'))).join() === String(spec(of('x')).shape.at(-1)) &&
      isRow(spec(of('gain'))) &&
      isRow(spec(of('bias'))),
    onnx: (op) =>
      op.add('LayerNormalization', [op.input(0), op.input(1), op.input(2)], {
        axis: { int: -1 },
        epsilon: { float: op.values(3)[0] ?? 0 },
      }),
  },
  {
    pattern: ['Mul', ['Mul', ['Add', ['Erf', ['Mul', 'x', Math.SQRT1_2]], 1], 0.5], 'x'],
    inputs: ['x'],
    onnx: (op) => op.add('Gelu', [op.input(0)]),
  },
  {
    pattern: ['Add', ['Relu', 'x'], ['Exp', ['Minimum', 'x', 0]]],
    inputs: ['x'],
    onnx: (op) => op.add('Add', [op.add('Elu', [op.input(0)]), op.scalar(1, 'float32')]),
  },
  {
    // tfjs multiplies two matrices with a bias as two batches of one.
    pattern: ['Add', ['BatchMatMulV2', 'a', 'b'], 'bias'],
    inputs: ['a', 'b', 'bias'],
    holds: (of, { spec, producer }, { inputs }) => {
      const product = producer(inputs[0] as string);
      return isRow(spec(of('bias'))) && isPlain(product) && [of('a'), of('b')].every((side) => isMatrix(spec(side)));
    },
    onnx: (op) => {
      const [a, b] = [matrixOf(op, 0), matrixOf(op, 1)];
      return op.reshape(op.add('Gemm', [a, b, op.input(2)]), null, op.outputs[0]?.shape ?? []);
    },
  },
];

const isPlain = (product: GraphNode | undefined): boolean =>
  Object.values(product?.attrs ?? {}).every((attr) => !('bool' in attr && attr.bool));

/** The idiom that ends with a node: its inputs and its form. */
export function idiomOf(node: GraphNode, recorded: Recorded): { inputs: readonly string[]; onnx: OnnxForm } | null {
  for (const { pattern, inputs, holds, onnx } of IDIOMS) {
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
  if (node === undefined || node.op !== op) return false;
  return patterns.every((pattern, i) => {
    const ref = node.inputs[i] ?? '';
    if (typeof pattern === 'object') return matches(pattern, recorded.producer(ref), recorded, names);
    if (typeof pattern === 'number') return numbersOf(recorded.constant(ref)).join() === String(Math.fround(pattern));
    const same = names.get(pattern) ?? ref;
    names.set(pattern, same);
    return same === ref;
  });
}

/** The element of a constant scalar of floats or integers. */
function numbersOf(constant: Constant | undefined): number[] {
  if (constant === undefined || constant.dtype === 'bool' || constant.bytes.length !== 4) return [];
  const view = new DataView(constant.bytes.buffer, constant.bytes.byteOffset);
  return [constant.dtype === 'int32' ? view.getInt32(0, true) : view.getFloat32(0, true)];
}
