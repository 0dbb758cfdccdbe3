/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header, raw little-endian buffers that lie one
 * after the other. What the header says of sizes is checked against the file before anything is allocated by it.
 */
import { doubledName } from '../doubled_name.js';
import { check } from '../errors.js';

/** A tensor of a file, copied out of it. */
export interface StoredTensor {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export interface SafeTensors {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** What the header says of a tensor, checked: bytes [begin, end) of the data hold as many elements as the shape. */
interface Entry extends Omit<StoredTensor, 'values'> {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

const LENGTH_BYTES = 8;
/** The data begins at a multiple of this. */
const ALIGNMENT = 8;
const ELEMENT_BYTES = 4;
const METADATA = '__metadata__';
const SPACE = 0x20;

/** @throws UserError naming the file and what is wrong with it */
export function parseSafeTensors(bytes: Uint8Array, file: string): SafeTensors {
  check(bytes.length >= LENGTH_BYTES, `${file}: must start with an 8-byte header length, got ${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const rest = bytes.length - LENGTH_BYTES;
  check(length <= rest, `${file}: header must end within the file, got a length of ${length} in ${bytes.length} bytes`);
  const start = LENGTH_BYTES + Number(length);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, start), file);
  const data = bytes.subarray(start);
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, entry]) => readEntry(name, entry, data.length, `${file}: ${name}`));
  checkCover(entries, data.length, file);
  return {
    metadata: readMetadata(header[METADATA], file),
    tensors: new Map(entries.map((entry) => [entry.name, copied(entry, data)])),
  };
}

function parseHeader(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let text = '';
  let header: unknown = null;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    // not UTF-8, or not JSON
  }
  const isObject = typeof header === 'object' && header !== null && !Array.isArray(header);
  check(isObject, `${file}: header must be a JSON object`);
  const name = doubledName(text);
  check(name === null, `${file}: header: each name must be there once, got ${name} twice`);
  return header as Record<string, unknown>;
}

function readEntry(name: string, entry: unknown, dataBytes: number, where: string): Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  check(dtype === 'F32' || dtype === 'I32', `${where}: dtype must be F32 or I32, got ${JSON.stringify(dtype)}`);
  check(isSizes(shape), `${where}: shape must be a list of sizes, got ${brief(shape)}`);
  check(isSizes(offsets) && offsets.length === 2, `${where}: data_offsets must be two sizes, got ${brief(offsets)}`);
  const [begin, end] = offsets as readonly [number, number];
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES);
  const fits = begin <= end && end <= dataBytes && end - begin === bytes;
  check(fits, `${where}: data must be ${bytes} bytes within the file, got ${begin}..${end} of ${dataBytes}`);
  return { name, dtype, shape, begin, end };
}

const isSizes = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

const brief = (value: unknown): string => `${JSON.stringify(value)}`.slice(0, 40);

/** The tensors must cover the data, each byte once. */
function checkCover(entries: readonly Entry[], dataBytes: number, file: string): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    check(begin === covered, `${file}: ${name} must begin where the data before it ends, at ${covered}, got ${begin}`);
    covered = end;
  }
  check(covered === dataBytes, `${file}: tensors must cover all ${dataBytes} bytes of data, got ${covered}`);
}

function readMetadata(metadata: unknown, file: string): ReadonlyMap<string, string> {
  const entries = Object.entries((metadata ?? {}) as object);
  check(
    typeof (metadata ?? {}) === 'object' && entries.every(([, text]) => typeof text === 'string'),
    `${file}: ${METADATA} must be an object of texts, got ${brief(metadata)}`,
  );
  return new Map(entries);
}

function copied({ dtype, shape, begin, end }: Entry, data: Uint8Array): StoredTensor {
  const { buffer } = new Uint8Array(data.subarray(begin, end)); // aligned, whatever the offset
  return { dtype, shape, values: dtype === 'F32' ? new Float32Array(buffer) : new Int32Array(buffer) };
}

/** A file of these tensors, which lie in it in their order. */
export function formatSafeTensors(tensors: ReadonlyMap<string, StoredTensor>): Uint8Array {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, values }]) => {
    const begin = end;
    end += values.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const start = Math.ceil((LENGTH_BYTES + json.length) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(start + end).fill(SPACE, 0, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - LENGTH_BYTES), true);
  bytes.set(json, LENGTH_BYTES);
  for (const [name, { data_offsets }] of entries) {
    const { values } = tensors.get(name) as StoredTensor;
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start + (data_offsets[0] as number));
  }
  return bytes;
}
