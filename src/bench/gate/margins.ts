/** Which slow-down a cell is allowed. */
import { check, UserError } from '../../errors.js';
import { nearest } from '../../nearest.js';
import type { CellId } from '../../results/cell.js';
import { type Calibration, calibratedMargin } from './calibration.js';
import { MARGIN_LIMIT_PCT } from './timed.js';

const DEFAULT_MARGIN_PCT = 5;

/** A margin for the cells of a model, of one of its phases, or for one cell. */
export interface CellMargin {
  /** Model, phase and length, from the front. */
  readonly parts: readonly string[];
  readonly marginPct: number;
}

/** `BSBR:decode:4096=10`. @throws UserError naming what cannot be read */
export function parseCellMargins(texts: readonly string[]): CellMargin[] {
  return texts.map((text) => {
    const [, cell = '', pct = ''] = /^(.+)=([^=]+)$/.exec(text) ?? [];
    const parts = cell.split(':');
    const rule = `--cell_margin: must read like BSBR:decode:4096=10, got ${text}`;
    check(cell !== '' && parts.length <= 3 && parts.every((part) => part !== ''), rule);
    const marginPct = Number(pct);
    const isPercentage = marginPct > 0 && marginPct < MARGIN_LIMIT_PCT;
    check(isPercentage, `${rule}; a percentage is above 0 and below ${MARGIN_LIMIT_PCT}`);
    return { parts, marginPct };
  });
}

/** Throws unless each margin is that of a cell, naming the nearest. */
export function checkCellMargins(margins: readonly CellMargin[], cells: readonly CellId[]): void {
  for (const margin of margins) {
    if (cells.some((cell) => isFor(margin, cell))) continue;
    const known = cells.map((cell) => partsOf(cell).slice(0, margin.parts.length).join(':'));
    const wanted = margin.parts.join(':');
    throw new UserError(`--cell_margin: no cell is called ${wanted}; did you mean ${nearest(wanted, known)}?`);
  }
}

const partsOf = ({ model, phase, n }: CellId): readonly string[] => [model, phase, String(n)];

const isFor = ({ parts }: CellMargin, cell: CellId): boolean => parts.every((part, i) => part === partsOf(cell)[i]);

/** The margin of each cell, as a fraction: the most special of `cellMargins`, else --margin, else the calibration's, else 5 %. */
export function marginRule(
  cellMargins: readonly CellMargin[],
  marginPct: number | undefined,
  calibration: Calibration | null,
): (cell: CellId) => number {
  const bySpecial = [...cellMargins].sort((a, b) => b.parts.length - a.parts.length);
  return (cell) => {
    const found = bySpecial.find((margin) => isFor(margin, cell));
    const calibrated = calibration === null ? null : calibratedMargin(calibration, cell);
    const pct = found?.marginPct ?? marginPct ?? (calibrated === null ? DEFAULT_MARGIN_PCT : 100 * calibrated);
    return pct / 100;
  };
}
