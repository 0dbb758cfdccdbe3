/** The only file that names onnxruntime-node. */
import { createRequire } from 'node:module';
import { messageOf, UserError } from '../../errors.js';
import type * as tf from '../../tf.js';

export interface RuntimeTensor {
  readonly location: 'cpu';
  readonly type: string;
  readonly data: tf.TypedArray;
  readonly dims: readonly number[];
}

export type Tensors = Readonly<Record<string, RuntimeTensor>>;

/** A graph that ONNX Runtime has loaded. Its calls are synchronous: the package's own only put them off. */
export interface InferenceSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: Tensors, fetches: Readonly<Record<string, null>>, options: object): Tensors;
  dispose(): void;
}

interface Runtime {
  readonly binding: { readonly InferenceSession: new () => InferenceSession };
  initOrt(): void;
}

const require = createRequire(import.meta.url);
let runtime: Runtime | null = null;

function loaded(): Runtime {
  try {
    runtime ??= require('onnxruntime-node/dist/binding.js') as Runtime;
  } catch (error) {
    throw new UserError(`compile: engine onnx needs onnxruntime-node, got ${messageOf(error).split('\n')[0]}`);
  }
  return runtime;
}

/** @throws UserError where ONNX Runtime cannot be loaded */
export function createSession(): InferenceSession {
  const { binding, initOrt } = loaded();
  initOrt();
  return new binding.InferenceSession();
}
