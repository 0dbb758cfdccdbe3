/** From flags of compare-models to pairs of processes, of two checkouts or of two engines. */
import { inPairs } from '../../src/bench/protocol/plan.js';
import { type Both, measurePairs, type Version } from '../../src/bench/run/pairs.js';
import type { Life } from '../../src/bench/run/process/launch.js';
import { NOT_PINNED, pinnableCpus } from '../../src/bench/run/process/pinning.js';
import { workerLimits } from '../../src/bench/run/process/session.js';
import type { RunLabel, RunSpec } from '../../src/bench/run/run.js';
import { countText } from '../../src/report/format.js';
import type { CellId } from '../../src/results/cell.js';
import type { Results } from '../../src/results/schema.js';
import { max } from '../../src/statistics.js';
import type { Flags } from '../compare_models/flags.js';
import { parseLengths } from '../compare_models/lengths.js';
import { runConfigOf, specOf } from '../compare_models/plan.js';
import { createProgress } from '../compare_models/progress.js';
import { readPrompt } from '../compare_models/prompt.js';
import { labelOf, withOwnModels } from '../compare_models/run.js';
import { parseWorkload } from '../compare_models.js';
import type { Streams } from '../shared/command_line.js';
import { openTemporaryFolder } from '../shared/temporary_folder.js';

export interface PairsPlan {
  readonly flags: Flags;
  readonly spec: RunSpec;
  /** @param runs pairs of processes @param checkout whose engines run: this one without */
  labelOf(runs: number, checkout?: string): RunLabel;
}

/** @throws UserError for bad flags */
export async function planPairs(argv: readonly string[], streams: Streams): Promise<PairsPlan> {
  const flags = await withOwnModels(await parseWorkload(argv, streams));
  const { lengths } = parseLengths(flags.seq_lengths);
  const prompt = flags.prompt === undefined ? null : readPrompt(flags.prompt, max(lengths));
  const spec = specOf(flags, lengths, prompt);
  const rules = inPairs(spec.rules);
  const configOf = (runs: number) => ({ ...runConfigOf(flags, runs, lengths, [], prompt), rounds: rules.rounds });
  return {
    flags,
    spec: { ...spec, rules },
    labelOf: (runs, checkout) => labelOf(flags, configOf(runs), argv, checkout),
  };
}

/** What of a plan is measured, and how often. */
export interface PairsTask {
  readonly cells: readonly CellId[];
  /** Numbers of the pairs: others have other orders. */
  readonly runs: readonly number[];
  readonly seed: number;
  readonly versions: Both<Version>;
}

/** Measures cells in pairs of processes. @throws as `measurePairs` */
export async function timePairs(
  { flags, spec }: PairsPlan,
  { versions, ...task }: PairsTask,
  life: Life,
  { stderr }: Streams,
): Promise<Both<Results>> {
  using folder = openTemporaryFolder();
  const cpus = flags.no_pin ? NOT_PINNED : pinnableCpus(flags.threads);
  const pairs = countText(task.runs.length, 'pair');
  stderr.write(`measuring: ${pairs} of processes, ${countText(task.cells.length, 'cell')}\n`);
  const progress = createProgress(stderr, true);
  try {
    return await measurePairs({ ...spec, ...task }, versions, {
      ...{ ...life, ...workerLimits(flags.cell_timeout), ...cpus },
      now: () => performance.now(),
      temporaryFile: folder.file,
      onProgress: progress.update,
    });
  } finally {
    progress.stop();
  }
}
