/** A recorded function as a SavedModel that TensorFlow has loaded. */
import { check } from '../../errors.js';
import * as tf from '../../tf.js';
import type { Optimization } from '../optimization.js';
import type { DType, Graph } from '../record/graph.js';
import type { GraphInfo, Session } from '../session.js';
import { type TensorflowGraph, tensorflowGraph } from './graph.js';
import { portsOf, SERVE_TAG, withSavedModel } from './saved_model.js';
import { keepNaN } from './xla_flags.js';

/** What tfjs-node's backend offers beside KernelBackend. */
export interface NativeBackend extends tf.KernelBackend {
  loadSavedModelMetaGraph(directory: string, tags: string): number;
  runSavedModel(
    id: number,
    feeds: tf.Tensor[],
    feedInfos: readonly FeedInfo[],
    fetches: readonly string[],
  ): tf.Tensor[];
  deleteSavedModel(id: number): void;
}

interface FeedInfo {
  readonly name: string;
  readonly dtype: DType;
}

/** @throws UserError unless the tensorflow backend is active */
export function nativeBackend(): NativeBackend {
  const active = tf.getBackend();
  check(active === 'tensorflow', `compile: needs the tensorflow backend, or { engine: 'onnx' }, got ${active}`);
  return tf.backend() as NativeBackend;
}

/** @param captured fed after the arguments; the session's from now on */
export function openTensorflow(recorded: Graph, captured: readonly tf.Tensor[], optimize: Optimization): Session {
  const backend = nativeBackend();
  keepNaN(process.env);
  const graph = tensorflowGraph(recorded);
  const id = withSavedModel(graph, optimize, (directory) => backend.loadSavedModelMetaGraph(directory, SERVE_TAG));
  const { feeds: names, fetches } = portsOf(graph.main, optimize);
  const feeds = graph.main.args.map(({ dtype }, i) => ({ name: names[i] as string, dtype }));
  return {
    info: infoOf(graph),
    run: (inputs) => nativeBackend().runSavedModel(id, [...inputs, ...captured], feeds, fetches),
    close() {
      backend.deleteSavedModel(id);
      tf.dispose([...captured]);
    },
  };
}

function infoOf({ main, functions }: TensorflowGraph): GraphInfo {
  const nodes = [main, ...functions].flatMap((each) => each.nodes);
  const constants = nodes.flatMap(({ attrs: { value } }) => (value && 'tensor' in value ? [value.tensor] : []));
  return {
    ops: nodes.map(({ op }) => op).filter((op) => op !== 'Const'),
    constantBytes: constants.reduce((sum, { bytes }) => sum + bytes.length, 0),
  };
}
