/** Bare runs for the gate: process values without the summaries that it does not read. */
import type { Measure } from '../../../src/bench/gate/gate.js';
import type { CellPair } from '../../../src/bench/gate/paired_cells.js';
import type { ProcessSet } from '../../../src/bench/gate/timed.js';
import { type CellId, cellKey } from '../../../src/results/cell.js';
import type { Cell, Results } from '../../../src/results/schema.js';
import { makeCell, makeResults } from '../../support/make_results.js';

const TEMPLATE = makeResults({ Linear: { 64: [1] } });

export const suiteCells = (count: number): CellId[] =>
  Array.from({ length: count }, (_, i) => ({ model: 'Linear', phase: 'decode', n: 2 ** (i + 4), engine: 'wasm' }));

/** Processes of two sides, each measured by itself. */
export const apart = (base: readonly number[], next: readonly number[]): ProcessSet => ({
  ...{ base, new: next, ratios: null },
});

/** A measured cell with these process values, in ms. */
export function bareCell(id: CellId, values: readonly number[]): Cell {
  const [template] = makeCell(id.model, id.phase, id.n, [1]).processes;
  const processes = values.map((ms, run) => ({ ...template!, run, samples_ms: [ms] }));
  return { ...makeCell(id.model, id.phase, id.n, [1]), processes, summary: null };
}

/** A run whose cell i has the process values `columns[i]`. */
export function bareRun(cells: readonly CellId[], columns: readonly (readonly number[])[]): Results {
  return { ...TEMPLATE, cells: cells.map((id, i) => bareCell(id, columns[i]!)) };
}

export function pairsOf(base: Results, next: Results): CellPair[] {
  return base.cells.map((cell, i) => {
    const { model, phase, n, engine } = cell;
    return { id: { model, phase, n, engine }, base: cell, new: next.cells[i]! };
  });
}

/** A fake of measuring again: the next of the given runs each time; what was asked for is noted. */
export function fakeMeasure(runs: readonly { base: Results | null; new: Results }[]): Measure & { asked: string[][] } {
  const asked: string[][] = [];
  const measure: Measure = async (cells, count) => {
    asked.push([...cells.map(cellKey), `${count} runs`]);
    const run = runs[asked.length - 1];
    if (run === undefined) throw new Error('measured more often than expected');
    return run;
  };
  return Object.assign(measure, { asked });
}
