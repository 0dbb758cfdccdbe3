/** What compare-models does once its flags are read: plan, check, measure, report. */

import { dirname, join, resolve } from 'node:path';
import { EXIT } from '#scripts/ending.mjs';
import { describeGit } from '../../src/bench/run/environment.js';
import { NOT_PINNED, pinnableCpus } from '../../src/bench/run/process/pinning.js';
import { type WorkerHost, workerLimits } from '../../src/bench/run/process/session.js';
import { type RunHost, type RunLabel, type RunSpec, runBenchmark } from '../../src/bench/run/run.js';
import { changesResults } from '../../src/models/registry.js';
import { isMeasured } from '../../src/results/cell.js';
import { configHash } from '../../src/results/config_hash.js';
import { lostCells } from '../../src/results/facts.js';
import type { Results } from '../../src/results/schema.js';
import { SCHEMA_VERSION } from '../../src/results/words.js';
import { max } from '../../src/statistics.js';
import type { Streams } from '../shared/command_line.js';
import { addOwnModels } from '../shared/engines/own_models.js';
import { prepareExports, writeExports } from '../shared/export_files.js';
import { EXPORT_FORMATS, parseFormats } from '../shared/formats.js';
import { interruptible } from '../shared/interruption.js';
import { lockFile } from '../shared/lock_file.js';
import { createOutputWriter, outputFile, prepareOutput } from '../shared/output.js';
import { packageFolder, packageVersion } from '../shared/package_folder.js';
import { shellLine } from '../shared/shell.js';
import { openTemporaryFolder } from '../shared/temporary_folder.js';
import { type AddedLengths, addLengths } from './added_lengths.js';
import { engineNotes } from './engines.js';
import { estimateMs } from './estimate.js';
import { exportResults } from './exports.js';
import { DEFAULTS, type Flags } from './flags.js';
import { parseLengths } from './lengths.js';
import { runConfigOf, specOf } from './plan.js';
import { createProgress, type ProgressView } from './progress.js';
import { readPrompt } from './prompt.js';
import { planText, reportText, threadsWarning, warningsOf } from './report.js';
import { createResultsWriter, type ResultsWriter } from './results_writer.js';
import { addedIn, isFinished, readPrevious } from './resume.js';

const now = (): number => performance.now();

/** Exports are called comparison.csv and so on. */
const EXPORT_NAME = 'comparison';

/** @returns the exit code: 0, 1 when a cell that was asked for was not measured; @throws Interrupted: what was measured until then is written */
export async function compareModels(given: Flags, argv: readonly string[], streams: Streams): Promise<number> {
  const flags = await withOwnModels(given);
  const { lengths, note } = parseLengths(flags.seq_lengths);
  const longer = longerLengths(flags, lengths);
  const all = [...lengths, ...longer.added];
  const prompt = flags.prompt === undefined ? null : readPrompt(flags.prompt, max(all));
  const spec = specOf(flags, all, prompt);
  const label = labelOf(flags, runConfigOf(flags, spec.runs, lengths, longer.added, prompt), argv);
  const cpus = flags.no_pin ? NOT_PINNED : pinnableCpus(flags.threads);
  const { pinnedCpu } = cpus;
  const file = fileOf(flags);
  const formats = flags.export === undefined ? [] : parseFormats(flags.export, EXPORT_FORMATS);
  if (!flags.dry_run) {
    prepareOutput(file);
    prepareExports(dirname(file), EXPORT_NAME, formats);
  }
  using _lock = flags.dry_run ? null : lockFile(file);
  const previous = flags.resume === undefined ? undefined : readPrevious(flags.resume, label, spec, pinnedCpu);
  for (const text of [note, longer.note, ...engineNotes(flags), threadsWarning(flags.threads)]) {
    if (text !== null) streams.stderr.write(`${text}\n`);
  }
  if (flags.dry_run) {
    streams.stdout.write(planText(spec, longer.added, pinnedCpu, file));
    return EXIT.ok;
  }
  const finish = async (results: Results, where: string): Promise<number> => {
    const exports = createOutputWriter(streams);
    writeExports(dirname(file), EXPORT_NAME, formats, (format) => exportResults(results, format), exports);
    const code = exports.exitCode(report(results, where, streams));
    if ((flags.analyze || flags.report) && canAnalyze(results)) await analyze(file, flags, streams);
    return code;
  };
  if (previous && isFinished(previous, label.config, spec)) {
    return finish(previous, `nothing left to measure in ${file}`);
  }
  const writer = createResultsWriter(file, flags.resume !== undefined && resolve(flags.resume) === file, now);
  const results = await interruptible(
    () => leftText(writer.written(), file),
    (life) => {
      const processes = { ...life, ...workerLimits(flags.cell_timeout), ...cpus };
      const progress = createProgress(streams.stderr, !flags.no_progress);
      return measure(spec, label, previous, processes, writer, progress);
    },
  );
  return finish(results, `written to ${writer.written()}`);
}

