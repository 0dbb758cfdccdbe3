/**
 * Runs a tensor function as one TensorFlow call.
 *
 * The function is recorded once for each form of its arguments, written as a graph, and loaded; from then on a call
 * feeds the arguments and fetches the results. See docs/compiled.md.
 */
import { check } from '../errors.js';
import * as tf from '../tf.js';
import { disposeTree, leaves, mapTree, type Tree } from '../tree.js';
import { OPTIMIZATIONS, type Optimization } from './optimization.js';
import { formOfAll, formOfTensor, nameOf } from './record/form.js';
import { isRecording, type Recording, record } from './record/recording.js';
import { type FeedInfo, type NativeBackend, nativeBackend } from './record/trace_backend.js';
import type { Graph } from './tensorflow/graph.js';
import { portsOf, SERVE_TAG, withSavedModel } from './tensorflow/saved_model.js';
import { keepNaN } from './tensorflow/xla_flags.js';

export { fuse } from './fuse.js';
export { loop } from './loop.js';
export type { Optimization } from './optimization.js';

export interface CompileOptions {
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

export interface GraphInfo {
  /** The TensorFlow op of every node that computes; those of a loop's body once. */
  readonly ops: readonly string[];
  /** What the graph's own constants take in its file; one of equal elements takes one of them. */
  readonly constantBytes: number;
}

/** A loaded graph. */
interface Session<R extends Tree> extends Omit<Recording<R>, 'graph'> {
  readonly backend: NativeBackend;
  readonly id: number;
  readonly feeds: readonly FeedInfo[];
  readonly fetches: readonly string[];
  readonly info: GraphInfo;
}

/**
 * @param fn pure; arguments and result are trees of float32, int32 or bool tensors, numbers and booleans. Numbers and
 *   booleans among the arguments become constants of the graph. So do small tensors that `fn` reads beside its
 *   arguments; large ones are shared, not copied.
 * @returns the compiled function; nothing is recorded before it is called or prepared
 * @throws UserError for options that do not exist; when called, for arguments and results that are no trees, for kernels
 *   that cannot be recorded, where gradients are taken, and on other backends than tensorflow
 */
export function compile<A extends readonly Tree[], R extends Tree>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  check(typeof fn === 'function', `compile: must be given a function, got ${nameOf(fn)}`);
  const { optimize, clock } = checkedOptions(options);
  const sessions = new Map<string, Session<R>>();
  let disposed = false;
  let compileMs = 0;

  const now = (): number => {
    const ms = clock();
    check(Number.isFinite(ms), `compile: clock must return milliseconds, got ${nameOf(ms)}`);
    return ms;
  };
  const checkUsable = (): void =>
    check(!disposed, 'compile: a compiled function must not be used after dispose, got a call');
  const known = (args: A): Session<R> | undefined => {
    checkUsable();
    check(
      !tf.engine().isTapeOn(),
      'compile: gradients do not pass through a compiled call, got one where they are taken; ' +
        'call the function that was compiled, or give its gradient with tf.customGrad',
    );
    return sessions.get(formOfAll(args));
  };
  /** Compiles for a new form of arguments: TensorFlow optimises, and XLA compiles, at the first run. */
  const compileAndRun = (args: A): { readonly session: Session<R>; readonly result: R } => {
    const start = now();
    const session = openSession(record(fn, args, optimize), optimize);
    sessions.set(formOfAll(args), session);
    const result = run(session, args);
    compileMs += now() - start;
    return { session, result };
  };
  const call = (...args: A): R => {
    if (isRecording()) {
      checkUsable();
      return fn(...args); // a part of the function that is being recorded
    }
    const session = known(args);
    return session ? run(session, args) : compileAndRun(args).result;
  };

  return Object.assign(call, {
    prepare(...examples: A): GraphInfo {
      check(!isRecording(), 'compile: prepare must be called outside of compiled functions, got a call inside of one');
      const session = known(examples);
      if (session) return session.info;
      const compiled = compileAndRun(examples);
      disposeTree(compiled.result);
      return compiled.session.info;
    },
    compileMs: () => compileMs,
    dispose: (): void => {
      for (const session of sessions.values()) closeSession(session);
      sessions.clear();
      disposed = true;
    },
  });
}

function checkedOptions(options: CompileOptions): Required<CompileOptions> {
  check(typeof options === 'object' && options !== null, `compile: options must be an object, got ${nameOf(options)}`);
  const { optimize = 'parts', clock = () => 0, ...others } = options;
  const [other] = Object.keys(others);
  check(other === undefined, `compile: the options are optimize and clock, got ${other}`);
  check(
    OPTIMIZATIONS.includes(optimize),
    `compile: optimize must be one of ${OPTIMIZATIONS.join(', ')}, got ${nameOf(optimize)}`,
  );
  check(typeof clock === 'function', `compile: clock must be a function, got ${nameOf(clock)}`);
  return { optimize, clock };
}

function openSession<R extends Tree>(recording: Recording<R>, optimize: Optimization): Session<R> {
  const { graph, captured, result } = recording;
  const backend = nativeBackend();
  keepNaN(process.env);
  try {
    const id = withSavedModel(graph, optimize, (directory) => backend.loadSavedModelMetaGraph(directory, SERVE_TAG));
    const { feeds: names, fetches } = portsOf(graph.main, optimize);
    const feeds = graph.main.args.map(({ dtype }, i) => ({ name: names[i] as string, dtype }));
    return { backend, id, feeds, fetches, captured, result, info: infoOf(graph) };
  } catch (error) {
    tf.dispose([...captured]);
    throw error;
  }
}

function closeSession({ backend, id, captured }: Session<Tree>): void {
  backend.deleteSavedModel(id);
  tf.dispose([...captured]);
}

function run<R extends Tree>({ id, feeds, captured, fetches, result }: Session<R>, args: readonly Tree[]): R {
  const inputs = [...leaves(args), ...captured];
  const outputs = nativeBackend().runSavedModel(id, inputs, feeds, fetches).values();
  return mapTree(result, (expected) => {
    const output = outputs.next().value ?? expected;
    const [got, recorded] = [formOfTensor(output), formOfTensor(expected)];
    check(got === recorded, `compile: TensorFlow must return the recorded form ${recorded}, got ${got}`);
    return output;
  });
}

function infoOf({ main, functions }: Graph): GraphInfo {
  const nodes = [main, ...functions].flatMap((each) => each.nodes);
  const constants = nodes.flatMap(({ attrs: { value } }) => (value && 'tensor' in value ? [value.tensor] : []));
  return {
    ops: nodes.map(({ op }) => op).filter((op) => op !== 'Const'),
    constantBytes: constants.reduce((sum, { bytes }) => sum + bytes.length, 0),
  };
}
