/**
 * A model in the encoding of ONNX, written field by field. Field numbers are those of onnx/onnx.proto3.
 */
import { ONNX_TYPES, type OnnxAttr } from '../ops/onnx_call.js';
import { type Bytes, each, float, integer, message, raw, text } from '../protobuf.js';
import type { Initializer, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from './graph.js';

/** ONNX 1.16 (2024), of which the forms of the table are. */
const OPSET = 21;
const IR_VERSION = 10;
/** Where parts of the file that are read as they lie begin. */
const ALIGNMENT = 64;

export interface OnnxFile {
  readonly model: Uint8Array;
  /** What `model` says lies in a file of that name beside it. */
  readonly weights: { readonly name: string; readonly bytes: Uint8Array } | null;
}

/**
 * @param weightsName of a file that constants of `externalBytes` and more are put into
 */
export function onnxFile({ graph, initializers }: OnnxModel, weightsName: string, externalBytes: number): OnnxFile {
  const external = initializers.filter(({ bytes }) => bytes.length >= externalBytes);
  const places = new Map<Initializer, number>();
  let end = 0;
  for (const each of external) {
    places.set(each, end);
    end += Math.ceil(each.bytes.length / ALIGNMENT) * ALIGNMENT;
  }
  const bytes = new Uint8Array(end);
  for (const [each, place] of places) bytes.set(each.bytes, place);
  const tensors = each(initializers, (tensor) => {
    const place = places.get(tensor);
    return message(5, ...(place === undefined ? inside(tensor) : outside(tensor, weightsName, place)));
  });
  const model = [
    integer(1, IR_VERSION),
    text(2, 'attnscale'),
    message(7, graphProto(graph), tensors),
    message(8, text(1, ''), integer(2, OPSET)),
  ].join('');
  return {
    model: Buffer.from(model, 'latin1'),
    weights: external.length === 0 ? null : { name: weightsName, bytes },
  };
}

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

function nodeProto({ op, inputs, outputs, attrs, body }: OnnxNode): Bytes {
  return [
    each(inputs, (input) => text(1, input)),
    each(outputs, (output) => text(2, output)),
    text(3, outputs[0] ?? op),
    text(4, op),
    each(Object.entries(attrs), ([name, value]) => message(5, text(1, name), attribute(value))),
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
