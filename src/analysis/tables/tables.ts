/** The tables of an analysis. */
import { NOISY, timesText } from '../../report/sentences.js';
import type { Table } from '../../report/table.js';
import type { Analysis } from '../analysis.js';
import { crossoverTable, growthTable, partsTable, slopesTable, stepsTable, workTable } from './detailed.js';
import { complexityTable, fastestTable, memoryTable, slowdownTable } from './main.js';

/** All tables that the measurements allow, the seed's three first. */
export function buildTables(analysis: Analysis): Table[] {
  const main = [complexityTable, slowdownTable, memoryTable];
  const detailed = [fastestTable, stepsTable, growthTable, workTable, partsTable, slopesTable, crossoverTable];
  const all = [...main, ...detailed].map((build) => build(analysis));
  const tag = analysis.measurements.noisy ? NOISY : '';
  return all.filter(({ rows }) => rows.length > 0).map((table) => ({ ...table, title: table.title + tag }));
}

/** What holds for all tables: what was timed, how it was summarised, what is missing. */
export function preamble(analysis: Analysis): string[] {
  const { measurements, processCounts } = analysis;
  const { kind, meaning, footer, notes } = measurements;
  if (kind === 'original') return [`${meaning}.`, ...notes];
  const what = kind === 'csv' ? meaning : `Phase ${meaning}`;
  return [`${what}.`, timesText(processCounts), ...new Set([...footer, ...notes])];
}
