/** What the parent tells a worker process, and what it hears from it. */

import type { CellId } from '../../results/cell.js';
import type { Counted, Mode, ProcessRun, Results } from '../../results/schema.js';
import type { BackendInfo } from '../../tf.js';
import type { BackendChoice, SamplingRules, Workload } from './plan.js';

interface Order extends BackendChoice {
  readonly workload: Workload;
  readonly rules: SamplingRules;
  readonly cells: readonly CellId[];
}
/** `count` checks the models in all modes, with graphs built as they are for timing, and counts; `measure` times. */
export type WorkerOrder =
  | (Order & { readonly task: 'count'; readonly modes: readonly Mode[] })
  | (Order & { readonly task: 'measure'; readonly run: number });

export type ModelInfo = Results['models'][number];

/** What a worker runs on. */
export interface Ready {
  readonly type: 'ready';
  readonly backend: BackendInfo;
  readonly tfjs: string;
  readonly env: Record<string, string>;
}

export type WorkerMessage =
  | Ready
  | { readonly type: 'model'; readonly model: ModelInfo }
  | { readonly type: 'start'; readonly cell: CellId }
  | { readonly type: 'measured'; readonly cell: CellId; readonly process: ProcessRun }
  | { readonly type: 'counted'; readonly cell: CellId; readonly counted: Counted }
  | { readonly type: 'failed'; readonly cell: CellId; readonly reason: string }
  /** The order cannot be carried out at all: the reason is for people. */
  | { readonly type: 'refused'; readonly reason: string }
  /** Every cell of the order was tried. */
  | { readonly type: 'done' };

/** What a results file says of it. */
export function runtimeOf(
  node: string,
  { tfjs, backend: { backend, tensorflow, nativeCode }, env }: Ready,
): Results['runtime'] {
  return {
    ...{ node, tfjs, backend, tensorflow, env },
    small_products: nativeCode.includes('small_products'),
    causal_attention: nativeCode.includes('causal_attention'),
  };
}
