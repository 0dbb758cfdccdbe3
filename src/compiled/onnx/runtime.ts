/** ONNX Runtime, as this project calls it. */
import { messageOf, UserError } from '../../errors.js';
import { type Device, loadOnnx } from '../../onnx_check.js';
import type * as tf from '../../tf.js';

interface Described {
  readonly type: string;
  readonly dims: readonly number[];
}
export interface HostTensor extends Described {
  readonly location: 'cpu';
  readonly data: tf.TypedArray;
}
export interface DeviceTensor extends Described {
  readonly location: 'gpu-buffer';
  readonly gpuBuffer: unknown;
  /** Of a result: frees its memory. */
  dispose?(): void;
}
export type RuntimeTensor = HostTensor | DeviceTensor;

export type Tensors = Readonly<Record<string, RuntimeTensor>>;

/** A graph that ONNX Runtime has loaded. Its calls are synchronous: the package's own only put them off. */
export interface InferenceSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: Tensors, fetches: Readonly<Record<string, null>>, options: object): Tensors;
  dispose(): void;
}

/** Where a graph runs. */
export interface Place {
  readonly device: Device;
  readonly threads: number;
}

/** @throws UserError where ONNX Runtime cannot be loaded, or not run on that device */
export function openModel(model: Uint8Array, { device, threads }: Place, options: object): InferenceSession {
  const { binding, initOrt } = loadOnnx<InferenceSession>();
  initOrt();
  const session = new binding.InferenceSession();
  try {
    session.loadModel(model.buffer, model.byteOffset, model.byteLength, {
      ...{ executionProviders: [device], intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 4 },
      ...options,
    });
    return session;
  } catch (error) {
    if (device === 'cpu') throw error;
    throw new UserError(`${device} cannot be used: ${reasonOf(error)}; ${REMEDIES[device]}`);
  }
}

/** @throws UserError when a device fails, which may be gone then */
export function runModel(
  session: InferenceSession,
  { device }: Place,
  feeds: Tensors,
  fetches: Readonly<Record<string, null>>,
): Tensors {
  try {
    return session.run(feeds, fetches, {});
  } catch (error) {
    if (device === 'cpu') throw error;
    throw new UserError(
      `${device} failed in a call: ${reasonOf(error)}; is the GPU still there, and its memory enough?`,
    );
  }
}

const REMEDIES: Readonly<Record<Exclude<Device, 'cpu'>, string>> = {
  webgpu: 'it needs a GPU and its driver, on Linux that of Vulkan',
  cuda: 'it needs an NVIDIA GPU, CUDA, and what `node node_modules/onnxruntime-node/script/install --onnxruntime-node-install=cuda12` brings',
};

/** The end of what the runtime says, which begins with places in its source. */
const reasonOf = (error: unknown): string =>
  messageOf(error)
    .trim()
    .split(/ was false\. |\n/)
    .at(-1) ?? '';