/** With the models of one's own as rows, unless --models says them all. */
export async function withOwnModels(flags: Flags): Promise<Flags> {
  const names = await addOwnModels(flags.model);
  return flags.models === DEFAULTS.models ? { ...flags, models: [...flags.models, ...names] } : flags;
}

/** Those that a run adds to what was asked for; those of the file that a run goes on with. */
function longerLengths(flags: Flags, lengths: readonly number[]): AddedLengths {
  const { resume, max_time, exact_lengths } = flags;
  if (resume !== undefined) return { added: addedIn(resume), note: null };
  const timeOf = (all: readonly number[]): number => estimateMs(specOf(flags, all, null));
  return addLengths(lengths, exact_lengths === true ? 0 : 1000 * max_time, timeOf);
}

/** @param checkout whose engines run */
export function labelOf(
  flags: Flags,
  config: Results['config'],
  argv: readonly string[],
  checkout = packageFolder(),
): RunLabel {
  return {
    schema_version: SCHEMA_VERSION,
    created_at: new Date().toISOString(),
    tool: { name: 'attnscale', version: packageVersion(), node: process.version, argv: [...argv], seed: flags.seed },
    git: describeGit(checkout),
    config,
    config_hash: configHash(config, changesResults),
  };
}

/** Without --output a resumed file is gone on with in its place. */
function fileOf({ resume, output, output_dir }: Flags): string {
  const inPlace = resume !== undefined && output === DEFAULTS.output;
  return inPlace ? resolve(resume) : outputFile(output_dir, output);
}

/** Whether anything was measured of the phase that analyze-results takes by default. */
const canAnalyze = ({ cells }: Results): boolean => cells.some((cell) => cell.phase === 'generate' && isMeasured(cell));

async function analyze(file: string, { report: html }: Flags, streams: Streams): Promise<void> {
  const { analyzeResults } = await import('../analyze_results/run.js');
  streams.stdout.write('\n');
  await analyzeResults({ results_file: file, output_dir: dirname(file), ...(html && { html }) }, [], streams);
}

function report(results: Results, where: string, { stdout, stderr }: Streams): number {
  for (const warning of warningsOf(results)) stderr.write(`warning: ${warning}\n`);
  stdout.write(`${reportText(results, stdout.columns)}\n\n${where}\n`);
  return lostCells(results).length === 0 ? EXIT.ok : EXIT.failed;
}

async function measure(
  spec: RunSpec,
  label: RunLabel,
  previous: Results | undefined,
  processes: WorkerHost,
  writer: ResultsWriter,
  progress: ProgressView,
): Promise<Results> {
  using folder = openTemporaryFolder();
  const { note, save } = writer;
  const host: RunHost = { ...processes, now, temporaryFile: folder.file, note, save, onProgress: progress.update };
  try {
    return await runBenchmark(spec, label, host, previous);
  } catch (error) {
    writer.breakOff();
    throw error;
  } finally {
    progress.stop();
  }
}

/** What is left of a run that was interrupted. */
const leftText = (written: string | null, file: string): string =>
  written === null ? 'nothing was measured yet' : `what was measured is in ${written}; to go on: ${goOnCommand(file)}`;

const goOnCommand = (file: string): string =>
  shellLine(['node', join(packageFolder(), 'bin', 'compare_models.js'), '--resume', file]);
