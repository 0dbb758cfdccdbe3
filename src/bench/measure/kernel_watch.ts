/** Watches the kernels that run and the buffers they make. */
import * as tf from '../../tf.js';

export interface KernelRun {
  readonly name: string;
  readonly inputShapes: readonly (readonly number[])[];
  readonly outputShapes: readonly (readonly number[])[];
}

export interface KernelWatch {
  /**
   * The kernels that were called, in order. A kernel that a backend makes of others of its own counts as itself, so
   * that the list is the same on every backend.
   */
  readonly kernels: readonly KernelRun[];
  /** Largest sum of live buffers made since the start. A buffer counts once, under however many shapes and names. */
  peakBytes(): number;
  stop(): void;
}

/** Kernels that give a tensor a new shape or name and touch no data. */
export const VIEWS: ReadonlySet<string> = new Set(['Reshape', 'Identity', 'ExpandDims']);

/** What the registry holds of a kernel, its function made simple. */
type Kernel = Omit<tf.KernelConfig, 'kernelFunc'> & { readonly kernelFunc: (call: Call) => Outputs };
type Call = { readonly inputs: Readonly<Record<string, tf.TensorInfo | undefined>> };
type Outputs = tf.TensorInfo | tf.TensorInfo[];

/** Starts to watch the current backend. */
export function watchKernels(): KernelWatch {
  const kernels: KernelRun[] = [];
  const buffers = watchBuffers();
  let depth = 0;
  const originals = tf.getKernelsForBackend(tf.getBackend()) as unknown as Kernel[];
  for (const kernel of originals) {
    replaceKernel(kernel, (call) => {
      const inputs = Object.values(call.inputs).filter((input) => input != null);
      depth++;
      try {
        const run = () => kernel.kernelFunc(call);
        const outputs = VIEWS.has(kernel.kernelName) ? buffers.show(inputs[0]?.dataId, run) : run();
        if (depth === 1) kernels.push(describe(kernel.kernelName, inputs, [outputs].flat()));
        return outputs;
      } finally {
        depth--;
      }
    });
  }
  return {
    kernels,
    peakBytes: buffers.peakBytes,
    stop() {
      for (const kernel of originals) replaceKernel(kernel, kernel.kernelFunc);
      buffers.stop();
    },
  };
}

function replaceKernel(kernel: Kernel, kernelFunc: Kernel['kernelFunc']): void {
  tf.unregisterKernel(kernel.kernelName, kernel.backendName);
  tf.registerKernel({ ...kernel, kernelFunc } as unknown as tf.KernelConfig);
}

function describe(name: string, inputs: readonly tf.TensorInfo[], outputs: readonly tf.TensorInfo[]): KernelRun {
  const shapesOf = (tensors: readonly tf.TensorInfo[]): number[][] => tensors.map(({ shape }) => [...shape]);
  return { name, inputShapes: shapesOf(inputs), outputShapes: shapesOf(outputs) };
}

/** Watches the engine's own register of buffers; tf.memory().numBytes would count a reshaped tensor again. */
function watchBuffers() {
  type Register = WeakMap<object, { readonly bytes: number }>;
  const state = (tf.engine() as unknown as { state: { tensorInfo: Register } }).state;
  const register = state.tensorInfo;
  /** Some backends register a view as a buffer of its own: here it leads to the buffer it shows. */
  const shownBy = new WeakMap<object, object>();
  let shown: object | null = null;
  const live = new Map<object, { readonly bytes: number; names: number }>();
  let bytes = 0;
  let peak = 0;
  const bufferOf = (id: object): object => shownBy.get(id) ?? id;
  state.tensorInfo = {
    get: (id) => register.get(id),
    has: (id) => register.has(id),
    set(id, info) {
      register.set(id, info);
      if (shown) shownBy.set(id, shown);
      const buffer = live.get(bufferOf(id));
      if (buffer) buffer.names++;
      else if (!shownBy.has(id)) {
        live.set(id, { bytes: info.bytes, names: 1 });
        bytes += info.bytes;
        peak = Math.max(peak, bytes);
      }
      return this;
    },
    delete(id) {
      const buffer = live.get(bufferOf(id));
      if (buffer && --buffer.names === 0) {
        bytes -= buffer.bytes;
        live.delete(bufferOf(id));
      }
      return register.delete(id);
    },
  } as Register;
  return {
    peakBytes: () => peak,
    /** Runs a kernel whose outputs show the buffer of its input. */
    show<T>(id: object | undefined, run: () => T): T {
      shown = id ? bufferOf(id) : null;
      try {
        return run();
      } finally {
        shown = null;
      }
    },
    stop(): void {
      state.tensorInfo = register;
    },
  };
}
