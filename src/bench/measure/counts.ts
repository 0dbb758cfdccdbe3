/**
 * What one call does, counted rather than timed, in an eager run, whatever mode is timed: kernels, FLOPs and bytes, the
 * same on every machine and backend; and the largest sum of live buffers, which depends on what a backend copies.
 */
import type { Counted } from '../../results/schema.js';
import { type KernelRun, VIEWS, watchKernels } from './kernel_watch.js';
import { prepareCell, type Work } from './phases.js';
import type { Subject } from './subject.js';

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

/** Kernels that move data or make constants and do no arithmetic. */
const MOVES = new Set(['Transpose', 'Concat', 'Slice', 'SplitV', 'PadV2', 'Pack', 'Unpack', 'GatherV2', 'Cast', 'Fill', 'Range', 'ZerosLike', 'Tile']); // biome-ignore format: a list
const PRODUCTS = new Set(['BatchMatMul', '_FusedMatMul']);
const REDUCTIONS = new Set(['Sum', 'Mean', 'Max', 'Min', 'ArgMax', 'Cumsum']);
const BYTES_PER_ELEMENT = 4;
/** A longer prompt is not run once more just to be counted. */
const MAX_COUNTED_TOKENS = 65536;

/** Counts a call of a cell: a prefill, one step at depth n, or all of a generate. */
export function countCell(subject: Subject, work: Work): Counted {
  const [B, n] = work.tokens.shape;
  const { inUse, allocated } = subject.model.stateFloats(n);
  const state = {
    state_bytes: BYTES_PER_ELEMENT * B * inUse,
    state_allocated_bytes: BYTES_PER_ELEMENT * B * allocated,
  };
  if (n > MAX_COUNTED_TOKENS) return { kernels: null, flops: null, bytes: null, peak_activation_bytes: null, ...state };
  const prepared = prepareCell(subject, work);
  try {
    const { kernels, flops, bytes, peakActivationBytes } = countCalls(prepared.counted);
    return { kernels, flops, bytes, peak_activation_bytes: peakActivationBytes, ...state };
  } finally {
    prepared.dispose();
  }
}

/** Runs `fn` once and counts what it does. */
export function countCalls(fn: () => void): Counts {
  const watch = watchKernels();
  try {
    fn();
    return { ...sumKernels(watch.kernels), peakActivationBytes: watch.peakBytes() };
  } finally {
    watch.stop();
  }
}

export function sumKernels(kernels: readonly KernelRun[]): Omit<Counts, 'peakActivationBytes'> {
  const total = { kernels: 0, flops: 0, matMulFlops: 0, bytes: 0 };
  for (const kernel of kernels) {
    if (VIEWS.has(kernel.name)) continue;
    const product = productFlops(kernel);
    total.kernels++;
    total.bytes += BYTES_PER_ELEMENT * (sum(kernel.inputShapes) + sum(kernel.outputShapes));
    total.matMulFlops += product;
    total.flops += product + otherFlops(kernel);
  }
  return total;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const sum = (shapes: readonly (readonly number[])[]): number =>
  shapes.reduce((total, shape) => total + sizeOf(shape), 0);

/** 2 M N K over the batch. K is what the left operand [..., M, K], however transposed, has beside the M of the output. */
function productFlops({ name, inputShapes: [left = []], outputShapes: [output = []] }: KernelRun): number {
  if (!PRODUCTS.has(name)) return 0;
  const rows = output[output.length - 2] ?? 1;
  return (2 * sizeOf(output) * sizeOf(left.slice(-2))) / rows;
}

function otherFlops({ name, inputShapes: [input = []], outputShapes: [output = []] }: KernelRun): number {
  if (name === 'BatchMatMul' || MOVES.has(name)) return 0;
  return REDUCTIONS.has(name) ? sizeOf(input) : sizeOf(output); // of a fused product: its bias
}
