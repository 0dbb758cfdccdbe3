/**
 * A tfjs backend that computes nothing: its kernels hand their TensorFlow ops to a recorder.
 *
 * It delegates to the live tensorflow backend and overrides what executes or stores, so tfjs-node's own kernels run
 * on it unchanged.
 */
import { check, messageOf, UserError } from '../../errors.js';
import * as tf from '../../tf.js';
import { type Attr, type Attrs, type DType, isDType } from '../tensorflow/graph.js';
import { type KernelCall, ownKernels, xlaKernels } from './ops.js';

const TRACE = 'attnscale-trace';
const HOME = 'tensorflow';
const KERNEL_ERROR = 'compile: kernel';

/** What tfjs-node's backend offers beside KernelBackend. */
export interface NativeBackend extends tf.KernelBackend {
  readonly binding: Readonly<Record<string, number>>;
  readonly tensorMap: tf.DataStorage<Stored>;
  loadSavedModelMetaGraph(directory: string, tags: string): number;
  runSavedModel(
    id: number,
    feeds: tf.Tensor[],
    feedInfos: readonly FeedInfo[],
    fetches: readonly string[],
  ): tf.Tensor[];
  deleteSavedModel(id: number): void;
}

export interface FeedInfo {
  readonly name: string;
  readonly dtype: DType;
}

interface Stored {
  readonly shape: readonly number[];
  /** Null for a traced tensor: what it will hold is not known yet. */
  readonly values: tf.TypedArray | null;
  readonly id: number;
  refCount: number;
}

interface NativeAttr {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface Recorder {
  /** Records one op and returns its outputs. */
  record(op: string, inputs: readonly tf.TensorInfo[], attrs: Attrs): tf.Tensor[];
  /** Whether XLA compiles what is being recorded. */
  isForXla(): boolean;
}

/** @throws UserError unless the tensorflow backend is active */
export function nativeBackend(): NativeBackend {
  const active = tf.getBackend();
  check(active === HOME, `compile: needs the tensorflow backend, got ${active}`);
  return tf.backend() as NativeBackend;
}

/** A backend to record on, registered with tfjs. */
export function createTraceBackend(native: NativeBackend, { record }: Recorder): NativeBackend {
  const trace = Object.create(native) as NativeBackend;
  const execute = (op: string, attrs: readonly NativeAttr[], inputs: readonly tf.TensorInfo[]) =>
    record(op, inputs, Object.fromEntries(attrs.map((attr) => [attr.name, attrOf(op, attr, native.binding)])));
  Object.assign(trace, {
    tensorMap: new tf.DataStorage<Stored>(trace, tf.engine()),
    executeSingleOutput: (...call: Parameters<typeof execute>) => execute(...call)[0],
    executeMultipleOutputs: execute,
    readSync: (dataId: tf.DataId) => {
      const { values } = trace.tensorMap.get(dataId);
      check(values !== null, 'compile: a traced tensor has no data yet, it cannot be read inside the function');
      return values;
    },
    // A kernel that passes its input through (Identity) counts a reference, also of a tensor that lives elsewhere.
    incRef: (dataId: tf.DataId) => {
      const owner = trace.tensorMap.has(dataId) ? trace : native;
      owner.tensorMap.get(dataId).refCount++;
    },
  });
  tf.registerBackend(TRACE, () => trace, 0);
  return trace;
}

/** Runs `fn` with the trace backend active, and the tensorflow backend again afterwards. */
export function withTraceBackend(recorder: Recorder, fn: () => void): void {
  registerKernels(recorder);
  // The promises are of no interest: a backend made without waiting is active when setBackend returns.
  void tf.setBackend(TRACE);
  try {
    fn();
  } finally {
    void tf.setBackend(HOME);
  }
}

/** Makes every kernel of the tensorflow backend, also one registered since the last call, known to the trace. */
function registerKernels(recorder: Recorder): void {
  for (const { kernelName } of tf.getKernelsForBackend(HOME)) {
    if (tf.getKernel(kernelName, TRACE)) continue;
    tf.registerKernel({ kernelName, backendName: TRACE, kernelFunc: (call) => runKernel(kernelName, recorder, call) });
  }
}

function runKernel(kernelName: string, { record, isForXla }: Recorder, call: KernelCall): ReturnType<tf.KernelFunc> {
  const own = ownKernels[kernelName]?.((...op) => single(record(...op)));
  const run = own ?? tf.getKernel(kernelName, HOME).kernelFunc;
  try {
    return (isForXla() ? xlaKernels[kernelName]?.(call) : null) ?? run(call);
  } catch (error) {
    const reason = messageOf(error);
    if (reason.startsWith(KERNEL_ERROR)) throw error;
    throw new UserError(`${KERNEL_ERROR} ${kernelName} cannot be recorded, ${reason.replace('compile: ', '')}`);
  }
}

function single(outputs: readonly tf.Tensor[]): tf.Tensor {
  const [output] = outputs;
  check(output !== undefined, 'compile: a kernel must have an output, got none');
  return output;
}

function attrOf(op: string, { name, type, value }: NativeAttr, binding: NativeBackend['binding']): Attr {
  switch (type) {
    case binding['TF_ATTR_TYPE']:
      return { type: dtypeOf(value, binding) };
    case binding['TF_ATTR_BOOL']:
      return { bool: Boolean(value) };
    case binding['TF_ATTR_FLOAT']:
      return { float: Number(value) };
    case binding['TF_ATTR_STRING']:
      return { text: String(value) };
    case binding['TF_ATTR_INT']:
      return Array.isArray(value) ? { ints: value } : { int: Number(value) };
    default:
      throw new UserError(
        `compile: attribute ${name} of ${op} must be number, string, bool or dtype, got kind ${type}`,
      );
  }
}

function dtypeOf(code: unknown, binding: NativeBackend['binding']): DType {
  if (code === binding['TF_FLOAT']) return 'float32';
  if (code === binding['TF_INT32']) return 'int32';
  return supportedDtype(code === binding['TF_BOOL'] ? 'bool' : `TensorFlow type ${code}`);
}

/** @throws UserError for strings and complex numbers */
export function supportedDtype(dtype: string): DType {
  check(isDType(dtype), `compile: dtype must be float32, int32 or bool, got ${dtype}`);
  return dtype;
}
