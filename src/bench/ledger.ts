/** What is known of every cell so far, and the results file made of it. */
import type { Cell, Counted, ProcessRun, Results } from '../results.js';
import type { ModelInfo } from './messages.js';
import { type CellId, cellKey, seriesKey } from './plan.js';
import type { Casualty } from './process.js';
import { summarize, tokensOf } from './summary.js';

export interface LedgerSettings {
  readonly cells: readonly CellId[];
  readonly nTokens: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** Everything of a results file that is not about models and cells. */
export type ResultsHead = Omit<Results, 'models' | 'cells' | OriginalKey>;
type OriginalKey = 'seq_lengths' | 'time_results' | 'memory_results' | 'param_counts';

export interface Ledger {
  addModel(model: ModelInfo): void;
  addCounts(cell: CellId, counted: Counted): void;
  addProcess(cell: CellId, process: ProcessRun): void;
  /** Notes why a cell has no value; longer cells of its series are skipped. One that was being counted stands for all modes. */
  addCasualty(casualty: Casualty): void;
  /** Whether process `run` has still to measure a cell. */
  isOpen(cell: CellId, run: number): boolean;
  /** Whether what a cell does has still to be counted. */
  isUncounted(cell: CellId): boolean;
  /** Measurements made and wanted, a cell once a process; cells in trouble are not waited for. */
  progress(runs: number): { readonly done: number; readonly total: number };
  results(head: ResultsHead): Results;
}

type Entry = {
  readonly id: CellId;
  readonly processes: ProcessRun[];
  counted: Counted | null;
  trouble: { readonly status: Exclude<Cell['status'], 'ok'>; readonly reason: string } | null;
};

/** @param previous a file of the same plan to go on from; what had failed in it is tried again */
export function createLedger(settings: LedgerSettings, previous?: Results): Ledger {
  const models = new Map<string, ModelInfo>(previous?.models.map((model) => [model.name, model]));
  const entries = new Map<string, Entry>(
    settings.cells.map((id) => {
      const old = previous?.cells.find((cell) => cellKey(cell) === cellKey(id));
      return [
        cellKey(id),
        { id, processes: [...(old?.processes ?? [])], counted: old?.counted ?? null, trouble: null },
      ];
    }),
  );
  const entryOf = (cell: CellId): Entry => entries.get(cellKey(cell)) as Entry;
  return {
    addModel: (model) => models.set(model.name, model),
    addCounts(cell, counted) {
      for (const mode of ['eager', 'compiled'] as const) {
        const entry = entries.get(cellKey({ ...cell, mode }));
        if (entry) entry.counted = counted;
      }
    },
    addProcess: (cell, process) => entryOf(cell).processes.push(process),
    addCasualty({ cell, status, reason }) {
      for (const entry of entries.values()) {
        const { id, counted } = entry;
        const sameSeries = seriesKey(id) === seriesKey({ ...cell, mode: counted === null ? id.mode : cell.mode });
        if (!sameSeries || id.n < cell.n) continue;
        const skipped = { status: 'skipped', reason: `n = ${cell.n} did not finish: ${reason}` } as const;
        entry.trouble ??= id.n === cell.n ? { status, reason } : skipped;
      }
    },
    isOpen(cell, run) {
      const { processes, trouble } = entryOf(cell);
      return trouble === null && !processes.some((process) => process.run === run);
    },
    isUncounted: (cell) => entryOf(cell).counted === null,
    progress(runs) {
      const all = [...entries.values()];
      const done = all.reduce((sum, { processes }) => sum + processes.length, 0);
      const open = all.reduce((sum, { processes, trouble }) => sum + (trouble ? 0 : runs - processes.length), 0);
      return { done, total: done + open };
    },
    results(head) {
      const cells = [...entries.values()].map((entry) => toCell(entry, settings));
      return { ...head, models: [...models.values()], cells, ...originalKeys(cells, models, settings) };
    },
  };
}

function toCell({ id, processes, counted, trouble }: Entry, { nTokens, batchSize, seed }: LedgerSettings): Cell {
  const tokens = tokensOf(id, nTokens);
  const measured = trouble === null && processes.length > 0;
  return {
    ...id,
    n_tokens: id.phase === 'prefill' || id.phase === 'decode' ? 1 : nTokens,
    status: trouble?.status ?? (measured ? 'ok' : 'skipped'),
    reason: trouble?.reason ?? (measured ? null : 'not measured yet'),
    processes,
    summary: measured ? summarize(processes, tokens * batchSize, seed, `all ${processes.length} processes ran`) : null,
    counted,
  };
}

/** The original study's file: seconds of the generate phase, and parameters and ids called memory. */
function originalKeys(
  cells: readonly Cell[],
  models: ReadonlyMap<string, ModelInfo>,
  { batchSize }: LedgerSettings,
): Pick<Results, OriginalKey> {
  const generated = cells.filter(({ phase, summary }) => phase === 'generate' && summary !== null);
  const lengths = [...new Set(cells.map(({ n }) => n))].sort((a, b) => a - b);
  const table = (value: (cell: Cell) => number): Record<string, Record<string, number>> => {
    const rows: Record<string, Record<string, number>> = {};
    for (const cell of generated) rows[cell.model] = { ...rows[cell.model], [cell.n]: value(cell) };
    return rows;
  };
  const withoutHead = (model: string): number => models.get(model)?.params_without_head ?? 0;
  return {
    seq_lengths: lengths,
    time_results: table(({ summary }) => (summary?.value_ms ?? Number.NaN) / 1000),
    memory_results: table(({ model, n }) => (4 * withoutHead(model) + 8 * n * batchSize) / 2 ** 20),
    param_counts: Object.fromEntries([...models.keys()].map((model) => [model, withoutHead(model)])),
  };
}
