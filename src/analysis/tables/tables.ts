/** The tables of an analysis. */
import { integerText, timeText } from '../../report/format.js';
import { NOISY, timesText } from '../../report/sentences.js';
import type { Table } from '../../report/table.js';
import type { Analysis } from '../analysis.js';
import { crossoverTable, growthTable, partsTable, slopesTable, stepsTable, workTable } from './detailed.js';
import { complexityTable, memoryTable, slowdownTable } from './main.js';

/** All tables that the measurements allow, the seed's three first. */
export function buildTables(analysis: Analysis): Table[] {
  const main = [complexityTable, slowdownTable, memoryTable];
  const detailed = [stepsTable, growthTable, workTable, partsTable, slopesTable, crossoverTable];
  const all = [...main, ...detailed].map((build) => build(analysis));
  const tag = analysis.measurements.noisy ? NOISY : '';
  return all.filter(({ rows }) => rows.length > 0).map((table) => ({ ...table, title: table.title + tag }));
}

/** What holds for all tables: what was timed, how it was summarised, what is missing. */
export function preamble(analysis: Analysis): string[] {
  const { measurements, processCounts } = analysis;
  const { kind, meaning, footer } = measurements;
  const notes = [...oneLengthNote(analysis), ...measurements.notes];
  if (kind === 'original') return [`${meaning}.`, ...notes];
  const what = kind === 'csv' ? meaning : `Phase ${meaning}`;
  return [`${what}.`, timesText(processCounts), ...new Set([...footer, ...notes])];
}

/** Of one length alone: which model is the fastest there. */
function oneLengthNote({ models }: Analysis): string[] {
  const lengths = new Set(models.flatMap(({ points }) => points.map(({ n }) => n)));
  const [n] = lengths;
  if (n === undefined || lengths.size > 1) return [];
  const timed = models.flatMap(({ name, points }) => points.map(({ ms }) => ({ name, ms })));
  const [first, second] = timed.toSorted((a, b) => a.ms.value - b.ms.value);
  if (first === undefined) return [];
  const start = `One length, n = ${integerText(n)}, shows no growth`;
  if (second === undefined) return [`${start}: ${first.name} takes ${timeText(first.ms)}.`];
  const close = first.ms.ci !== null && second.ms.ci !== null && second.ms.ci[0] <= first.ms.ci[1];
  const fastest = `${start}. The fastest is ${first.name} with ${timeText(first.ms)}`;
  return [`${fastest}, before ${second.name} with ${timeText(second.ms)}${close ? ': their intervals meet' : ''}.`];
}
