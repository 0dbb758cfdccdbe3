/** A cell: what it is called, and what its processes come to. */
import type { z } from 'zod';
import { min } from '../statistics.js';
import type { Cell, cellIdSchema, ProcessRun } from './schema.js';

/** `n`: tokens of the prompt; in the decode phase the depth at which steps are taken. */
export type CellId = Readonly<z.infer<typeof cellIdSchema>>;

export const cellKey = ({ model, phase, n, mode }: CellId): string => `${model} ${phase} ${n} ${mode}`;
/** Cells of one series differ in n alone. */
export const seriesKey = ({ model, phase, mode }: CellId): string => `${model} ${phase} ${mode}`;

/** Whether a cell is a longer one of the same series: it is spared where the other could not be measured. */
export const isLonger = (cell: CellId, than: CellId): boolean => seriesKey(cell) === seriesKey(than) && cell.n > than.n;

export const isMeasured = ({ status }: Pick<Cell, 'status'>): boolean => status === 'ok';

/** A process's value of a cell, in ms: the minimum of its samples. */
export const processTime = ({ samples_ms }: Pick<ProcessRun, 'samples_ms'>): number => min(samples_ms);
