/** A recorded function as an ONNX model that ONNX Runtime has loaded. */
import * as tf from '../../tf.js';
import type { Optimization } from '../optimization.js';
import type { Constant, Graph, Result } from '../record/graph.js';
import type { GraphInfo, Session } from '../session.js';
import { onnxModel } from './convert.js';
import { onnxFile, weightsFile } from './file.js';
import type { OnnxGraph, OnnxModel } from './graph.js';
import { readBack } from './read_back.js';
import { openModel, type Place, type RuntimeTensor, runModel } from './runtime.js';
import { type Elements, elementsOf, isOnDevice, tensorOf } from './store.js';

const WEIGHTS = 'weights';
/** From here on constants are handed over as they lie instead of written into the model. */
const EXTERNAL_BYTES = 1024;

/** @param captured what `graph` reads after its arguments; copied into the model and disposed */
export function openOnnx(graph: Graph, captured: readonly tf.Tensor[], optimize: Optimization, place: Place): Session {
  const { args, results } = graph.main;
  const inputs = args.slice(0, args.length - captured.length).map(({ name }) => name);
  const outputs = results.map((_, i) => `out${i}`);
  const model = onnxModel(graph, captured.map(constantOf), inputs, outputs);
  const weights = weightsFile(WEIGHTS, EXTERNAL_BYTES);
  const bytes = onnxFile(model, weights);
  const data = weights.bytes();
  const session = openModel(bytes, place, {
    graphOptimizationLevel: optimize === 'none' ? 'basic' : 'all',
    ...(data.length > 0 && { externalData: [{ path: weights.name, data }] }),
    ...(place.device === 'webgpu' && { preferredOutputLocation: staying(results, outputs) }),
  });
  tf.dispose([...captured]);
  const fetches = Object.fromEntries(outputs.map((name) => [name, null]));
  return {
    info: infoOf(model),
    run(tensors) {
      const feeds = Object.fromEntries(tensors.map((tensor, i) => [inputs[i] as string, feedOf(tensor, place)]));
      const got = runModel(session, place, feeds, fetches);
      return outputs.map((name) => {
        const result = got[name] as RuntimeTensor;
        return tensorOf(elementsIn(result, place), result.dims, result.type as tf.DataType);
      });
    },
    close: () => session.dispose(),
  };
}

function feedOf(tensor: tf.Tensor, { device }: Place): RuntimeTensor {
  const elements = elementsOf(tensor);
  const described = { type: tensor.dtype, dims: tensor.shape };
  if (!isOnDevice(elements)) return { ...described, location: 'cpu', data: elements };
  if (device !== 'webgpu') return { ...described, location: 'cpu', data: elements.read() };
  return { ...described, location: 'gpu-buffer', gpuBuffer: elements.gpuBuffer };
}

/** Floats stay on the GPU: states go into the next call. Token ids are read at once. */
const staying = (results: readonly Result[], names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name, i) => [name, results[i]?.dtype === 'float32' ? 'gpu-buffer' : 'cpu']));

function elementsIn(result: RuntimeTensor, place: Place): Elements {
  if (result.location === 'cpu') return result.data;
  const { gpuBuffer } = result;
  return { gpuBuffer, read: () => readBack(result, place), free: () => result.dispose?.() };
}

/** The elements of a tensor. */
export function constantOf(tensor: tf.Tensor): Constant {
  const { buffer, byteOffset, byteLength } = tensor.dataSync();
  return {
    shape: tensor.shape,
    dtype: tensor.dtype as Constant['dtype'],
    bytes: new Uint8Array(buffer, byteOffset, byteLength),
  };
}

function infoOf({ graph, initializers }: OnnxModel): GraphInfo {
  const opsOf = ({ nodes }: OnnxGraph): string[] => nodes.flatMap(({ op, body }) => [op, ...(body ? opsOf(body) : [])]);
  return { ops: opsOf(graph), constantBytes: initializers.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}
