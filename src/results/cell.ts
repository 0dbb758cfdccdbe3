/** A cell: what it is called, and what its processes come to. */
import type { z } from 'zod';
import { min } from '../statistics.js';
import type { Cell, cellIdSchema, ProcessRun } from './schema.js';

export type CellId = Readonly<z.infer<typeof cellIdSchema>>;

export const cellKey = ({ model, phase, n, engine }: CellId): string => `${model} ${phase} ${n} ${engine}`;
/** Cells of one series differ in n alone. */
export const seriesKey = ({ model, phase, engine }: CellId): string => `${model} ${phase} ${engine}`;

/** Whether a cell is a longer one of the same series: it is spared where the other could not be measured. */
export const isLonger = (cell: CellId, than: CellId): boolean => seriesKey(cell) === seriesKey(than) && cell.n > than.n;

/** What a row of a table is called: by its model, and by its engine too (`BSBR@wasm`) where there is more than one. */
export function rowNames(cells: readonly Pick<CellId, 'engine'>[]): (cell: Omit<CellId, 'phase' | 'n'>) => string {
  const isOne = new Set(cells.map(({ engine }) => engine)).size < 2;
  return ({ model, engine }) => (isOne ? model : `${model}@${engine}`);
}

export const isMeasured = ({ status }: Pick<Cell, 'status'>): boolean => status === 'ok';

/** What became of a cell, for people: its status, and why. */
export const statusText = ({ status, reason }: Pick<Cell, 'status' | 'reason'>): string =>
  reason === null ? status : `${status} (${reason})`;

/** A process's value of a cell, in ms: the minimum of its samples. */
export const processTime = ({ samples_ms }: Pick<ProcessRun, 'samples_ms'>): number => min(samples_ms);
