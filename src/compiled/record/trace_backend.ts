/**
 * A tfjs backend that computes nothing: its kernels hand their TensorFlow ops to a recorder.
 *
 * It is one of tfjs-node's without the native addon, with what executes or stores overridden, so tfjs-node's own kernels
 * run on it unchanged.
 */
import { check, messageOf, UserError } from '../../errors.js';
import * as tf from '../../tf.js';
import { type Attr, type Attrs, type DType, isDType } from './graph.js';
import { type KernelCall, ownKernels, xlaKernels } from './kernels.js';

const TRACE = 'attnscale-trace';
const HOME = 'tensorflow';
const KERNEL_ERROR = 'compile: kernel';

/** TensorFlow's codes of dtypes and of kinds of attributes (tensorflow/c/tf_datatype.h, tf_attrtype.h). */
const CODES = {
  ...{
    TF_FLOAT: 1,
    TF_INT32: 3,
    TF_UINT8: 4,
    TF_STRING: 7,
    TF_COMPLEX64: 8,
    TF_INT64: 9,
    TF_BOOL: 10,
    TF_RESOURCE: 20,
  },
  ...{ TF_ATTR_STRING: 0, TF_ATTR_INT: 1, TF_ATTR_FLOAT: 2, TF_ATTR_BOOL: 3, TF_ATTR_TYPE: 4, TF_ATTR_SHAPE: 5 },
} as const;

/** A backend to record on. */
export interface TraceBackend extends tf.KernelBackend {
  readonly tensorMap: tf.DataStorage<Stored>;
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

/** The backend that a tensor's data lies in. */
export function ownerOf(dataId: tf.DataId): tf.KernelBackend {
  return tf.engine().state.tensorInfo.get(dataId)?.backend ?? tf.backend();
}

/** A backend to record on, registered with tfjs. */
export function createTraceBackend({ record }: Recorder): TraceBackend {
  const trace = tf.nodeKernelBackend(CODES) as TraceBackend;
  const execute = (op: string, attrs: readonly NativeAttr[], inputs: readonly tf.TensorInfo[]) =>
    record(op, inputs, Object.fromEntries(attrs.map((attr) => [attr.name, attrOf(op, attr)])));
  Object.assign(trace, {
    executeSingleOutput: (...call: Parameters<typeof execute>) => execute(...call)[0],
    executeMultipleOutputs: execute,
    readSync: (dataId: tf.DataId) => {
      const { values } = trace.tensorMap.get(dataId);
      check(values !== null, 'compile: a traced tensor has no data yet, it cannot be read inside the function');
      return values;
    },
    // A kernel that passes its input through (Identity) counts a reference, also of a tensor that lives elsewhere.
    incRef: (dataId: tf.DataId) => {
      if (trace.tensorMap.has(dataId)) trace.tensorMap.get(dataId).refCount++;
      else ownerOf(dataId).incRef(dataId);
    },
  });
  tf.registerBackend(TRACE, () => trace, 0);
  return trace;
}

/** Runs `fn` with the trace backend active, and the one that was active before again afterwards. */
export function withTraceBackend(trace: TraceBackend, recorder: Recorder, fn: () => void): void {
  registerKernels(recorder);
  const before = tf.getBackend();
  // tfjs-node's kernels ask the backend of this name for TensorFlow's codes.
  const standsIn = tf.findBackend(HOME) === null && tf.registerBackend(HOME, () => trace, 0);
  // The promises are of no interest: a backend made without waiting is active when setBackend returns.
  void tf.setBackend(TRACE);
  try {
    fn();
  } finally {
    if (standsIn) tf.removeBackend(HOME);
    void tf.setBackend(before);
  }
}

/** Makes every kernel of tfjs-node, also one registered since the last call, known to the trace. */
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

function attrOf(op: string, { name, type, value }: NativeAttr): Attr {
  switch (type) {
    case CODES.TF_ATTR_TYPE:
      return { type: dtypeOf(value) };
    case CODES.TF_ATTR_BOOL:
      return { bool: Boolean(value) };
    case CODES.TF_ATTR_FLOAT:
      return { float: Number(value) };
    case CODES.TF_ATTR_STRING:
      return { text: String(value) };
    case CODES.TF_ATTR_INT:
      return Array.isArray(value) ? { ints: value } : { int: Number(value) };
    default:
      throw new UserError(
        `compile: attribute ${name} of ${op} must be number, string, bool or dtype, got kind ${type}`,
      );
  }
}

function dtypeOf(code: unknown): DType {
  if (code === CODES.TF_FLOAT) return 'float32';
  if (code === CODES.TF_INT32) return 'int32';
  return supportedDtype(code === CODES.TF_BOOL ? 'bool' : `TensorFlow type ${code}`);
}

/** @throws UserError for strings and complex numbers */
export function supportedDtype(dtype: string): DType {
  check(isDType(dtype), `compile: dtype must be float32, int32 or bool, got ${dtype}`);
  return dtype;
}
