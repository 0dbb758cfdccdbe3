/** The golden files of test/fixtures, and broken ones made of them. */
import { readdirSync, readFileSync } from 'node:fs';

export const GOLDEN_FOLDER = new URL('../fixtures/', import.meta.url).pathname;
export const GOLDEN_FILES = readdirSync(GOLDEN_FOLDER).filter((file) => file.endsWith('.safetensors'));
/** BSBR, ids [1, 5], two chunks: the one that is broken in tests. */
export const SMALL_GOLDEN = 'bsbr-c4-t5.safetensors';

interface Stored {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
interface Header {
  __metadata__?: { fixture?: string };
  [tensor: string]: unknown;
}

export const goldenBytes = (file: string): Uint8Array => new Uint8Array(readFileSync(GOLDEN_FOLDER + file));
export const storedOf = (header: Header, name: string): Stored => header[name] as Stored;

/** A safetensors file of this header and data. */
export function fileOf(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** The small golden file with another header over the same data. */
export function withHeader(change: (header: Header) => void): Uint8Array {
  const { header, data } = split(goldenBytes(SMALL_GOLDEN));
  change(header);
  return fileOf(JSON.stringify(header), data);
}

/** The small golden file with another name for a tensor. */
export const withName = (name: string, other: string): Uint8Array =>
  withHeader((header) => {
    header[other] = header[name];
    delete header[name];
  });

/** The small golden file with another model configuration over the same weights. */
export const withConfig = (change: Readonly<Record<string, unknown>>): Uint8Array =>
  withHeader((header) => {
    const fixture = JSON.parse(header.__metadata__?.fixture ?? '');
    Object.assign(fixture.config, change);
    header.__metadata__ = { fixture: JSON.stringify(fixture) };
  });

/** The small golden file with another first element of a tensor. */
export const withFirst = (name: string, value: number): Uint8Array => withElement(name, 0, value);

/** The small golden file with another element of a tensor. */
export function withElement(name: string, index: number, value: number): Uint8Array {
  const bytes = goldenBytes(SMALL_GOLDEN);
  const { header, data } = split(bytes);
  const { dtype, data_offsets } = storedOf(header, name);
  const view = new DataView(data.buffer, data.byteOffset);
  const at = data_offsets[0] + 4 * index;
  if (dtype === 'I32') view.setInt32(at, value, true);
  else view.setFloat32(at, value, true);
  return bytes;
}

/** A golden file as one of another model. */
export function ofModel(bytes: Uint8Array, model: string): Uint8Array {
  const { header, data } = split(bytes);
  const fixture = { ...JSON.parse(header.__metadata__?.fixture ?? ''), model };
  return fileOf(JSON.stringify({ ...header, __metadata__: { fixture: JSON.stringify(fixture) } }), data);
}

/** The data is a view of the bytes. */
function split(bytes: Uint8Array): { header: Header; data: Uint8Array } {
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))), data: bytes.subarray(start) };
}
