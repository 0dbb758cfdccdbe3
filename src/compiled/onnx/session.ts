/** A recorded function as an ONNX model that ONNX Runtime has loaded. */
import * as tf from '../../tf.js';
import type { Optimization } from '../optimization.js';
import type { Constant, Graph } from '../record/graph.js';
import type { GraphInfo, Session } from '../session.js';
import { type OnnxGraph, type OnnxModel, onnxModel } from './graph.js';
import { onnxFile, weightsFile } from './model.js';
import { openModel, type Place, type RuntimeTensor } from './runtime.js';
import { elementsOf, tensorOf } from './store.js';

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
  });
  tf.dispose([...captured]);
  const fetches = Object.fromEntries(outputs.map((name) => [name, null]));
  return {
    info: infoOf(model),
    run(tensors) {
      const feeds = Object.fromEntries(tensors.map((tensor, i) => [inputs[i] as string, feedOf(tensor)]));
      const got = session.run(feeds, fetches, {});
      return outputs.map((name) => {
        const { data, dims, type } = got[name] as RuntimeTensor;
        return tensorOf(data, dims, type as tf.DataType);
      });
    },
    close: () => session.dispose(),
  };
}

function feedOf(tensor: tf.Tensor): RuntimeTensor {
  return { location: 'cpu', type: tensor.dtype, data: elementsOf(tensor), dims: tensor.shape };
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
