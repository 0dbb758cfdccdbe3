/**
 * Two versions of an engine side by side: a process of each is alive at once, on the same CPU, and they are timed in turns,
 * a sample each. What slows the machine for a second meets both alike, so that the ratio of a pair is known several times
 * better than either time (docs/gate.md).
 */
import type { Engine } from '../../engines/engine.js';
import { random, shuffled } from '../../random.js';
import type { CellId } from '../../results/cell.js';
import type { Results } from '../../results/schema.js';
import { loadOf, shuffledCells } from '../protocol/plan.js';
import { checkModels } from './checking.js';
import { describeMachine, observe } from './environment.js';
import { createFinder } from './findings.js';
import { createLedger, enter, type Ledger } from './ledger.js';
import { buildCell, measureCell, measureInTurns, toBuild } from './measuring.js';
import { Failure, Lost } from './process/connection.js';
import {
  EngineRefused,
  type Heard,
  openSession,
  type Session,
  type Task,
  untilLost,
  type Visit,
  visitsOf,
  type Worker,
  type WorkerSettings,
} from './process/session.js';
import type { RunHost, RunLabel, RunSpec } from './run.js';

export const SIDES = ['base', 'new'] as const;
export type Side = (typeof SIDES)[number];
export type Both<T> = Readonly<Record<Side, T>>;

export const both = <T>(of: (side: Side) => T): Both<T> => ({ base: of('base'), new: of('new') });

/** One of the two. */
export interface Version {
  /** How messages call it. */
  readonly name: string;
  /** The program of each engine of ours that the cells name. */
  readonly engines: readonly Engine[];
  readonly label: RunLabel;
}

export interface PairsSpec extends Pick<RunSpec, 'cells' | 'workload' | 'rules' | 'threads' | 'spinMs'> {
  /** Numbers of the pairs of processes. With the first, 0, it is counted what cells do. */
  readonly runs: readonly number[];
  /** With a pair's number it decides the orders in it. */
  readonly seed: number;
}

/** What is needed of the world. Progress counts cells measured by both, each once a pair. */
export type PairsHost = Omit<RunHost, 'note' | 'save'>;

/** What is known of one of the two, and what adds to it. */
interface Sheet {
  readonly version: Version;
  readonly ledger: Ledger;
  hear(heard: Heard): void;
}

/**
 * Measures all cells in pairs of processes. A cell that fails in one of the two is measured in the other alone, once.
 * @returns a run of each version: its processes of one number were timed in turns, and took as many samples
 * @throws EngineRefused when an engine cannot be used, naming the version @throws Error when `host.signal` aborts
 */
export async function measurePairs(spec: PairsSpec, versions: Both<Version>, host: PairsHost): Promise<Both<Results>> {
  const { cells, runs, seed, threads, spinMs } = spec;
  let done = 0;
  const total = cells.length * runs.length;
  const onHeard = (heard: Heard): void => host.onProgress({ done, total, heard });
  const sheets = both((side) => createSheet(versions[side], spec, onHeard));
  const onDone = (): void => {
    done++;
  };
  const settings = { ...host, threads, thorough: spec.rules.compileThoroughly };
  const before = observe(host.now, spinMs);
  for (const run of runs) {
    if (run === 0) await checkBoth(spec, sheets, settings, host);
    const engines = versions.base.engines.map(({ id }) => id);
    for (const engine of shuffled(engines, random(seed, `pair ${run}: engines`))) {
      const isOpen = (cell: CellId): boolean => SIDES.every((side) => sheets[side].ledger.isOpen(cell, run));
      const all = shuffledCells(cells, seed, run).filter((cell) => cell.engine === engine);
      const own = all.filter(isOpen);
      done += all.length - own.length;
      const order = shuffled(SIDES, random(seed, `pair ${run}: sides`));
      await workThroughPairs({ order, spec, sheets, settings, now: host.now, run, engine, onDone }, own);
    }
  }
  const machine = describeMachine(threads, settings, before, observe(host.now, spinMs));
  return both((side) => sheets[side].ledger.results({ ...versions[side].label, complete: true, machine }));
}

function createSheet(
  version: Version,
  { cells, workload, runs, threads }: PairsSpec,
  onHeard: (heard: Heard) => void,
): Sheet {
  const ledger = createLedger({ cells, ...workload, rule: { runs: runs.length, precisionPct: 100, maxTimeS: 0 } });
  const findingIn = createFinder({ engines: version.engines, threads }, []);
  const hear = (heard: Heard): void => {
    const finding = findingIn(heard);
    if (finding !== null) enter(ledger, finding);
    onHeard(heard);
  };
  return { version, ledger, hear };
}

async function checkBoth(
  { cells, workload }: PairsSpec,
  sheets: Both<Sheet>,
  settings: WorkerSettings,
  { temporaryFile }: PairsHost,
): Promise<void> {
  for (const side of SIDES) {
    const { version, ledger, hear } = sheets[side];
    const unchecked = { cells, workload, settings, temporaryFile, hear, isUncounted: ledger.isUncounted };
    await ofVersion(version, checkModels({ ...unchecked, engines: version.engines }, new Map()));
  }
}

