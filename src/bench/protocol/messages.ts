/** What the parent tells a worker process, and what it hears from it. */
import type { CellId } from '../../results/cell.js';
import type { Counted, EngineEntry, ModelEntry, ProcessRun } from '../../results/schema.js';
import type { SamplingRules, Workload } from './plan.js';

interface Order {
  readonly threads: number;
  readonly workload: Workload;
  readonly rules: SamplingRules;
  readonly cells: readonly CellId[];
}
/** `count` checks the models on all engines, with graphs built as they are for timing, and counts; `measure` times. */
export type WorkerOrder =
  | (Order & { readonly task: 'count'; readonly engines: readonly string[] })
  | (Order & { readonly task: 'measure'; readonly run: number });

/** What a worker runs on. */
export interface Ready {
  readonly type: 'ready';
  readonly engines: readonly EngineEntry[];
}

export type WorkerMessage =
  | Ready
  | { readonly type: 'model'; readonly model: ModelEntry }
  | { readonly type: 'start'; readonly cell: CellId }
  | { readonly type: 'measured'; readonly cell: CellId; readonly process: ProcessRun }
  | { readonly type: 'counted'; readonly cell: CellId; readonly counted: Counted }
  | { readonly type: 'failed'; readonly cell: CellId; readonly reason: string }
  /** The order cannot be carried out at all: the reason is for people. */
  | { readonly type: 'refused'; readonly reason: string }
  /** Every cell of the order was tried. */
  | { readonly type: 'done' };
