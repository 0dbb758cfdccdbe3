/** Protocol Buffers, field by field: what a graph is written in, for TensorFlow and for ONNX. */

/** A character a byte: joining strings is four times as fast as joining buffers. */
export type Bytes = string;

function varint(value: number): Bytes {
  if (value >= 0 && value < 0x80) return String.fromCharCode(value);
  let bytes = '';
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes += String.fromCharCode(Number(rest & 0x7fn) | 0x80);
  return bytes + String.fromCharCode(Number(rest));
}

export const raw = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Bytes =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
export const integer = (field: number, value: number): Bytes => varint(field * 8) + varint(value);
export const float = (field: number, value: number): Bytes => varint(field * 8 + 5) + raw(Float32Array.of(value));
export const message = (field: number, ...parts: Bytes[]): Bytes => {
  const body = parts.join('');
  return varint(field * 8 + 2) + varint(body.length) + body;
};
/** UTF-8; names are ASCII, which is the same. */
export const text = (field: number, value: string): Bytes =>
  message(field, /^[\0-\x7f]*$/.test(value) ? value : Buffer.from(value).toString('latin1'));
export const each = <T>(items: readonly T[], encode: (item: T, i: number) => Bytes): Bytes =>
  items.map(encode).join('');
