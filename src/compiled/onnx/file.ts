/**
 * A model in the encoding of ONNX, written field by field. Field numbers are those of onnx/onnx.proto3.
 */
import { ONNX_TYPES, type OnnxAttr } from '../ops/onnx_call.js';
import { type Bytes, each, float, integer, message, raw, text } from '../protobuf.js';
import {
  type Initializer,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  RUNTIME_DOMAIN,
} from './graph.js';

/** ONNX 1.18 (2025), of which the forms of the table are. */
const OPSET = 23;
const IR_VERSION = 11;
/** Where parts of the file that are read as they lie begin. */
const ALIGNMENT = 64;

/** A file beside models that holds their large constants, those of the same elements once. */
export interface WeightsFile {
  readonly name: string;
  /** Where a constant lies in it; null for one that belongs into the model. */
  place(constant: Initializer): number | null;
  bytes(): Uint8Array;
}

/** @param leastBytes of a constant that is put into it */
export function weightsFile(name: string, leastBytes: number): WeightsFile {
  const parts: { readonly place: number; readonly bytes: Uint8Array }[] = [];
  const byLength = new Map<number, typeof parts>();
  let end = 0;
  return {
    name,
    place({ dtype, bytes }) {
      // Sizes of shapes are int64, and runtimes read them of the model alone.
      if (bytes.length < leastBytes || dtype === 'int64') return null;
      const alike = byLength.get(bytes.length) ?? [];
      byLength.set(bytes.length, alike);
      const same = alike.find((other) => Buffer.compare(other.bytes, bytes) === 0);
      if (same) return same.place;
      const part = { place: end, bytes };
      parts.push(part);
      alike.push(part);
      end += Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
      return part.place;
    },
    bytes() {
      const all = new Uint8Array(end);
      for (const { place, bytes } of parts) all.set(bytes, place);
      return all;
    },
  };
}

/** @param weights takes the model's large constants */
export function onnxFile({ graph, initializers }: OnnxModel, weights: WeightsFile): Uint8Array {
  const tensors = each(initializers, (tensor) => {
    const place = weights.place(tensor);
    return message(5, ...(place === null ? inside(tensor) : outside(tensor, weights.name, place)));
  });
  const model = [
    integer(1, IR_VERSION),
    text(2, 'attnscale'),
    message(7, graphProto(graph), tensors),
    message(8, text(1, ''), integer(2, OPSET)),
    callsRuntime(graph) ? message(8, text(1, RUNTIME_DOMAIN), integer(2, 1)) : '',
  ].join('');
  return Buffer.from(model, 'latin1');
}

const callsRuntime = ({ nodes }: OnnxGraph): boolean =>
  nodes.some(({ isOfRuntime, body }) => isOfRuntime || (body !== undefined && callsRuntime(body)));

const described = ({ name, dtype, shape }: OnnxTensor): Bytes[] => [
  each(shape, (size) => integer(1, size)),
  integer(2, ONNX_TYPES[dtype]),
  text(8, name),
];

const inside = (tensor: Initializer): Bytes[] => [...described(tensor), message(9, raw(tensor.bytes))];

function outside(tensor: Initializer, file: string, place: number): Bytes[] {
  const entry = (key: string, value: string | number): Bytes => message(13, text(1, key), text(2, String(value)));
  const where = [entry('location', file), entry('offset', place), entry('length', tensor.bytes.length)];
  return [...described(tensor), ...where, integer(14, 1)];
}

function graphProto({ name, nodes, inputs, outputs }: OnnxGraph): Bytes {
  return [
    each(nodes, (node) => message(1, nodeProto(node))),
    text(2, name),
    each(inputs, (tensor) => message(11, valueInfo(tensor))),
    each(outputs, (tensor) => message(12, valueInfo(tensor))),
  ].join('');
}

function nodeProto({ op, isOfRuntime, inputs, outputs, attrs, body }: OnnxNode): Bytes {
  return [
    each(inputs, (input) => text(1, input)),
    each(outputs, (output) => text(2, output)),
    text(3, outputs[0] ?? op),
    text(4, op),
    each(Object.entries(attrs), ([name, value]) => message(5, text(1, name), attribute(value))),
    isOfRuntime ? text(7, RUNTIME_DOMAIN) : '',
    body ? message(5, text(1, 'body'), message(6, graphProto(body)), integer(20, 5)) : '',
  ].join('');
}

function attribute(attr: OnnxAttr): Bytes {
  if ('float' in attr) return float(2, attr.float) + integer(20, 1);
  if ('int' in attr) return integer(3, attr.int) + integer(20, 2);
  if ('text' in attr) return text(4, attr.text) + integer(20, 3);
  return each(attr.ints, (value) => integer(8, value)) + integer(20, 7);
}

function valueInfo({ name, dtype, shape }: OnnxTensor): Bytes {
  const dimensions = message(
    2,
    each(shape, (size) => message(1, integer(1, size))),
  );
  return text(1, name) + message(2, message(1, integer(1, ONNX_TYPES[dtype]), dimensions));
}
