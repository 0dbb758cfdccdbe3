/** What a worker is asked for to measure a cell, and whether its clock is to be believed. */
import { type CellId, cellKey } from '../../results/cell.js';
import type { ProcessRun } from '../../results/schema.js';
import type { ReplyOf } from '../protocol/messages.js';
import {
  decodeSteps,
  inRound,
  type SamplingRules,
  singleSteps,
  takesOneRound,
  type Workload,
  workOf,
} from '../protocol/plan.js';
import { Failure } from './process/connection.js';
import type { Worker } from './process/session.js';
import { type Clock, type Samples, type Timed, takeSamples, type Warm, warmUp } from './sampling.js';

/** How long something took, in ms, by the worker's clock and by ours. */
interface Timing {
  readonly inside: number;
  readonly outside: number;
}

/** Our clock and theirs may differ so much; more is not noise. */
const TOLERANCE = { share: 0.01, ms: 1 };
/** A message may take as long as a shorter run. */
const LONG_MS = 100;
/** On a busy machine each of a few messages may take longer than the run: so many more calls are made to see it. */
const MORE_CALLS = 10;

/** Cells that build the graphs of all: a decode cell begins with a prefill, and a generate is no more than those two. */
export function toBuild(cells: readonly CellId[]): CellId[] {
  const decodes = new Set(cells.filter(({ phase }) => phase === 'decode').map(cellKey));
  const isCovered = (cell: CellId): boolean =>
    (cell.phase === 'prefill' || cell.phase === 'generate') && decodes.has(cellKey({ ...cell, phase: 'decode' }));
  return cells.filter((cell) => !isCovered(cell));
}

/** Has a cell's graphs built, which stay with the process. @returns how long that took, in ms @throws as `measureCell` */
export async function buildCell(worker: Worker, cell: CellId, workload: Workload, now: Clock): Promise<number> {
  const start = now();
  await prepare(worker, cell, workload);
  await worker.ask('release', {});
  return now() - start;
}

/** What is measured of a cell in a process. */
export type Measured = Omit<ProcessRun, 'run' | 'order'>;

/** @throws Failure when the worker cannot, or its times cannot be believed @throws Lost when it is gone */
export async function measureCell(
  worker: Worker,
  cell: CellId,
  workload: Workload,
  rules: SamplingRules,
  now: Clock,
): Promise<Measured> {
  const [measured] = await measureInTurns([worker], cell, workload, rules, now);
  return measured as Measured;
}

/**
 * What measures the cells of a process in rounds: called once a round, it returns what is known of a cell by then.
 * @throws as `measureCell`
 */
export function createRounds(
  workload: Workload,
  rules: SamplingRules,
  now: Clock,
): (worker: Worker, cell: CellId) => Promise<Measured> {
  type Known = { readonly warm: Warm; readonly measured: Measured; readonly isWhole: boolean };
  const cells = new Map<string, Known>();
  const measure = async (worker: Worker, cell: CellId, before: Known | undefined): Promise<Known> => {
    const subject = await createSubject(worker, cell, workload, now);
    return releasedAfter([subject], async () => {
      // Graphs are not built again in later rounds; those of an engine that does build them again count.
      const isWhole = takesOneRound(rules, subject.readyMs - (before ? 0 : subject.compileMs));
      const [warm] = before ? [before.warm] : await warmUp([subject.run], rules);
      const [samples] = await takeSamples([subject.run], [warm as Warm], isWhole ? rules : inRound(rules));
      const measured = await subject.finish(samples as Samples, before?.measured);
      return { warm: warm as Warm, measured, isWhole };
    });
  };
  return async (worker, cell) => {
    const before = cells.get(cellKey(cell));
    if (before?.isWhole) return before.measured;
    const known = await measure(worker, cell, before);
    cells.set(cellKey(cell), known);
    return known.measured;
  };
}

/**
 * Measures a cell in several workers, which take turns, a sample each.
 * @param onTurn hears whose turn it is: of what is thrown, the last one is the cause
 * @returns what each measured @throws as `measureCell`
 */
export async function measureInTurns(
  workers: readonly Worker[],
  cell: CellId,
  workload: Workload,
  rules: SamplingRules,
  now: Clock,
  onTurn: (worker: number) => void = () => undefined,
): Promise<Measured[]> {
  const subjects: Subject[] = [];
  return releasedAfter(subjects, async () => {
    for (const [i, worker] of workers.entries()) {
      onTurn(i);
      subjects.push(await createSubject(worker, cell, workload, now));
    }
    const timed = subjects.map(
      ({ run }, i): Timed =>
        (repeats) => {
          onTurn(i);
          return run(repeats);
        },
    );
    const measured: Measured[] = [];
    for (const [i, samples] of (await takeSamples(timed, await warmUp(timed, rules), rules)).entries()) {
      onTurn(i);
      measured.push(await (subjects[i] as Subject).finish(samples));
    }
    return measured;
  });
}

