/**
 * Runs a tensor function as one call of TensorFlow or of ONNX Runtime.
 *
 * The function is recorded once for each form of its arguments, written as a graph, and loaded; from then on a call
 * feeds the arguments and fetches the results. See docs/compiled.md.
 */
import { check } from '../errors.js';
import { DEVICES, type Device } from '../onnx_check.js';
import * as tf from '../tf.js';
import { disposeTree, leaves, mapTree, type Tree } from '../tree.js';
import { openOnnx } from './onnx/session.js';
import { OPTIMIZATIONS, type Optimization } from './optimization.js';
import { formOfAll, formOfTensor, nameOf } from './record/form.js';
import { isRecording, record } from './record/recording.js';
import type { GraphInfo, Session } from './session.js';
import { nativeBackend, openTensorflow } from './tensorflow/session.js';

export { exportOnnx, type OnnxExport } from './export_onnx.js';
export { fuse } from './fuse.js';
export { loop } from './loop.js';
export type { Optimization } from './optimization.js';
export type { GraphInfo } from './session.js';

/** What runs the graphs: TensorFlow, on its own backend, or ONNX Runtime, beside any. */
export type GraphEngine = (typeof GRAPH_ENGINES)[number];
const GRAPH_ENGINES = ['tensorflow', 'onnx'] as const;

export interface CompileOptions {
  /** `tensorflow` by default. */
  readonly engine?: GraphEngine;
  /** Where ONNX Runtime runs the graphs: `cpu` by default. */
  readonly device?: Device;
  /** How many threads ONNX Runtime runs a graph with: 1 by default. */
  readonly threads?: number;
  /** Operators of ONNX Runtime beyond ONNX's that take the place of what they compute, where `fn` asks for them: none by default. */
  readonly operators?: readonly string[];
  /** What is done to the graph before it first runs; `parts` by default. */
  readonly optimize?: Optimization;
  /** Milliseconds from a fixed point; with it `compileMs` tells how long compiling took. */
  readonly clock?: () => number;
}

/** A function with the same results as the one that was compiled. */
export interface Compiled<A extends readonly Tree[], R extends Tree> {
  /** Arguments are borrowed, the result is the caller's. A new form of arguments is compiled first. */
  (...args: A): R;
  /** Compiles for arguments of this form and runs them once, so that the next call pays for its own work only. */
  prepare(...examples: A): GraphInfo;
  /** Time spent recording, compiling and running for the first time so far; 0 without a clock. */
  compileMs(): number;
  /** Frees all graphs, and what the function read beside its arguments. It cannot be called afterwards. */
  dispose(): void;
}

/** A loaded graph, and what it returns: its tensors tell places, shapes and dtypes only. */
interface Ready<R extends Tree> {
  readonly session: Session;
  readonly result: R;
}

/**
 * @param fn pure; arguments and result are trees of float32, int32 or bool tensors, numbers and booleans. Numbers and
 *   booleans among the arguments become constants of the graph. So do small tensors that `fn` reads beside its
 *   arguments; large ones are shared, not copied.
 * @returns the compiled function; nothing is recorded before it is called or prepared
 * @throws UserError for options that do not exist; when called, for arguments and results that are no trees, for kernels
 *   that cannot be recorded, where gradients are taken, for engine tensorflow on another backend, and where ONNX
 *   Runtime or its device cannot be had
 */
