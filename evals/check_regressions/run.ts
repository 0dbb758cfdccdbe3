/** What check-regressions does once its flags are read: read or measure two runs, judge, print, export. */

import { existsSync } from 'node:fs';
import { EXIT } from '#scripts/ending.mjs';
import { type Calibration, checkCalibration, parseCalibration } from '../../src/bench/gate/calibration.js';
import { type GateOptions, type Measure, runGate } from '../../src/bench/gate/gate.js';
import { type CellMargin, checkCellMargins, marginRule, parseCellMargins } from '../../src/bench/gate/margins.js';
import type { NamedResults } from '../../src/bench/gate/paired_cells.js';
import { type GateReport, outcomeOf } from '../../src/bench/gate/verdicts.js';
import type { Life } from '../../src/bench/run/process/launch.js';
import { check } from '../../src/errors.js';
import { changesResults } from '../../src/models/registry.js';
import { shapeText } from '../../src/report/format.js';
import { toTerminal } from '../../src/report/terminal.js';
import { readJson } from '../../src/results/json.js';
import { parseCurrent } from '../../src/results/parse.js';
import type { Results } from '../../src/results/schema.js';
import { boldOn } from '../shared/bold.js';
import type { Streams } from '../shared/command_line.js';
import { prepareExports, writeExports } from '../shared/export_files.js';
import { EXPORT_FORMATS, type ExportFormat, parseFormats } from '../shared/formats.js';
import { interruptible } from '../shared/interruption.js';
import { createOutputWriter } from '../shared/output.js';
import { readResultsJson } from '../shared/read_results.js';
import { compareCheckouts } from './checkouts.js';
import { seriesExponents } from './exponents.js';
import { exportGate } from './exports.js';
import type { GateFlags } from './flags.js';
import { openLaboratory } from './laboratory.js';
import { gateRemedies, gateSummary, gateTables } from './tables.js';

/** @returns the exit code of docs/gate.md; @throws Interrupted while it measures */
export async function checkRegressions(
  flags: GateFlags,
  positional: readonly string[],
  streams: Streams,
): Promise<number> {
  const asked = readQuestion(flags, positional);
  if (!flags.ab && !flags.confirm) return judge(asked, flags, readRuns(asked), streams);
  return interruptible(
    () => 'there is no verdict',
    async (life) => {
      if (flags.ab) return judge(asked, flags, await measureRuns(asked, flags, life, streams), streams);
      using laboratory = openLaboratory(streams, life, flags);
      const runs = readRuns(asked);
      return await judge(asked, flags, { ...runs, measure: laboratory.measureHere(runs.next.results) }, streams);
    },
  );
}

/** What is to be judged, and by which margins. */
interface Question {
  readonly base: string;
  readonly next: string;
  /** Of compare-models. */
  readonly workload: readonly string[];
  readonly cellMargins: readonly CellMargin[];
  readonly calibration: Calibration | null;
  readonly formats: readonly ExportFormat[];
}

function readQuestion(flags: GateFlags, positional: readonly string[]): Question {
  const [base, next, ...workload] = positional;
  check(
    base !== undefined && next !== undefined,
    `check-regressions: needs BASE and NEW, got ${positional.length} of 2`,
  );
  check(flags.ab || workload.length === 0, `check-regressions: needs 2 files, got ${positional.length}`);
  check(!(flags.ab && flags.confirm), '--confirm: is part of --ab already, got both');
  check(
    !flags.ab || flags.process_timeout === undefined,
    `--process_timeout: is for --confirm; with --ab each cell has its --cell_timeout, got ${flags.process_timeout}`,
  );
  const cellMargins = parseCellMargins(flags.cell_margin, CELL_MARGIN);
  const calibration = flags.calibration === undefined ? null : readCalibration(flags.calibration);
  const formats = flags.export === undefined ? [] : parseFormats(flags.export, EXPORT_FORMATS);
  prepareExports(flags.output_dir, 'regressions', formats);
  return { base, next, workload, cellMargins, calibration, formats };
}

/** The runs to judge, and what measures some of it again. */
interface Runs {
  readonly base: NamedResults;
  readonly next: NamedResults;
  readonly measure: Measure | null;
}

async function measureRuns(asked: Question, flags: GateFlags, life: Life, streams: Streams): Promise<Runs> {
  const { base, next, workload, cellMargins } = asked;
  const { cells, measure } = await compareCheckouts({ base, new: next }, workload, flags.seed, life, streams);
  checkCellMargins(cellMargins, cells, CELL_MARGIN);
  const first = await measure(flags.runs);
  return {
    base: { name: `BASE ${base}`, results: first.base },
    next: { name: `NEW ${next}`, results: first.new },
    measure: (open, further) => measure(further, open),
  };
}

async function judge(
  { cellMargins, calibration, formats }: Question,
  flags: GateFlags,
  { base, next, measure }: Runs,
  streams: Streams,
): Promise<number> {
  checkCellMargins(cellMargins, next.results.cells, CELL_MARGIN);
  if (calibration !== null) checkCalibration(calibration, next.results, `--calibration: ${flags.calibration}`);
  const options: GateOptions = {
    marginOf: marginRule(cellMargins, flags.margin, calibration),
    advisory: flags.advisory,
    countedOnly: flags.counted_only,
    source: flags.ab ? 'pairs' : 'stored',
    measure,
    sets: flags.sets,
    changesResults,
    exponents: flags.counted_only ? NO_EXPONENTS : exponentsOf(base, next),
  };
  const report = await runGate(base, next, options);
  const remedies = gateRemedies(report, flags.ab ? 'in pairs' : measure === null ? 'stored' : 'confirmed');
  const writer = createOutputWriter(streams);
  const textOf = (format: ExportFormat): string => exportGate(report, next.results, format, remedies);
  writeExports(flags.output_dir, 'regressions', formats, textOf, writer);
  print(report, next.results, remedies, streams);
  return writer.exitCode(EXIT_OF[outcomeOf(report)]);
}

const EXIT_OF = { pass: EXIT.ok, regressed: EXIT.failed, 'cannot tell': EXIT.cannotTell } as const;

const CELL_MARGIN = '--cell_margin';
const NO_EXPONENTS = { base: [], new: [] };

const exponentsOf = (base: NamedResults, next: NamedResults): GateOptions['exponents'] => ({
  base: seriesExponents(base.results),
  new: seriesExponents(next.results),
});

function readRuns({ base: basePath, next: newPath }: Question): Runs {
  const read = (name: string, path: string): NamedResults => {
    const where = `${name} ${path}`;
    return { name: where, results: parseCurrent(readResultsJson(path, name), where) };
  };
  return { base: read('BASE', basePath), next: read('NEW', newPath), measure: null };
}

function readCalibration(path: string): Calibration {
  check(existsSync(path), `--calibration: needs a file that calibrate wrote, got ${path}`);
  return parseCalibration(readJson(path, '--calibration'), `--calibration: ${path}`);
}

function print(
  report: GateReport,
  { config }: Results,
  remedies: readonly string[],
  { stdout, stderr }: Streams,
): void {
  for (const { field, base, new: next } of report.differences) {
    stderr.write(`${report.advisory ? 'warning' : 'not comparable'}: ${field}: ${base} -> ${next}\n`);
  }
  const tables = gateTables(report);
  if (tables.length > 0)
    stdout.write(`${toTerminal(tables, boldOn(stdout), stdout.columns)}\n\nModels: ${shapeText(config)}.\n`);
  stdout.write(`${[...remedies, gateSummary(report)].join('\n')}\n`);
}
