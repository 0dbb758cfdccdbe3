/** How the models' tensor functions are run in each mode. */
import { type Compiled, type CompileOptions, compile, type Optimization } from '../../compiled/compile.js';
import type { Runner } from '../../models/model.js';
import type { Tree } from '../../tree.js';

export type Mode = 'eager' | 'compiled';

export interface Modes {
  readonly runners: Record<Mode, { readonly run?: Runner }>;
  /** Time spent building graphs so far. */
  compileMs(): number;
  /** Frees all graphs. */
  dispose(): void;
}

export interface ModeOptions {
  /** What runs compiled functions, and where; `tensorflow` by default. */
  readonly graphs?: Pick<CompileOptions, 'engine' | 'device' | 'threads' | 'operators'>;
  /** Milliseconds from a fixed point: times what is compiled. */
  readonly clock?: () => number;
  /** Whether graphs are made to run fast, as their functions ask, rather than to be ready soon; they are by default. */
  readonly thoroughly?: boolean;
}

export function createModes({ graphs: place = {}, clock, thoroughly = true }: ModeOptions = {}): Modes {
  const graphs: Pick<Compiled<[], Tree>, 'compileMs' | 'dispose'>[] = [];
  /** Compiles a function once for each tree of parameters, which its graphs then hold. */
  const run: Runner = <P extends Tree, A extends readonly Tree[], R extends Tree>(
    fn: (params: P, ...args: A) => R,
    { optimize = 'graph' }: { readonly optimize?: Optimization } = {},
  ) => {
    const byParams = new Map<P, Compiled<A, R>>();
    return (params: P, ...args: A): R => {
      let compiled = byParams.get(params);
      if (compiled === undefined) {
        compiled = compile((...rest: A) => fn(params, ...rest), {
          ...place,
          optimize: thoroughly ? optimize : 'none',
          ...(clock && { clock }),
        });
        byParams.set(params, compiled);
        graphs.push(compiled);
      }
      return compiled(...args);
    };
  };
  return {
    runners: { eager: {}, compiled: { run } },
    compileMs: () => graphs.reduce((sum, graph) => sum + graph.compileMs(), 0),
    dispose() {
      for (const graph of graphs.splice(0)) graph.dispose();
    },
  };
}
