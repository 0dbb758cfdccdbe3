/** The cells of two runs side by side, refused where one of them lacks what the other has. */
import { check } from '../../errors.js';
import { type CellId, cellKey, isMeasured, processTime, statusText } from '../../results/cell.js';
import type { Cell, Results } from '../../results/schema.js';
import { mean, median } from '../../statistics.js';

/** A results file and how messages call it, e.g. `NEW new.json`. */
export interface NamedResults {
  readonly name: string;
  readonly results: Results;
}

export interface CellPair {
  readonly id: CellId;
  readonly base: Cell;
  readonly new: Cell;
}

/** Each process's value of a cell, in ms. */
export const processValues = ({ processes }: Cell): number[] => processes.map(processTime);

/**
 * New over base of each pair of processes that were timed in turns, a sample each: that of samples of one moment, the mean
 * (of logarithms) of the middle half. A median would be one of the few values that a coarse clock has.
 */
export function pairRatios(base: Cell, next: Cell): number[] {
  return next.processes.flatMap(({ run, samples_ms }) => {
    const other = base.processes.find((process) => process.run === run);
    if (other === undefined) return [];
    const logs = samples_ms.map((ms, i) => Math.log(ms / (other.samples_ms[i] as number)));
    return [Math.exp(middleMean(logs))];
  });
}

/** The mean of the middle half: of values from the first to the third quartile, as far as they are whole. */
function middleMean(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const outside = Math.floor(sorted.length / 4);
  return mean([...sorted.subarray(outside, sorted.length - outside)]);
}

/**
 * Pairs the cells.
 * @throws UserError for an unfinished file, a file without cells, a cell that one file lacks or that was lost, and a
 * summary that is not that of its samples
 */
export function pairCells(base: NamedResults, next: NamedResults): CellPair[] {
  const ofBase = indexCells(base);
  const ofNew = indexCells(next);
  for (const [key] of ofNew) check(ofBase.has(key), `${base.name}: cells: needs ${key} as in ${next.name}, got none`);
  return [...ofBase].map(([key, cell]) => {
    const other = ofNew.get(key);
    check(other !== undefined, `${next.name}: cells: needs ${key} as in ${base.name}, got none`);
    const lost = isMeasured(cell) && !isMeasured(other);
    check(!lost, `${next.name}: cells: ${key}: must be ok as in ${base.name}, got ${statusText(other)}`);
    const { model, phase, n, engine } = cell;
    return { id: { model, phase, n, engine }, base: cell, new: other };
  });
}

function indexCells({ name, results }: NamedResults): Map<string, Cell> {
  check(results.complete, `${name}: complete: must be true, got false; resume the run to complete it`);
  check(results.cells.length > 0, `${name}: cells: must hold at least one, got none`);
  const cells = new Map<string, Cell>();
  for (const cell of results.cells) {
    const key = cellKey(cell);
    check(!cells.has(key), `${name}: cells: every cell once, got ${key} twice`);
    if (isMeasured(cell)) checkMeasured(cell, `${name}: cells: ${key}`);
    cells.set(key, cell);
  }
  return cells;
}

function checkMeasured(cell: Cell, where: string): void {
  check(cell.processes.length > 0, `${where}: processes: must hold at least one, got none`);
  if (cell.summary === null) return;
  const value = median(processValues(cell));
  const given = cell.summary.value_ms;
  const agrees = Math.abs(given / value - 1) < 1e-6;
  check(agrees, `${where}: summary.value_ms: must be the ${cell.summary.estimator}, ${value}, got ${given}`);
}
