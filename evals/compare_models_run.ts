/** What compare-models does once its flags are read: plan, check, measure, report. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeGit } from '../src/bench/environment.js';
import { parseLengths } from '../src/bench/lengths.js';
import { type RunHost, type RunLabel, type RunSpec, runBenchmark } from '../src/bench/run.js';
import { check } from '../src/errors.js';
import { parseResults, type Results, readJson, writeResults } from '../src/results.js';
import { EXIT, type Streams } from './command_line.js';
import { DEFAULTS, type Flags } from './compare_flags.js';
import { configHash, runConfigOf, specOf } from './compare_plan.js';
import { planText, reportText, warningsOf } from './compare_report.js';
import { prepareOutput } from './output.js';
import { createProgress } from './progress.js';

const PACKAGE_FILE = new URL('../../package.json', import.meta.url);
const WORKER_FILE = fileURLToPath(new URL('./compare_worker.js', import.meta.url));

/** @returns the exit code: 0, 1 when a cell failed, 130 when interrupted */
export async function compareModels(flags: Flags, argv: readonly string[], streams: Streams): Promise<number> {
  const { lengths, note } = parseLengths(flags.seq_lengths);
  if (note !== null) streams.stderr.write(`${note}\n`);
  const spec = specOf(flags, lengths);
  const label = labelOf(flags, spec, lengths, argv);
  const previous = flags.resume === undefined ? undefined : readPrevious(flags.resume, label);
  const goesOn = flags.resume !== undefined && flags.output === DEFAULTS.output;
  const file = goesOn ? resolve(flags.resume as string) : resolve(flags.output_dir, flags.output);
  if (flags.dry_run) {
    streams.stdout.write(planText(spec, file));
    return EXIT.ok;
  }
  prepareOutput(file, previous === undefined);
  const results = await measure(spec, label, file, previous, flags, streams);
  if (results === null) return EXIT.interrupted;
  for (const warning of warningsOf(results)) streams.stderr.write(`warning: ${warning}\n`);
  streams.stdout.write(`${reportText(results)}\nwritten to ${file}\n`);
  return results.cells.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.ok;
}

function labelOf(flags: Flags, spec: RunSpec, lengths: readonly number[], argv: readonly string[]): RunLabel {
  const config = runConfigOf(flags, spec, lengths);
  return {
    schema_version: 1,
    created_at: new Date().toISOString(),
    tool: { name: 'attnscale', version: packageVersion(), argv: [...argv], seed: flags.seed },
    git: describeGit(fileURLToPath(new URL('.', PACKAGE_FILE))),
    node: process.version,
    config,
    config_hash: configHash(config),
  };
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }).version;
}

/** @throws UserError when the file was made by another plan */
function readPrevious(file: string, label: RunLabel): Results {
  const previous = parseResults(readJson(file, '--resume'), `--resume: ${file}`);
  const differs = (Object.keys(label.config) as (keyof Results['config'])[]).find(
    (key) => JSON.stringify(previous.config[key]) !== JSON.stringify(label.config[key]),
  );
  const was = differs && JSON.stringify(previous.config[differs]);
  check(differs === undefined, `--resume: ${file} was made with ${differs} ${was}; give the same flags as then`);
  return previous;
}

/** @returns null when interrupted: what was measured until then is in the file */
async function measure(
  spec: RunSpec,
  label: RunLabel,
  file: string,
  previous: Results | undefined,
  flags: Flags,
  { stderr }: Streams,
): Promise<Results | null> {
  const progress = createProgress(stderr, !flags.no_progress, spec.runs);
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const host: RunHost = {
    workerFile: WORKER_FILE,
    cellTimeoutMs: flags.cell_timeout * 1000,
    signal: interruption.signal,
    now: () => performance.now(),
    save: (results) => writeResults(file, results),
    onProgress: progress.update,
  };
  try {
    return await runBenchmark(spec, label, host, previous);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    progress.stop();
    stderr.write(`interrupted; what was measured is in ${file}, and --resume ${file} with the same flags goes on\n`);
    return null;
  } finally {
    progress.stop();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
