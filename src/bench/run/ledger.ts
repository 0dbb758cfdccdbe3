/** What is known of every cell so far, and the results file made of it. */
import { group } from 'd3-array';
import { z } from 'zod';
import { type CellId, cellKey, rowNames, seriesKey } from '../../results/cell.js';
import {
  type Cell,
  type Comparison,
  type Counted,
  cellIdSchema,
  comparisonSchema,
  countedSchema,
  type EngineEntry,
  engineSchema,
  type ModelEntry,
  modelSchema,
  type ProcessRun,
  processSchema,
  type Results,
} from '../../results/schema.js';
import { type Evidence, halfWidthPct, needsMore, type StoppingRule, stopReason } from './precision.js';
import { type Figures, summarize, tokensOf } from './summary.js';

export interface LedgerSettings {
  readonly cells: readonly CellId[];
  readonly nTokens: number;
  readonly batchSize: number;
  readonly rule: StoppingRule;
}

/** Everything of a results file that is not about engines, models and cells. */
export type ResultsHead = Omit<Results, 'engines' | 'models' | 'comparisons' | 'cells' | OriginalKey>;
type OriginalKey = 'seq_lengths' | 'time_results' | 'memory_results' | 'param_counts';

/** What a run finds out, one thing at a time. */
export const findingSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('engine'), engine: engineSchema }),
  z.strictObject({ type: z.literal('model'), model: modelSchema }),
  z.strictObject({ type: z.literal('compared'), comparison: comparisonSchema }),
  z.strictObject({ type: z.literal('counted'), cell: cellIdSchema, counted: countedSchema }),
  z.strictObject({ type: z.literal('measured'), cell: cellIdSchema, process: processSchema }),
  z.strictObject({
    type: z.literal('failed'),
    cell: cellIdSchema,
    status: z.enum(['failed', 'timeout']),
    reason: z.string(),
  }),
]);
export type Finding = z.infer<typeof findingSchema>;
/** A cell that could not be measured. */
export type Casualty = Pick<Extract<Finding, { type: 'failed' }>, 'cell' | 'status' | 'reason'>;

export interface Ledger {
  addEngine(engine: EngineEntry): void;
  addModel(model: ModelEntry): void;
  addComparison(comparison: Comparison): void;
  addCounts(cell: CellId, counted: Counted): void;
  addProcess(cell: CellId, process: ProcessRun): void;
  /** Notes why a cell has no value; longer cells of its series that no process has measured yet are skipped. */
  addCasualty(casualty: Casualty): void;
  /** Whether process `run` has still to measure a cell: the first ones measure all, further ones what is not precise. */
  isOpen(cell: CellId, run: number): boolean;
  /** Whether what a cell does has still to be counted. */
  isUncounted(cell: CellId): boolean;
  /**
   * Measurements made, and those with what is still wanted of the first processes or, later, of processes `runs`. A cell
   * counts once a process; cells in trouble are not waited for.
   */
  progress(runs: readonly number[]): { readonly done: number; readonly total: number };
  results(head: ResultsHead): Results;
}

type Entry = {
  readonly id: CellId;
  readonly processes: ProcessRun[];
  /** Of these processes: null without any, undefined until they are asked for. Kept, since the intervals take their time. */
  figures: Figures | null | undefined;
  counted: Counted | null;
  trouble: { readonly status: Exclude<Cell['status'], 'ok'>; readonly reason: string } | null;
};

/** What a file says beside what is found out, and what follows from that. */
export function headOf(results: Results): ResultsHead {
  const { engines, models, comparisons, cells, seq_lengths, time_results, memory_results, param_counts, ...head } =
    results;
  return head;
}

/** Enters a finding. */
export function enter(ledger: Ledger, finding: Finding): void {
  if (finding.type === 'engine') ledger.addEngine(finding.engine);
  if (finding.type === 'model') ledger.addModel(finding.model);
  if (finding.type === 'compared') ledger.addComparison(finding.comparison);
  if (finding.type === 'counted') ledger.addCounts(finding.cell, finding.counted);
  if (finding.type === 'measured') ledger.addProcess(finding.cell, finding.process);
  if (finding.type === 'failed') ledger.addCasualty(finding);
}

