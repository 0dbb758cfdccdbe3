/**
 * A whole run: a process of each engine of ours that checks the models, the first of which counts; then G fresh processes
 * of every engine that time all cells, then more for the cells that are not precise enough, while there is time
 * (docs/method.md, A).
 */
import type { Engine } from '../../engines/engine.js';
import { random, shuffled } from '../../random.js';
import type { CellId } from '../../results/cell.js';
import type { Comparison, Results } from '../../results/schema.js';
import { max } from '../../statistics.js';
import { loadOf, type SamplingRules, shuffledCells, type Workload } from '../protocol/plan.js';
import { checkModels } from './checking.js';
import { describeMachine, type Observation, observe } from './environment.js';
import { createFinder } from './findings.js';
import { createLedger, enter, type Finding, type ResultsHead } from './ledger.js';
import { buildCell, createRounds } from './measuring.js';
import { createPace } from './pace.js';
import { mostProcesses, type StoppingRule } from './precision.js';
import type { Heard, Task, Worker, WorkerHost, WorkerSettings } from './process/session.js';
import { errorOf, type Reference } from './references.js';
import type { Clock } from './sampling.js';
import { type Turn, takeTurns } from './turns.js';

export interface RunSpec extends StoppingRule {
  readonly cells: readonly CellId[];
  /** Those that the cells name, ours first. */
  readonly engines: readonly Engine[];
  readonly workload: Workload;
  readonly rules: SamplingRules;
  readonly threads: number;
  /** How long the spin loop that watches the machine runs, at each end. */
  readonly spinMs: number;
}

/** What a run needs of the world. */
export interface RunHost extends WorkerHost {
  readonly now: Clock;
  /** Where a file may be that is needed only while the run goes on. */
  temporaryFile(name: string): string;
  /** Hears everything that is found out, in order, with what was known before. */
  note(finding: Finding, before: () => Results): void;
  /** Gets the whole, once it is. */
  save(results: Results): void;
  onProgress(progress: Progress): void;
}

export interface Progress {
  /** Cells measured, each counted once a process; of one that is measured in rounds its share. */
  readonly done: number;
  /** With those that can still be measured; it grows when processes are added. */
  readonly total: number;
  readonly heard: Heard;
}

/** The part of a results file that is known before the run. */
export type RunLabel = Omit<ResultsHead, 'complete' | 'machine'>;

/**
 * Measures everything that `previous` does not hold.
 * @throws UserError when an engine of ours cannot do its work at all, or is another than that of `previous`
 * @throws Error when `host.signal` aborts
 */
export async function runBenchmark(
  spec: RunSpec,
  label: RunLabel,
  host: RunHost,
  previous?: Results,
): Promise<Results> {
  const { cells, workload } = spec;
  const startedAt = host.now();
  const ledger = createLedger({ cells, ...workload, rule: spec }, previous);
  const spareCpu = spec.engines.some(({ builds }) => builds) ? host.spareCpu : null;
  const settings = { ...host, spareCpu, threads: spec.threads, thorough: spec.rules.compileThoroughly };
  const before = observe(host.now, spec.spinMs);
  const pace = createPace(host.now);
  const findingIn = createFinder(spec, previous?.engines ?? []);
  let runs: readonly number[] = [0];
  const results = (after: Observation | null): Results => {
    const machine = describeMachine(spec.threads, settings, before, after, previous?.machine);
    return ledger.results({ ...label, complete: after !== null, machine });
  };
  const hear = (heard: Heard): void => {
    pace.hear(heard);
    const finding = findingIn(heard);
    if (finding !== null) {
      host.note(finding, () => results(null));
      enter(ledger, finding);
    }
    const { done, total } = ledger.progress(runs);
    host.onProgress({ done: done + pace.visits() / spec.rules.rounds, total, heard });
  };
  const { isUncounted, isOpen } = ledger;
  const references = new Map<string, Reference>();
  const check = (own: WorkerSettings): Promise<void> =>
    checkModels({ ...spec, settings: own, temporaryFile: host.temporaryFile, isUncounted, hear }, references);
  const taskOf = createMeasuring(spec, host.now, references, previous?.comparisons ?? [], hear);
  const openIn = (run: number): CellId[] =>
    shuffledCells(cells, workload.seed, run).filter((cell) => isOpen(cell, run));
  const fit = (further: readonly number[]): boolean => {
    const endMs = host.now() - startedAt + pace.expectedMs(further.flatMap(openIn)) + spec.spinMs;
    return further.every((run) => run < spec.runs) || endMs <= 1000 * spec.maxTimeS;
  };
  for (; runs.length > 0; runs = runsAfter(runs, spec, spareCpu !== null, fit)) {
    const turns = runs.flatMap((run) => turnsOf(run, spec, openIn, taskOf));
    await takeTurns(turns, settings, hear, runs[0] === 0 ? check : undefined);
  }
  const whole = results(observe(host.now, spec.spinMs));
  host.save(whole);
  return whole;
}

/** A process of every engine, in an order that the seed decides for each run. */
function turnsOf(
  run: number,
  { engines, workload }: RunSpec,
  openIn: (run: number) => readonly CellId[],
  taskOf: Measuring,
): Turn[] {
  return shuffled(engines, random(workload.seed, `run ${run}: engines`)).map((engine) => ({
    engine,
    cells: () => openIn(run).filter((cell) => cell.engine === engine.id),
    taskOf: (left) => taskOf(engine, left, run),
  }));
}

/** The runs that come next, of one set if they get ready side by side; none when there is no time, or all were made. */
function runsAfter(
  runs: readonly number[],
  rule: StoppingRule,
  sideBySide: boolean,
  fit: (runs: readonly number[]) => boolean,
): readonly number[] {
  const next = 1 + max(runs);
  const inSet = Math.min(sideBySide ? 2 : 1, rule.runs - (next % rule.runs));
  const choices = next < mostProcesses(rule) ? [Array.from({ length: inSet }, (_, i) => next + i), [next]] : [];
  return choices.find(fit) ?? [];
}

/** What a process of an engine is to do in a run. */
type Measuring = (engine: Engine, cells: readonly CellId[], run: number) => Task;

/** A peer is compared with our results before it is measured. */
function createMeasuring(
  { workload, rules }: RunSpec,
  now: Clock,
  references: ReadonlyMap<string, Reference>,
  known: readonly Comparison[],
  hear: (heard: Heard) => void,
): Measuring {
  const compared = new Set(known.map(({ model, engine }) => JSON.stringify([model, engine])));
  const compare = async (engine: Engine, model: string, worker: Worker): Promise<void> => {
    const key = JSON.stringify([model, engine.id]);
    if (engine.command === null || compared.has(key)) return;
    const reference = references.get(model);
    const relative_error = reference ? await errorOf(worker, model, workload, reference) : null;
    compared.add(key);
    worker.startOver();
    hear({ type: 'compared', comparison: { model, engine: engine.id, relative_error } });
  };
  return (engine, cells, run) => {
    const measure = createRounds(workload, rules, now);
    return {
      cells,
      rounds: rules.rounds,
      loading: (model) =>
        loadOf(workload, model, engine.command === null ? null : (references.get(model)?.weights ?? null)),
      ready: (worker, cell) => buildCell(worker, cell, workload, now),
      async work(worker, cell, position) {
        await compare(engine, cell.model, worker);
        return { type: 'measured', cell, process: { run, order: position, ...(await measure(worker, cell)) } };
      },
    };
  };
}
