/** Runs of the whole benchmark with fake engines. */
import { join } from 'node:path';
import { journalLine, parseJournal } from '../../../src/bench/run/journal.js';
import type { Finding } from '../../../src/bench/run/ledger.js';
import type { Life } from '../../../src/bench/run/process/launch.js';
import { NOT_PINNED, type PinnableCpus } from '../../../src/bench/run/process/pinning.js';
import { type Progress, type RunLabel, type RunSpec, runBenchmark } from '../../../src/bench/run/run.js';
import type { Engine } from '../../../src/engines/engine.js';
import { cellKey } from '../../../src/results/cell.js';
import { parseResults } from '../../../src/results/parse.js';
import type { Results } from '../../../src/results/schema.js';
import { plainLife, SPEC } from '../../support/fake_worker.js';
import { makeResults } from '../../support/make_results.js';
import { temporaryFolder } from '../../support/temporary.js';

const { schema_version, created_at, tool, git, config, config_hash } = makeResults({ A: { 8: [1] } });

/** The head of a file says by which rule processes are added: a journal is read by it. */
const labelOf = ({ runs, precisionPct, maxTimeS }: RunSpec): RunLabel => ({
  ...{ schema_version, created_at, tool, git, config_hash },
  config: { ...config, runs, precision_pct: precisionPct, max_time_s: maxTimeS },
});

export interface Run {
  readonly engine: Engine;
  /** Besides `engine`. */
  readonly others?: readonly Engine[];
  readonly spec?: RunSpec;
  readonly previous?: Results | undefined;
  readonly onProgress?: (progress: Progress, abort: () => void) => void;
  readonly cellTimeoutMs?: number;
  readonly now?: () => number;
  /** None by default. */
  readonly cpus?: PinnableCpus;
  /** By default processes are ended by their number alone. */
  readonly life?: Life;
}

/** A clock that moves whenever it is read. */
function ticks(): () => number {
  let ms = 0;
  return () => (ms += 10);
}

/** Runs the benchmark; what the journal tells is read after every measurement, and the whole at the end. */
export async function run({
  engine,
  others = [],
  spec = SPEC,
  previous,
  onProgress,
  cellTimeoutMs = 60_000,
  now = ticks(),
  cpus = NOT_PINNED,
  life,
}: Run) {
  const saved: Results[] = [];
  const steps: Progress[] = [];
  const abortion = new AbortController();
  let journal = '';
  const host = {
    ...(life ?? plainLife(abortion.signal)),
    cellTimeoutMs,
    startTimeoutMs: 60_000,
    ...cpus,
    temporaryFile: (name: string) => join(temporaryFolder(), name),
    now,
    note(finding: Finding, before: () => Results) {
      const isFirst = finding.type === 'measured' || finding.type === 'failed';
      if (journal === '' && !isFirst) return;
      if (journal === '') journal = journalLine(before());
      journal += journalLine(finding);
      if (finding.type === 'measured') saved.push(parseJournal(journal, 'journal'));
    },
    save: (results: Results) => saved.push(parseResults(JSON.parse(JSON.stringify(results)), 'saved')),
    onProgress(progress: Progress) {
      steps.push(progress);
      onProgress?.(progress, () => abortion.abort());
    },
  };
  const error = await runBenchmark({ ...spec, engines: [engine, ...others] }, labelOf(spec), host, previous).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { error, saved, steps, last: saved.at(-1) as Results };
}

export const runsOf = (file: Results) => file.cells.map(({ processes }) => processes.map(({ run }) => run));
export const statuses = (file: Results) => Object.fromEntries(file.cells.map((cell) => [cellKey(cell), cell.status]));