/** @param previous a file of the same plan to go on from; what had failed in it is tried again */
export function createLedger(settings: LedgerSettings, previous?: Results): Ledger {
  const engines = new Map<string, EngineEntry>(previous?.engines.map((engine) => [engine.id, engine]));
  const models = new Map<string, ModelEntry>(previous?.models.map((model) => [model.name, model]));
  const keyOf = ({ model, engine }: Comparison): string => JSON.stringify([model, engine]);
  const comparisons = new Map<string, Comparison>(previous?.comparisons.map((one) => [keyOf(one), one]));
  const known = new Map<string, Cell>(previous?.cells.map((cell) => [cellKey(cell), cell]));
  const entries = new Map<string, Entry>(
    settings.cells.map((id) => [cellKey(id), startEntry(id, known.get(cellKey(id)))]),
  );
  const entryOf = (cell: CellId): Entry => entries.get(cellKey(cell)) as Entry;
  const { rule } = settings;
  return {
    addEngine: (engine) => engines.set(engine.id, engine),
    addModel: (model) => models.set(model.name, model),
    addComparison: (comparison) => comparisons.set(keyOf(comparison), comparison),
    addCounts(cell, counted) {
      entryOf(cell).counted = counted;
    },
    addProcess(cell, process) {
      const entry = entryOf(cell);
      entry.processes.push(process);
      entry.figures = undefined;
    },
    addCasualty({ cell, status, reason }) {
      for (const entry of entries.values()) {
        const { id } = entry;
        if (seriesKey(id) !== seriesKey(cell) || id.n < cell.n || (id.n > cell.n && entry.processes.length > 0))
          continue;
        const skipped = { status: 'skipped', reason: `n = ${cell.n} did not finish: ${reason}` } as const;
        entry.trouble ??= id.n === cell.n ? { status, reason } : skipped;
      }
    },
    isOpen: (cell, run) => isOpen(entryOf(cell), run, settings),
    isUncounted: (cell) => entryOf(cell).counted === null,
    progress(runs) {
      const all = [...entries.values()];
      const first = Array.from({ length: rule.runs }, (_, run) => run);
      const wanted = runs.some((run) => run < rule.runs) ? first : runs;
      const done = all.reduce((sum, { processes }) => sum + processes.length, 0);
      const open = all.reduce((sum, entry) => sum + wanted.filter((one) => isOpen(entry, one, settings)).length, 0);
      return { done, total: done + open };
    },
    results(head) {
      const cells = [...entries.values()].map((entry) => toCell(entry, settings, head.complete));
      const known = {
        engines: [...engines.values()],
        models: [...models.values()],
        comparisons: [...comparisons.values()],
      };
      return { ...head, ...known, cells, ...originalKeys(cells, models, settings, head.config) };
    },
  };
}

function startEntry(id: CellId, old: Cell | undefined): Entry {
  return {
    id,
    processes: [...(old?.processes ?? [])],
    figures: undefined,
    counted: old?.counted ?? null,
    trouble: null,
  };
}

function isOpen(entry: Entry, run: number, settings: LedgerSettings): boolean {
  const { processes, trouble } = entry;
  if (trouble !== null || processes.some((process) => process.run === run)) return false;
  return run < settings.rule.runs || needsMore(evidenceOf(entry, settings), settings.rule);
}

function figuresOf(entry: Entry, { nTokens, batchSize }: LedgerSettings): Figures | null {
  const { id, processes } = entry;
  if (entry.figures === undefined) {
    entry.figures = processes.length === 0 ? null : summarize(processes, tokensOf(id, nTokens) * batchSize);
  }
  return entry.figures;
}

function evidenceOf(entry: Entry, settings: LedgerSettings): Evidence {
  const figures = figuresOf(entry, settings);
  return { processes: entry.processes.length, halfWidthPct: figures && halfWidthPct(figures) };
}

function toCell(entry: Entry, settings: LedgerSettings, over: boolean): Cell {
  const { id, processes, counted, trouble } = entry;
  const { nTokens, rule } = settings;
  const figures = trouble === null ? figuresOf(entry, settings) : null;
  return {
    ...id,
    n_tokens: id.phase === 'prefill' || id.phase === 'decode' ? 1 : nTokens,
    status: trouble?.status ?? (figures ? 'ok' : 'skipped'),
    reason: trouble?.reason ?? (figures ? null : 'not measured yet'),
    processes: [...processes],
    summary: figures && { ...figures, stop_reason: stopReason(evidenceOf(entry, settings), rule, over) },
    counted,
  };
}

/** The original study's file, of what was asked for: seconds of the generate phase, and parameters and ids called memory. */
function originalKeys(
  cells: readonly Cell[],
  models: ReadonlyMap<string, ModelEntry>,
  { batchSize }: LedgerSettings,
  { added_lengths: added = [] }: Results['config'],
): Pick<Results, OriginalKey> {
  const asked = cells.filter(({ n }) => !added.includes(n));
  const generated = asked.filter(({ phase, summary }) => phase === 'generate' && summary !== null);
  const lengths = [...new Set(asked.map(({ n }) => n))].sort((a, b) => a - b);
  const nameOf = rowNames(cells);
  const table = (of: readonly Cell[], value: (cell: Cell) => number): Record<string, Record<string, number>> => {
    const rows = [...group(of, nameOf)];
    return Object.fromEntries(
      rows.map(([name, own]) => [name, Object.fromEntries(own.map((cell) => [cell.n, value(cell)]))]),
    );
  };
  const isSized = ({ model }: Cell): boolean => models.has(model);
  const withoutHead = ({ model }: Cell): number => models.get(model)?.params_without_head ?? Number.NaN;
  return {
    seq_lengths: lengths,
    time_results: table(generated, ({ summary }) => (summary?.value_ms ?? Number.NaN) / 1000),
    memory_results: table(
      generated.filter(isSized),
      (cell) => (4 * withoutHead(cell) + 8 * cell.n * batchSize) / 2 ** 20,
    ),
    param_counts: Object.fromEntries(cells.filter(isSized).map((cell) => [nameOf(cell), withoutHead(cell)])),
  };
}