export function compile<A extends readonly Tree[], R extends Tree>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  check(typeof fn === 'function', `compile: must be given a function, got ${nameOf(fn)}`);
  const checked = checkedOptions(options);
  const { clock } = checked;
  const sessions = new Map<string, Ready<R>>();
  let disposed = false;
  let compileMs = 0;

  const now = (): number => {
    const ms = clock();
    check(Number.isFinite(ms), `compile: clock must return milliseconds, got ${nameOf(ms)}`);
    return ms;
  };
  const checkUsable = (): void =>
    check(!disposed, 'compile: a compiled function must not be used after dispose, got a call');
  const known = (args: A): Ready<R> | undefined => {
    checkUsable();
    check(
      !tf.engine().isTapeOn(),
      'compile: gradients do not pass through a compiled call, got one where they are taken; ' +
        'call the function that was compiled, or give its gradient with tf.customGrad',
    );
    return sessions.get(formOfAll(args));
  };
  /** Compiles for a new form of arguments: TensorFlow optimises, and XLA compiles, at the first run. */
  const compileAndRun = (args: A): { readonly session: Session; readonly result: R } => {
    const start = now();
    const ready = open(fn, args, checked);
    sessions.set(formOfAll(args), ready);
    const result = run(ready, args);
    compileMs += now() - start;
    return { session: ready.session, result };
  };
  const call = (...args: A): R => {
    if (isRecording()) {
      checkUsable();
      return fn(...args); // a part of the function that is being recorded
    }
    const ready = known(args);
    return ready ? run(ready, args) : compileAndRun(args).result;
  };

  return Object.assign(call, {
    prepare(...examples: A): GraphInfo {
      check(!isRecording(), 'compile: prepare must be called outside of compiled functions, got a call inside of one');
      const ready = known(examples);
      if (ready) return ready.session.info;
      const compiled = compileAndRun(examples);
      disposeTree(compiled.result);
      return compiled.session.info;
    },
    compileMs: () => compileMs,
    dispose: (): void => {
      for (const { session } of sessions.values()) session.close();
      sessions.clear();
      disposed = true;
    },
  });
}

function checkedOptions(options: CompileOptions): Required<CompileOptions> {
  check(typeof options === 'object' && options !== null, `compile: options must be an object, got ${nameOf(options)}`);
  const {
    engine = 'tensorflow',
    device = 'cpu',
    threads = 1,
    operators = [],
    optimize = 'parts',
    clock = () => 0,
    ...others
  } = options;
  const [other] = Object.keys(others);
  check(
    other === undefined,
    `compile: the options are engine, device, threads, operators, optimize and clock, got ${other}`,
  );
  check(
    GRAPH_ENGINES.includes(engine),
    `compile: engine must be one of ${GRAPH_ENGINES.join(', ')}, got ${nameOf(engine)}`,
  );
  check(DEVICES.includes(device), `compile: device must be one of ${DEVICES.join(', ')}, got ${nameOf(device)}`);
  check(Number.isInteger(threads) && threads > 0, `compile: threads must be an integer >= 1, got ${nameOf(threads)}`);
  check(
    engine === 'onnx' || (device === 'cpu' && threads === 1 && operators.length === 0),
    'compile: device, threads and operators are options of engine onnx, got them of tensorflow',
  );
  check(
    OPTIMIZATIONS.includes(optimize),
    `compile: optimize must be one of ${OPTIMIZATIONS.join(', ')}, got ${nameOf(optimize)}`,
  );
  check(typeof clock === 'function', `compile: clock must be a function, got ${nameOf(clock)}`);
  return { engine, device, threads, operators, optimize, clock };
}

function open<A extends readonly Tree[], R extends Tree>(
  fn: (...args: A) => R,
  args: A,
  { engine, optimize, operators, ...place }: Required<CompileOptions>,
): Ready<R> {
  if (engine === 'tensorflow') nativeBackend();
  const { graph, captured, result } = record(fn, args, engine === 'tensorflow' ? optimize : 'graph', operators);
  try {
    const session =
      engine === 'tensorflow' ? openTensorflow(graph, captured, optimize) : openOnnx(graph, captured, optimize, place);
    return { session, result };
  } catch (error) {
    tf.dispose([...captured]);
    throw error;
  }
}

function run<R extends Tree>({ session, result }: Ready<R>, args: readonly Tree[]): R {
  const outputs = session.run(leaves(args)).values();
  return mapTree(result, (expected) => {
    const output = outputs.next().value ?? expected;
    const [got, recorded] = [formOfTensor(output), formOfTensor(expected)];
    check(got === recorded, `compile: a graph must return the recorded form ${recorded}, got ${got}`);
    return output;
  });
}
