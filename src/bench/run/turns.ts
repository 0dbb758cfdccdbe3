/**
 * Processes that take turns, so that each measures alone. To build graphs is no measuring: where there is a CPU to spare,
 * two get ready side by side before the first of them measures (docs/method.md, A.3).
 */
import type { Engine } from '../../engines/engine.js';
import type { CellId } from '../../results/cell.js';
import { toBuild } from './measuring.js';
import {
  type Heard,
  openSession,
  type Session,
  type Task,
  type WorkerSettings,
  workThroughAll,
} from './process/session.js';

/** A process of an engine that is to come. */
export interface Turn {
  readonly engine: Engine;
  /** Those that it is to work on, as far as is known when it is asked for. */
  cells(): readonly CellId[];
  taskOf(cells: readonly CellId[]): Task;
}

/** What measures nothing, in a process that runs on `settings.pinnedCpu`. */
type Preparation = (settings: WorkerSettings) => Promise<void>;

/**
 * Takes turns, the first of them after `before`. A process that got ready but is lost by its turn is begun afresh.
 * @throws EngineRefused when an engine of ours cannot be used @throws Error as `workThrough`
 */
export async function takeTurns(
  turns: readonly Turn[],
  settings: WorkerSettings,
  hear: (heard: Heard) => void,
  before?: Preparation,
): Promise<void> {
  const { pinnedCpu } = settings;
  const sessions = new Map<Turn, Session>();
  const building = turns
    .filter(({ engine, cells }) => engine.builds && cells().length > 0)
    .map(
      (turn): Preparation =>
        async (own) => {
          const task = turn.taskOf(toBuild(turn.cells()));
          const session = await openSession(turn.engine, task, own, hear);
          sessions.set(turn, session);
          await session.getReady(task);
        },
    );
  const either = new AbortController();
  const abort = (): void => either.abort(settings.signal.reason);
  settings.signal.addEventListener('abort', abort);
  try {
    await prepare(building, before, settings, either);
    for (const turn of turns) {
      const task = turn.taskOf(turn.cells());
      const session = sessions.get(turn);
      const left = pinnedCpu !== null && session?.moveTo(pinnedCpu) ? await session.work(task) : task.cells;
      await session?.close();
      await workThroughAll(turn.engine, left, settings, hear, turn.taskOf);
    }
  } finally {
    settings.signal.removeEventListener('abort', abort);
    for (const session of sessions.values()) await session.close();
  }
}

/** Does `before`, and one builds meanwhile; without it two do, where there are as many. @throws the first error: it ends the other */
async function prepare(
  building: readonly Preparation[],
  before: Preparation | undefined,
  settings: WorkerSettings,
  either: AbortController,
): Promise<void> {
  const { pinnedCpu, spareCpu } = settings;
  const all = before === undefined ? building : [...building.slice(0, 1), before];
  if (spareCpu === null || all.length < 2) return before?.(settings);
  const works = [pinnedCpu, spareCpu].map((cpu, i) =>
    all[i]?.({ ...settings, pinnedCpu: cpu, signal: either.signal }).catch((error) => either.abort(error)),
  );
  await Promise.all(works);
  either.signal.throwIfAborted();
}
