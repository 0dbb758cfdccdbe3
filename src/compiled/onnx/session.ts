/** A recorded function as an ONNX model that ONNX Runtime has loaded. */
import * as tf from '../../tf.js';
import type { Optimization } from '../optimization.js';
import { type Graph, LOOP, type Result } from '../record/graph.js';
import type { GraphInfo, Session } from '../session.js';
import { onnxModel } from './convert.js';
import { onnxFile, weightsFile } from './file.js';
import type { OnnxGraph, OnnxModel } from './graph.js';
import { LEFT_OUT } from './optimizers.js';
import { readBack } from './read_back.js';
import { openModel, type Place, type RuntimeTensor, runModel } from './runtime.js';
import { constantOf } from './self_contained.js';
import { type Elements, elementsOf, isOnDevice, tensorOf } from './store.js';

const WEIGHTS = 'weights';
/** From here on constants are handed over as they lie instead of written into the model. */
const EXTERNAL_BYTES = 1024;
/** On the CPU larger tensors are fed with each call, as they lie, so that all graphs of a model share them. */
const SHARED_BYTES = 2 ** 20;

/** What is best for speed on a CPU, measured (docs/onnx_engine.md). */
function settingsOf({ main }: Graph): object {
  return {
    optimization: { disable_specified_optimizers: LEFT_OUT },
    // A row reads a matrix faster as it lies; many rows do not.
    ...(main.nodes.some(({ op }) => op === LOOP) && { session: { disable_prepacking: '1' } }),
  };
}

/** @param captured what `graph` reads after its arguments; the session's from now on */
export function openOnnx(graph: Graph, captured: readonly tf.Tensor[], optimize: Optimization, place: Place): Session {
  const { args, results } = graph.main;
  const first = args.length - captured.length;
  const inputs = args.slice(0, first).map(({ name }) => name);
  const outputs = results.map((_, i) => `out${i}`);
  const isShared = ({ size }: tf.Tensor): boolean => place.device === 'cpu' && size * 4 >= SHARED_BYTES;
  const shared = captured.filter(isShared);
  const names = args.slice(first).flatMap(({ name }, i) => (isShared(captured[i] as tf.Tensor) ? [name] : []));
  const constants = captured.map((tensor) => (isShared(tensor) ? null : constantOf(tensor)));
  const model = onnxModel(graph, constants, inputs, outputs);
  const weights = weightsFile(WEIGHTS, EXTERNAL_BYTES);
  const bytes = onnxFile(model, weights);
  const data = weights.bytes();
  const session = openModel(bytes, place, {
    graphOptimizationLevel: optimize === 'none' ? 'basic' : 'all',
    ...(data.length > 0 && { externalData: [{ path: weights.name, data }] }),
    ...(place.device === 'cpu' && { extra: settingsOf(graph) }),
    ...(place.device === 'webgpu' && { preferredOutputLocation: staying(results, outputs) }),
  });
  tf.dispose(captured.filter((tensor) => !isShared(tensor)));
  const fed = [...inputs, ...names];
  const fetches = Object.fromEntries(outputs.map((name) => [name, null]));
  return {
    info: infoOf(model),
    run(tensors) {
      const all = [...tensors, ...shared];
      const feeds = Object.fromEntries(all.map((tensor, i) => [fed[i] as string, feedOf(tensor, place)]));
      const got = runModel(session, place, feeds, fetches);
      return outputs.map((name) => {
        const result = got[name] as RuntimeTensor;
        return tensorOf(elementsIn(result, place), result.dims, result.type as tf.DataType);
      });
    },
    close() {
      session.dispose();
      tf.dispose(shared);
    },
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

function infoOf({ graph, initializers }: OnnxModel): GraphInfo {
  const opsOf = ({ nodes }: OnnxGraph): string[] => nodes.flatMap(({ op, body }) => [op, ...(body ? opsOf(body) : [])]);
  return { ops: opsOf(graph), constantBytes: initializers.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}
