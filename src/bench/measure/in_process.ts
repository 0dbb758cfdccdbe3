/** Models that run in this process, on a backend of TensorFlow.js or in ONNX Runtime. */
import { compile } from '../../compiled/compile.js';
import { onnxVersion } from '../../onnx_check.js';
import type { EngineInfo } from '../../results/schema.js';
import * as tf from '../../tf.js';
import { disposeTree } from '../../tree.js';
import type { Held, OwnWay, Place, PlaceHost, RequestOf } from './holding.js';
import { createModes, type ModeOptions, type Modes } from './modes.js';
import { type PreparedCell, prepareCell } from './phases.js';
import { type Subject, tensorOf, walkerOf } from './subject.js';

/** @param thorough whether graphs are made to run fast rather than to be ready soon */
export async function inProcess(way: OwnWay, host: PlaceHost, threads: number, thorough: boolean): Promise<Place> {
  const { backend, openModes } = await loadWay(way, threads);
  return {
    info: describeEngine(way, backend, host.env()),
    async prepare(create, weights) {
      const modes = openModes({ clock: host.now, thoroughly: thorough });
      const model = await create(modes.runners[way.way]);
      const subject = { model, params: model.init(weights) };
      const hold = async (cell: RequestOf<'prepare'>): Promise<Held> =>
        holdCell(subject, cell, host.now, modes.compileMs);
      const dispose = (): void => {
        modes.dispose();
        disposeTree(subject.params);
      };
      return { subject, walker: walkerOf(subject), hold, dispose };
    },
    peakRssBytes: host.peakRssBytes,
    close: async () => undefined,
  };
}

/** A way that is ready. */
export interface LoadedWay {
  readonly backend: tf.BackendInfo;
  openModes(options?: Omit<ModeOptions, 'graphs'>): Modes;
}

/** @throws UserError where a runtime cannot be loaded, or has not the device */
export async function loadWay(way: OwnWay, threads: number): Promise<LoadedWay> {
  // Beside ONNX Runtime, wasm does what is done kernel by kernel.
  const backend = await tf.initBackend(way.backend === 'tensorflow' ? 'tensorflow' : 'wasm', threads);
  const graphs = graphsOf(way, threads);
  if (way.backend === 'onnx') tryOut(graphs);
  return { backend, openModes: (options) => createModes({ ...options, graphs }) };
}

/** A device that cannot be used is said at once, not by the first model. */
function tryOut(graphs: NonNullable<ModeOptions['graphs']>): void {
  const negative = compile((x: tf.Scalar) => tf.neg(x), graphs);
  tf.tidy(() => negative(tf.scalar(1)));
  negative.dispose();
}

function graphsOf(
  { backend, device = 'cpu', operators = [] }: OwnWay,
  threads: number,
): NonNullable<ModeOptions['graphs']> {
  return backend === 'onnx' ? { engine: 'onnx', device, threads, operators } : {};
}

function describeEngine(
  { backend, way, device = 'cpu', operators = [] }: OwnWay,
  { tensorflow, nativeCode }: tf.BackendInfo,
  env: Record<string, string>,
): EngineInfo {
  const tfjs = { tfjs: tf.version_core };
  if (backend === 'onnx') {
    const place = { device: device === 'cpu' ? 'cpu' : 'gpu', provider: device };
    const versions = { ...tfjs, onnxruntime: onnxVersion() };
    return { runtime: 'onnxruntime-node', versions, ...place, way, env, native_code: [], operators: [...operators] };
  }
  return {
    runtime: backend === 'tensorflow' ? 'tfjs-node' : 'tfjs-wasm',
    versions: { ...tfjs, ...(tensorflow !== null && { tensorflow }) },
    ...{ device: 'cpu', provider: null, way, env },
    // XLA alone calls it.
    native_code: way === 'compiled' ? [...nativeCode] : [],
  };
}

function holdCell(
  subject: Subject,
  { phase, tokens: ids, n_tokens: nTokens, steps }: RequestOf<'prepare'>,
  now: () => number,
  compileMs: () => number,
): Held {
  const before = compileMs();
  const tokens = tensorOf(ids);
  let prepared: PreparedCell | null = null;
  const dispose = (): void => {
    prepared?.dispose();
    tokens.dispose();
  };
  try {
    prepared = prepareCell(subject, { phase, tokens, nTokens, steps: steps ?? 1 });
    prepared.run();
  } catch (error) {
    dispose();
    throw error;
  }
  const { run, singleStep } = prepared;
  const { numTensors } = tf.memory();
  return {
    compileMs: compileMs() - before,
    run: async (repeats) => timedRepeats(run, repeats, ids.length, now),
    steps: singleStep && (async (count) => timedSteps(singleStep, count, now)),
    leakedTensors: () => tf.memory().numTensors - numTensors,
    dispose: async () => dispose(),
  };
}

function timedRepeats(run: PreparedCell['run'], repeats: number, batch: number, now: () => number) {
  let emitted: tf.TypedArray = new Int32Array();
  const start = now();
  for (let i = 0; i < repeats; i++) emitted = run();
  const ms = now() - start;
  return { ms, tokens: lastColumn(emitted, batch) };
}

function timedSteps(singleStep: () => void, count: number, now: () => number): number[] {
  const ms = new Array<number>(count).fill(0);
  for (let i = 0; i < count; i++) {
    const start = now();
    singleStep();
    ms[i] = now() - start;
  }
  return ms;
}

/** Of values [B, …], the last in each row. */
function lastColumn(values: tf.TypedArray, batch: number): number[] {
  const width = values.length / batch;
  return Array.from({ length: batch }, (_, row) => values[(row + 1) * width - 1] as number);
}
