/**
 * A whole run: one process that checks and counts, then G fresh processes that time every cell, then more for the cells
 * that are not precise enough, while there is time (docs/method.md, A).
 */
import { check } from '../../errors.js';
import { type CellId, cellKey, isLonger } from '../../results/cell.js';
import type { EngineEntry, Results } from '../../results/schema.js';
import type { WorkerMessage, WorkerOrder } from '../protocol/messages.js';
import { type SamplingRules, shuffledCells, type Workload } from '../protocol/plan.js';
import { describeMachine, type Observation, observe } from './environment.js';
import { createLedger, enter, type Finding, type ResultsHead } from './ledger.js';
import { createPace } from './pace.js';
import { mostProcesses, type StoppingRule } from './precision.js';
import { cellsAfter, runProcess, type WorkerSettings } from './process.js';
import type { Clock } from './sampling.js';

export interface RunSpec extends StoppingRule {
  readonly cells: readonly CellId[];
  readonly workload: Workload;
  readonly rules: SamplingRules;
  readonly threads: number;
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
export type RunLabel = Omit<ResultsHead, 'complete' | 'machine'>;

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
  const { cells, workload, rules, threads } = spec;
  const startedAt = host.now();
  const ledger = createLedger({ cells, ...workload, rule: spec }, previous);
  const before = observe(host.now, spec.spinMs);
  const pace = createPace(host.now);
  const engines = new Map(previous?.engines.map((engine) => [engine.id, engine]));
  let run = 0;
  const results = (after: Observation | null): Results => {
    const machine = describeMachine(threads, host.pinnedCpu, before, after, previous?.machine);
    return ledger.results({ ...label, complete: after !== null, machine });
  };
  let isCounting = true;
  /** What is counted, or cannot be, is the same on every engine: it is counted on one. */
  const everywhere = (finding: Finding): Finding[] =>
    isCounting && 'cell' in finding
      ? cells.filter((cell) => workKey(cell) === workKey(finding.cell)).map((cell) => ({ ...finding, cell }))
      : [finding];
  const hear = (heard: Finding): void => {
    for (const finding of everywhere(heard)) {
      host.note(finding, () => results(null));
      enter(ledger, finding);
    }
  };
  const onMessage = (message: WorkerMessage): void => {
    pace.hear(message);
    for (const engine of message.type === 'ready' ? message.engines : []) {
      const known = engines.get(engine.id);
      if (known) checkSameEngine(known, engine);
      else hear({ type: 'engine', engine });
      engines.set(engine.id, engine);
    }
    const finding = findingIn(message);
    if (finding !== null) hear(finding);
    host.onProgress({ ...ledger.progress(run), message });
  };
  const common = { workload, rules, threads };
  const uncounted = new Map(cells.filter(ledger.isUncounted).map((cell) => [workKey(cell), cell]));
  const ids = [...new Set(cells.map(({ engine }) => engine))];
  await workThrough({ ...common, task: 'count', engines: ids, cells: [...uncounted.values()] }, hear, host, onMessage);
  isCounting = false;
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

/** Times of two runtimes do not belong under one name. */
function checkSameEngine({ env: _, ...then }: EngineEntry, now: EngineEntry): void {
  for (const key of Object.keys(then) as (keyof typeof then)[]) {
    const [before, after] = [JSON.stringify(then[key]), JSON.stringify(now[key])];
    check(before === after, `engine ${now.id}: ${key}: must be ${before} as before, got ${after}`);
  }
}

const workKey = (cell: CellId): string => cellKey({ ...cell, engine: '' });

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