/** A pair of processes of an engine. */
interface Pair {
  /** Thrown for each pair, so that what comes with the place meets either side as often. */
  readonly order: readonly Side[];
  readonly spec: PairsSpec;
  readonly sheets: Both<Sheet>;
  readonly settings: WorkerSettings;
  readonly now: () => number;
  readonly run: number;
  readonly engine: string;
  /** A cell was tried. */
  onDone(): void;
}

/** Has pairs of processes work on cells until every one was tried: where one is lost, both are begun afresh. */
async function workThroughPairs(pair: Pair, cells: readonly CellId[]): Promise<void> {
  let left = cells;
  while (left.length > 0) {
    const sessions = await openBoth(pair, left);
    try {
      left = await work(pair, sessions, left);
      if (left.length === 0) for (const side of SIDES) await sessions[side].bye();
    } finally {
      for (const side of SIDES) await sessions[side].close();
    }
  }
}

/** @returns the cells that are left where one of the two was lost */
async function work(
  { order, spec, sheets, now, run, onDone }: Pair,
  sessions: Both<Session>,
  cells: readonly CellId[],
) {
  const { workload, rules } = spec;
  const workers = order.map((side) => sessions[side].worker);
  const sheetOf = (i: number): Sheet => sheets[order[i] as Side];
  let turn = 0;
  const onTurn = (i: number): void => {
    turn = i;
  };
  const startOver = (): void => {
    for (const worker of workers) worker.startOver();
  };
  /** @returns why it could not; null where it could */
  const measureAlone = async (i: number, cell: CellId, position: number): Promise<Failure | Lost | null> => {
    startOver();
    try {
      const measured = await measureCell(workers[i] as Worker, cell, workload, rules, now);
      sheetOf(i).hear({ type: 'measured', cell, process: { run, order: position, ...measured } });
      return null;
    } catch (error) {
      if (!(error instanceof Failure || error instanceof Lost)) throw error;
      sheetOf(i).hear({ type: 'failed', cell, status: error.status, reason: error.message });
      return error;
    }
  };
  const measure = async ({ cell, position }: Visit): Promise<void> => {
    try {
      const measured = await measureInTurns(workers, cell, workload, rules, now, onTurn);
      for (const [i, one] of measured.entries()) {
        sheetOf(i).hear({ type: 'measured', cell, process: { run, order: position, ...one } });
      }
    } catch (error) {
      const other = await measureAlone(1 - turn, cell, position); // what one cannot do, the other may
      throw error instanceof Failure && other instanceof Lost ? new Lost(error.status, error.message) : error;
    } finally {
      onDone();
    }
  };
  const left = await untilLost(visitsOf(cells), startOver, measure, (cell, { status, message }) =>
    sheetOf(turn).hear({ type: 'failed', cell, status, reason: message }),
  );
  return left.map(({ cell }) => cell);
}

/** Starts both and has them get ready, side by side where there is a CPU to spare. What is built there moves afterwards. */
async function openBoth(pair: Pair, cells: readonly CellId[]): Promise<Both<Session>> {
  const { pinnedCpu, spareCpu } = pair.settings;
  const opened: Partial<Record<Side, Session>> = {};
  const open = async (side: Side, cpu: number | null): Promise<Session> => {
    const { task, ...own } = openingOf(pair, side, cells);
    const settings = { ...pair.settings, pinnedCpu: cpu };
    const session = await ofVersion(own.version, openSession(own.engine, task, settings, own.hear));
    opened[side] = session;
    if (own.engine.builds) await session.getReady(task);
    return session;
  };
  const [first, second] = pair.order as [Side, Side];
  try {
    const sessions =
      spareCpu === null
        ? [await open(first, pinnedCpu), await open(second, pinnedCpu)]
        : await allOf([open(first, pinnedCpu), open(second, spareCpu)]);
    if (spareCpu !== null && pinnedCpu !== null) sessions[1]?.moveTo(pinnedCpu);
    return both((side) => sessions[pair.order.indexOf(side)] as Session);
  } catch (error) {
    for (const session of Object.values(opened)) await session.close();
    throw error;
  }
}

/** What a process of one of the two is opened with. */
function openingOf({ spec, sheets, engine, now }: Pair, side: Side, cells: readonly CellId[]) {
  const { workload } = spec;
  const { version, hear } = sheets[side];
  const own = version.engines.find(({ id }) => id === engine);
  if (own === undefined) throw new Error(`pairs: ${version.name} must have ${engine}`);
  const task: Task = {
    cells: toBuild(cells),
    loading: (model) => loadOf(workload, model, null),
    ready: (worker, cell) => buildCell(worker, cell, workload, now),
    work: async () => null,
  };
  return { version, hear, engine: own, task };
}

/** Waits for all. @throws the first error, once none goes on */
async function allOf<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

/** @throws EngineRefused that names the version */
async function ofVersion<T>({ name }: Version, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof EngineRefused ? new EngineRefused(`${name}: ${error.message}`) : error;
  }
}
