/**
 * What one call does, counted rather than timed: kernels, FLOPs, bytes, and the largest sum of live buffers. Exact and
 * the same on every machine. Counted from an eager run, whatever mode is timed.
 */
import * as tf from '../tf.js';

export interface KernelRun {
  readonly name: string;
  readonly inputShapes: readonly (readonly number[])[];
  readonly outputShapes: readonly (readonly number[])[];
}

export interface Counts {
  readonly kernels: number;
  /** 2 for a multiply-add of a matrix product, 1 for every other arithmetic result; a transcendental counts 1. */
  readonly flops: number;
  /** Of those, the ones of matrix products. */
  readonly matMulFlops: number;
  /** Read and written by the kernels that compute or copy. */
  readonly bytes: number;
  /** Largest sum of distinct live buffers beyond those that were there before. */
  readonly peakActivationBytes: number;
}

/** Kernels that give a tensor a new shape or name and touch no data. */
const VIEWS = new Set(['Reshape', 'Identity', 'ExpandDims']);
/** Kernels that move data or make constants and do no arithmetic. */
const MOVES = new Set(['Transpose', 'Concat', 'Slice', 'SplitV', 'PadV2', 'Pack', 'Unpack', 'GatherV2', 'Cast', 'Fill', 'Range', 'ZerosLike', 'Tile']); // biome-ignore format: a list
const REDUCTIONS = new Set(['Sum', 'Mean', 'Max', 'Min', 'ArgMax', 'Cumsum']);
const BYTES_PER_ELEMENT = 4;

/** Runs `fn` once and counts what it does. */
export async function countCalls(fn: () => void): Promise<Counts> {
  const downloads = tf.env().getBool('CHECK_COMPUTATION_FOR_ERRORS');
  tf.env().set('CHECK_COMPUTATION_FOR_ERRORS', false); // else the profiler reads every result back
  const buffers = watchBuffers();
  try {
    const profile = await tf.profile(() => {
      fn();
      return [] as unknown as tf.Tensor;
    });
    return { ...sumKernels(profile.kernels), peakActivationBytes: buffers.peakBytes() };
  } finally {
    buffers.stop();
    tf.env().set('CHECK_COMPUTATION_FOR_ERRORS', downloads);
  }
}

export function sumKernels(kernels: readonly KernelRun[]): Omit<Counts, 'peakActivationBytes'> {
  const total = { kernels: 0, flops: 0, matMulFlops: 0, bytes: 0 };
  for (const kernel of kernels) {
    if (VIEWS.has(kernel.name)) continue;
    total.kernels++;
    total.bytes += BYTES_PER_ELEMENT * (sum(kernel.inputShapes) + sum(kernel.outputShapes));
    const product = matMulFlops(kernel);
    total.matMulFlops += product;
    total.flops += product + otherFlops(kernel);
  }
  return total;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const sum = (shapes: readonly (readonly number[])[]): number =>
  shapes.reduce((total, shape) => total + sizeOf(shape ?? []), 0);

/** 2 M N K over the batch. K is what the left operand [..., M, K], however transposed, has beside the M of the output. */
function matMulFlops({ name, inputShapes: [left = []], outputShapes: [output = []] }: KernelRun): number {
  if (name !== 'BatchMatMul' && name !== '_FusedMatMul') return 0;
  const rows = output[output.length - 2] ?? 1;
  return (2 * sizeOf(output) * sizeOf(left.slice(-2))) / rows;
}

function otherFlops({ name, inputShapes: [input = []], outputShapes: [output = []] }: KernelRun): number {
  if (name === 'BatchMatMul' || MOVES.has(name)) return 0;
  return REDUCTIONS.has(name) ? sizeOf(input) : sizeOf(output); // of a fused product: its bias
}

/** Watches the engine's own register of buffers; tf.memory().numBytes would count a reshaped tensor again. */
function watchBuffers(): { peakBytes(): number; stop(): void } {
  type Buffers = WeakMap<object, { readonly bytes: number }>;
  const state = (tf.engine() as unknown as { state: { tensorInfo: Buffers } }).state;
  const register = state.tensorInfo;
  const live = new Map<object, number>();
  let bytes = 0;
  let peak = 0;
  state.tensorInfo = {
    get: (id) => register.get(id),
    has: (id) => register.has(id),
    set(id, info) {
      live.set(id, info.bytes);
      bytes += info.bytes;
      peak = Math.max(peak, bytes);
      register.set(id, info);
      return this;
    },
    delete(id) {
      bytes -= live.get(id) ?? 0;
      live.delete(id);
      return register.delete(id);
    },
  } as Buffers;
  return {
    peakBytes: () => peak,
    stop() {
      state.tensorInfo = register;
    },
  };
}
