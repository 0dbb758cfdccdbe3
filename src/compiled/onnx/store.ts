/**
 * Where results of ONNX Runtime lie, and what is fed to it: memory that both read, so that a state is carried uncopied. On
 * a GPU results stay until they are read.
 */
import * as tf from '../../tf.js';

/** Elements in the memory of a GPU. */
export interface OnDevice {
  /** As the runtime knows them. */
  readonly gpuBuffer: unknown;
  read(): tf.TypedArray;
  free(): void;
}
export type Elements = tf.TypedArray | OnDevice;
export const isOnDevice = (elements: Elements): elements is OnDevice => !ArrayBuffer.isView(elements);

interface Stored {
  readonly elements: Elements;
  refCount: number;
}

/** A tfjs backend that holds tensors and computes nothing: kernels of other backends take from it what they need. */
class Store extends tf.KernelBackend {
  readonly #data = new tf.DataStorage<Stored>(this, tf.engine());

  /** The elements of a tensor, which moves here if it lies elsewhere. */
  elementsOf(dataId: tf.DataId): Elements {
    return this.#data.get(dataId).elements;
  }

  hold(elements: Elements, dataId: tf.DataId = {}, refCount = 1): tf.DataId {
    this.#data.set(dataId, { elements, refCount });
    return dataId;
  }

  has(dataId: tf.DataId): boolean {
    return this.#data.has(dataId);
  }

  override write(values: tf.backend_util.BackendValues): tf.DataId {
    return this.hold(values as tf.TypedArray);
  }

  override move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    _shape: number[],
    _dtype: tf.DataType,
    refCount: number,
  ): void {
    this.hold(values as tf.TypedArray, dataId, refCount);
  }

  override readSync(dataId: tf.DataId): tf.TypedArray {
    const elements = this.elementsOf(dataId);
    return isOnDevice(elements) ? elements.read() : elements;
  }

  override async read(dataId: tf.DataId): Promise<tf.TypedArray> {
    return this.readSync(dataId);
  }

  override incRef(dataId: tf.DataId): void {
    this.#data.get(dataId).refCount++;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#data.has(dataId) ? this.#data.get(dataId).refCount : 0;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#data.has(dataId)) return true;
    const stored = this.#data.get(dataId);
    stored.refCount--;
    if (!force && stored.refCount > 0) return false;
    this.#data.delete(dataId);
    if (isOnDevice(stored.elements)) stored.elements.free();
    return true;
  }

  override numDataIds(): number {
    return this.#data.numDataIds();
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override dispose(): void {}
}

let store: Store | null = null;

const stored = (): Store => (store ??= new Store());

/** The elements of a tensor as they lie, not a copy. */
export function elementsOf({ dataId }: tf.TensorInfo): Elements {
  keepHere(tf.getBackend());
  return stored().elementsOf(dataId);
}

/** A tensor of elements that are handed over. */
export function tensorOf(elements: Elements, shape: readonly number[], dtype: tf.DataType): tf.Tensor {
  const dataId = stored().hold(elements);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype }, stored());
}

/** Kernels that only say again what a tensor is. */
const PASSING = ['Identity', 'Reshape'];
const keeping = new Set<string>();

/** Has a backend pass on what lies here as it lies, where it would fetch or copy it. */
function keepHere(backendName: string): void {
  if (keeping.has(backendName)) return;
  keeping.add(backendName);
  for (const kernelName of PASSING) {
    const kernel = tf.getKernel(kernelName, backendName);
    if (!kernel) continue;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ ...kernel, kernelFunc: (call) => passedOn(call) ?? kernel.kernelFunc(call) });
  }
}

function passedOn({ inputs, attrs }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo | null {
  const { x } = inputs as { readonly x: tf.TensorInfo };
  if (!stored().has(x.dataId)) return null;
  const wanted = (attrs as { readonly shape?: number[] } | undefined)?.shape;
  const shape = wanted ? tf.util.inferFromImplicitShape(wanted, tf.util.sizeFromShape(x.shape)) : x.shape;
  stored().incRef(x.dataId);
  return { dataId: x.dataId, shape, dtype: x.dtype };
}