/** Does work with cells that are held; where it fails they are freed, unless that is done. */
async function releasedAfter<T>(subjects: readonly Subject[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) await Promise.all(subjects.map(({ release }) => release()));
    throw error;
  }
}

/** A cell that a worker holds ready to be timed. */
interface Subject {
  readonly run: Timed;
  /** How long that took, its graphs among it. */
  readonly readyMs: number;
  readonly compileMs: number;
  /**
   * Takes what is not sampled, and frees the cell.
   * @param before what was measured of it before, in the same process @returns both
   * @throws Failure when its times cannot be believed
   */
  finish(samples: Samples, before?: Measured): Promise<Measured>;
  /** Frees the cell, unless that is done. */
  release(): Promise<unknown>;
}

async function createSubject(worker: Worker, cell: CellId, workload: Workload, now: Clock): Promise<Subject> {
  const start = now();
  const { compile_ms, steps, single } = await prepare(worker, cell, workload);
  const readyMs = now() - start;
  const timings: Timing[] = [];
  const timed = async <T>(asked: () => Promise<T>, insideOf: (reply: T) => number): Promise<T> => {
    const start = now();
    const reply = await asked();
    timings.push({ inside: insideOf(reply), outside: now() - start });
    return reply;
  };
  const run = async (repeats: number): Promise<number> => {
    const { ms } = await timed(
      () => worker.ask('run', { repeats }),
      (reply) => reply.ms,
    );
    return ms;
  };
  const singleStepsMs = async (count: number): Promise<number[]> => {
    const { ms } = await timed(
      () => worker.ask('steps', { count }),
      (reply) => reply.ms.reduce((sum, one) => sum + one, 0),
    );
    if (ms.length !== count) throw new Failure(`steps: must be ${count} times, got ${ms.length}`);
    return ms;
  };
  let released: Promise<ReplyOf<'release'>> | null = null;
  const release = (): Promise<ReplyOf<'release'>> => (released ??= worker.ask('release', {}));
  const perCall = steps ?? 1;
  return {
    ...{ run, release, readyMs, compileMs: compile_ms },
    async finish({ warmupMs, samplesMs, repeats }, before) {
      for (let more = 0; more < MORE_CALLS && longAndLeftOut(timings); more++) await run(repeats);
      const stepsMs = single === null || before ? null : await singleStepsMs(single);
      const { peak_rss_bytes, leaked_tensors } = await release();
      checkClock(timings, [...samplesMs, ...(stepsMs ?? [])]);
      const samples_ms = samplesMs.map((ms) => ms / perCall);
      const first = {
        warmup_ms: warmupMs.map((ms) => ms / perCall),
        compile_ms,
        ...{ samples_ms, steps, steps_ms: stepsMs, batch: repeats * perCall, peak_rss_bytes, leaked_tensors },
      };
      if (before === undefined) return first;
      return {
        ...before,
        samples_ms: [...before.samples_ms, ...samples_ms],
        peak_rss_bytes,
        leaked_tensors: leaked_tensors === null ? null : leaked_tensors + (before.leaked_tensors ?? 0),
      };
    },
  };
}

/** @returns beside the time to build it, the steps of a call of decode, and how many single steps are to be timed */
async function prepare(worker: Worker, cell: CellId, workload: Workload) {
  const { period } = await worker.load(cell.model);
  const isDecode = cell.phase === 'decode';
  const steps = isDecode ? decodeSteps(period) : null;
  const { compile_ms } = await worker.ask('prepare', { ...workOf(cell, workload), steps });
  return { compile_ms, steps, single: isDecode ? singleSteps(period) : null };
}

/** @throws Failure saying what cannot be */
export function checkClock(timings: readonly Timing[], kept: readonly number[]): void {
  if (kept.includes(0)) throw new Failure('its clock must tell how long a run took, got 0 ms');
  const ahead = timings.find(({ inside, outside }) => inside > (1 + TOLERANCE.share) * outside + TOLERANCE.ms);
  if (ahead) throw new Failure(`its clock must not run ahead of ours, got ${textOf(ahead)}`);
  const long = longAndLeftOut(timings);
  if (long) throw new Failure(`its clock must count all of what it does, got ${textOf(long)}`);
}

/** A long call, where less than half of each call was counted. */
const longAndLeftOut = (timings: readonly Timing[]): Timing | undefined =>
  timings.every(({ inside, outside }) => 2 * inside < outside)
    ? timings.find(({ outside }) => outside >= LONG_MS)
    : undefined;

const textOf = ({ inside, outside }: Timing): string =>
  `${Number(inside.toPrecision(3))} ms for what took ${Number(outside.toPrecision(3))} ms`;
