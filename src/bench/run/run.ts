/**
 * A whole run: one process that checks and counts, then G fresh processes that time every cell, then more for the cells
 * that are not precise enough, while there is time (docs/method.md, A).
 */
import { check } from '../../errors.js';
import { type CellId, cellKey, isLonger } from '../../results/cell.js';
import type { Results } from '../../results/schema.js';
import { runtimeOf, type WorkerMessage, type WorkerOrder } from '../protocol/messages.js';
import { type BackendChoice, type SamplingRules, shuffledCells, type Workload } from '../protocol/plan.js';
import { describeMachine, type Observation, observe } from './environment.js';
import { createLedger, enter, type Finding, type ResultsHead } from './ledger.js';
import { createPace } from './pace.js';
import { mostProcesses, type StoppingRule } from './precision.js';
import { cellsAfter, runProcess, type WorkerSettings } from './process.js';
import type { Clock } from './sampling.js';

export interface RunSpec extends BackendChoice, StoppingRule {
  readonly cells: readonly CellId[];
  readonly workload: Workload;
  readonly rules: SamplingRules;
  /** How long the spin loop that watches the machine runs, at each end. */
  readonly spinMs: number;
}

/** What a run needs of the world. */
export interface RunHost extends WorkerSettings {
  readonly now: Clock;
  /** Hears everything that is found out, in order, with what was known before. */
  note(finding: Finding, before: () => Results): void;
  /** Gets the whole, once it is. */
  save(results: Results): void;
  onProgress(progress: Progress): void;
}

export interface Progress {
  /** Cells measured, each counted once a process. */
  readonly done: number;
  /** With those that can still be measured; it grows when processes are added. */
  readonly total: number;
  readonly message: WorkerMessage;
}

/** The part of a results file that is known before the run. */
export type RunLabel = Omit<ResultsHead, 'complete' | 'machine' | 'runtime'> & { readonly node: string };

/**
 * Measures everything that `previous` does not hold.
 * @throws UserError when a worker cannot do its work at all, or `previous` ran on something else
 * @throws Error when `host.signal` aborts
 */
export async function runBenchmark(
  spec: RunSpec,
  label: RunLabel,
  host: RunHost,
  previous?: Results,
): Promise<Results> {
  const { cells, workload, rules, backend, threads } = spec;
  const { node, ...head } = label;
  const startedAt = host.now();
  const ledger = createLedger({ cells, ...workload, rule: spec }, previous);
  const before = observe(host.now, spec.spinMs);
  const pace = createPace(host.now);
  let runtime = previous?.runtime;
  let run = 0;
  const results = (after: Observation | null): Results => {
    if (runtime === undefined) throw new Error('run: no worker has said what it runs on');
    const machine = describeMachine(threads, host.pinnedCpu, before, after, previous?.machine);
    return ledger.results({ ...head, complete: after !== null, machine, runtime });
  };
  const hear = (finding: Finding): void => {
    host.note(finding, () => results(null));
    enter(ledger, finding);
  };
  const onMessage = (message: WorkerMessage): void => {
    pace.hear(message);
    if (message.type === 'ready') {
      const seen = runtimeOf(node, message);
      if (previous) checkSameRuntime(previous.runtime, seen);
      runtime = seen;
    }
    const finding = findingIn(message);
    if (finding !== null) hear(finding);
    host.onProgress({ ...ledger.progress(run), message });
  };
  const common = { workload, rules, backend, threads };
  const uncounted = countedCells(cells.filter(ledger.isUncounted));
  await workThrough(
    { ...common, task: 'count', modes: [...new Set(cells.map(({ mode }) => mode))], cells: uncounted },
    hear,
    host,
    onMessage,
  );
  for (; run < mostProcesses(spec); run++) {
    const open = shuffledCells(cells, workload.seed, run).filter((cell) => ledger.isOpen(cell, run));
    const endMs = host.now() - startedAt + pace.expectedMs(open) + spec.spinMs;
    if (run >= spec.runs && endMs > 1000 * spec.maxTimeS) break;
    await workThrough({ ...common, task: 'measure', run, cells: open }, hear, host, onMessage);
  }
  const whole = results(observe(host.now, spec.spinMs));
  host.save(whole);
  return whole;
}

/** Times of two runtimes do not belong in one file. */
function checkSameRuntime(then: Results['runtime'], now: Results['runtime']): void {
  for (const key of ['node', 'tfjs', 'backend', 'tensorflow', 'small_products', 'causal_attention'] as const) {
    const [before, after] = [then[key] ?? false, now[key] ?? false];
    check(before === after, `--resume: needs ${key} ${before} as before, got ${after}`);
  }
}

/** What is counted is the same in every mode: it is counted eagerly, once. */
function countedCells(cells: readonly CellId[]): CellId[] {
  const eager = cells.map((cell) => ({ ...cell, mode: 'eager' as const }));
  return [...new Map(eager.map((cell) => [cellKey(cell), cell])).values()];
}

/** Runs fresh processes until every cell of the order was tried. */
async function workThrough(
  order: WorkerOrder,
  hear: (finding: Finding) => void,
  host: RunHost,
  onMessage: (message: WorkerMessage) => void,
): Promise<void> {
  let { cells } = order;
  while (cells.length > 0) {
    const casualty = await runProcess({ ...order, cells }, host, onMessage);
    if (casualty === null) return;
    hear({ type: 'failed', ...casualty });
    cells = cellsAfter(cells, casualty.cell).filter((cell) => !isLonger(cell, casualty.cell));
  }
}

function findingIn(message: WorkerMessage): Finding | null {
  if (message.type === 'failed') return { ...message, status: 'failed' };
  return message.type === 'model' || message.type === 'counted' || message.type === 'measured' ? message : null;
}
