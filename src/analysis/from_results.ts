/** Results files of compare-models as measurements: the cells of one phase. */

import { group } from 'd3-array';
import { check } from '../errors.js';
import { countText, shapeText, tokensText } from '../report/format.js';
import { orderText, paceText } from '../report/sentences.js';
import { isMeasured, processTime, rowNames, statusText } from '../results/cell.js';
import { orderOf } from '../results/drift.js';
import { settingOf } from '../results/facts.js';
import type { Cell, EngineEntry, Results } from '../results/schema.js';
import type { Phase } from '../results/words.js';
import { max } from '../statistics.js';
import { type MeasuredPoint, type Measurements, missingNotes } from './measurements.js';

/** The measured cells of a phase. @throws UserError when there is none, naming the phases that have some */
export function fromResults(results: Results, where: string, phase: Phase): Measurements {
  const cells = results.cells.filter((cell) => cell.phase === phase);
  const measured = cells.filter((cell) => isMeasured(cell) && cell.processes.length > 0);
  const phases = [...new Set(results.cells.filter(isMeasured).map(({ phase }) => phase))];
  const found = phases.length === 0 ? 'no measured cell at all' : `only ${phases.join(', ')}`;
  check(measured.length > 0, `${where}: no measured cell of phase ${phase}; the file has ${found}`);
  const nameOf = rowNames(measured);
  const runs = [...new Set(measured.flatMap((cell) => cell.processes.map(({ run }) => run)))].sort((a, b) => a - b);
  const series = [...group(measured, nameOf)].map(([name, own]) => {
    const { model, engine } = own[0] as Cell;
    return {
      name,
      model,
      engine,
      points: own.toSorted((a, b) => a.n - b.n).map((cell) => toPoint(cell, runs, results)),
    };
  });
  // Of cells that were tried and failed, cellNotes says why; missing are those that were never tried.
  const known = series.map(({ name }) => ({
    name,
    lengths: cells.filter((cell) => nameOf(cell) === name).map(({ n }) => n),
  }));
  const tokens = results.config.n_tokens;
  return {
    kind: 'attnscale',
    phase,
    meaning: MEANINGS[phase](tokens),
    rateTitle: RATE_TITLES[phase],
    series,
    noisy: results.machine.noisy,
    seed: results.tool.seed,
    machine: [paceText(results.machine), orderText(orderOf(results.cells))],
    notes: [
      ...partialNote(results),
      ...addedNote(results),
      ...cellNotes(cells, nameOf),
      ...uncomparedNotes(results, measured, nameOf),
      ...missingNotes(known),
    ],
    run: runOf(results, phase),
    footer: [...addedNote(results), ...footerOf(results)],
  };
}

const MEANINGS: Readonly<Record<Phase, (tokens: number) => string>> = {
  prefill: () => 'prefill: n tokens in parallel',
  decode: () => 'decode: one token at depth n',
  generate: (tokens) => `generate: prefill of n tokens, then ${countText(tokens, 'step')}`,
  recompute: (tokens) => `recompute: the whole sequence again for each of ${tokens} tokens`,
};

const RATE_TITLES: Readonly<Record<Phase, string>> = {
  prefill: 'prompt tokens per second',
  decode: 'decoded tokens per second',
  generate: 'emitted tokens per second (time includes the prompt)',
  recompute: 'emitted tokens per second',
};

function toPoint(cell: Cell, runs: readonly number[], results: Results): MeasuredPoint {
  const ofRun = new Map(cell.processes.map((process) => [process.run, processTime(process)]));
  const batch = results.config.batch_size;
  const peakRss = cell.processes.flatMap(({ peak_rss_bytes }) => peak_rss_bytes ?? []);
  return {
    n: cell.n,
    added: results.config.added_lengths?.includes(cell.n) ?? false,
    processMs: runs.map((run) => ofRun.get(run) ?? null),
    tokens: batch * (cell.phase === 'prefill' ? cell.n : cell.n_tokens),
    steps: stepsOf(cell),
    flops: cell.counted?.flops ?? null,
    memory: {
      parameters: results.models.find(({ name }) => name === cell.model)?.param_bytes ?? null,
      state: cell.counted?.state_bytes ?? null,
      peakActivation: cell.counted?.peak_activation_bytes ?? null,
      peakRss: peakRss.length === 0 ? null : max(peakRss),
      parametersAndIds: null,
    },
  };
}

function stepsOf({ summary }: Cell): MeasuredPoint['steps'] {
  if (summary === null || summary.step_p50_ms === null || summary.step_max_ms === null) return null;
  return { medianMs: summary.step_p50_ms, largestMs: summary.step_max_ms };
}

function partialNote({ complete }: Results): string[] {
  return complete ? [] : ['The run was not finished: the file is partial; resume the run to complete it.'];
}

/** Said in tables and pictures: these lengths were not asked for. */
function addedNote({ config: { added_lengths: added = [], seq_lengths: asked } }: Results): string[] {
  if (added.length === 0) return [];
  return [`${tokensText(added)} (hollow symbols) were added to the ${asked.length} lengths asked for, for the fits.`];
}

function cellNotes(cells: readonly Cell[], nameOf: (cell: Cell) => string): string[] {
  return cells
    .filter((cell) => !isMeasured(cell) || cell.processes.length === 0)
    .map((cell) => `${nameOf(cell)} at n = ${cell.n} is left out: ${statusText(cell)}.`);
}

/** Peers that may compute something else. */
function uncomparedNotes({ comparisons }: Results, cells: readonly Cell[], nameOf: (cell: Cell) => string): string[] {
  const isUncompared = ({ model, engine }: Cell): boolean =>
    comparisons.some((one) => one.model === model && one.engine === engine && one.relative_error === null);
  const names = [...new Set(cells.filter(isUncompared).map(nameOf))];
  return names.length === 0 ? [] : [`Results were not compared with ours: ${names.join(', ')}.`];
}

function runOf(results: Results, phase: Phase): NonNullable<Measurements['run']> {
  const { config, git } = results;
  return { phase, n_tokens: config.n_tokens, ...settingOf(results), commit: git?.commit ?? null };
}

/** `tensorflow (tfjs 4.22.0, tensorflow 2.15.1)` */
function engineText({ id, versions }: EngineEntry): string {
  const known = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return known.length === 0 ? id : `${id} (${known.join(', ')})`;
}

function footerOf(results: Results): string[] {
  const { machine, engines, config, tool, git } = results;
  const commit = git === null ? 'no commit' : `commit ${git.commit.slice(0, 10)}${git.dirty ? ' + changes' : ''}`;
  const noise = machine.noisy ? ' · NOISY MACHINE' : '';
  return [
    `Models: ${shapeText(config)}.`,
    `${machine.cpu_model}, ${countText(machine.threads, 'thread')} on ${countText(machine.cores, 'core')}, ${machine.os} ${machine.arch}${noise}`,
    `${engines.map(engineText).join('; ')}; node ${tool.node} · attnscale ${tool.version}, ${commit} · ${results.created_at.slice(0, 10)}`,
  ];
}
