/** The elements of constants as bytes, little-endian and row-major. */
import type { OnnxDType } from '../ops/onnx_call.js';
import type { Constant } from '../record/graph.js';

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** Numbers as a constant has them. */
export function bytesOf(values: readonly number[], dtype: OnnxDType): Uint8Array {
  const array = dtype === 'int64' ? BigInt64Array.from(values, BigInt) : ARRAYS[dtype].from(values);
  return new Uint8Array(array.buffer);
}

/** The elements of a constant. */
export function elementsOf(constant: Constant): ArrayLike<number> {
  const { dtype, bytes } = expanded(constant);
  return new ARRAYS[dtype](bytes.slice().buffer);
}

/** A constant of equal elements, which holds one of them, with all. */
export function expanded({ dtype, shape, bytes }: Constant): Constant {
  const size = shape.reduce((product, length) => product * length, 1);
  const itemBytes = dtype === 'bool' ? 1 : 4;
  if (bytes.length === size * itemBytes) return { dtype, shape, bytes };
  const all = Buffer.alloc(size * itemBytes, bytes);
  return { dtype, shape, bytes: new Uint8Array(all.buffer, all.byteOffset, all.length) };
}
