/** Which slow-down a cell is allowed. */
import { check } from '../errors.js';
import { type Calibration, calibratedMargin } from './calibration.js';
import type { CellId } from './plan.js';

export const DEFAULT_MARGIN_PCT = 5;

/** A margin for the cells of a model, of one of its phases, or for one cell. */
export interface CellMargin {
  readonly parts: readonly string[];
  readonly marginPct: number;
}

/** `BSBR:decode:4096=10`. @throws UserError naming what cannot be read */
export function parseCellMargins(texts: readonly string[]): CellMargin[] {
  return texts.map((text) => {
    const [, cell = '', pct = ''] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
    const parts = cell.split(':');
    const marginPct = Number(pct);
    const good = cell !== '' && parts.length <= 3 && parts.every((part) => part !== '') && marginPct > 0;
    check(good && Number.isFinite(marginPct), `--cell_margin: must read like BSBR:decode:4096=10, got ${text}`);
    return { parts, marginPct };
  });
}

/** The margin of each cell, as a fraction: the most special of `cellMargins`, else --margin, else the calibration's, else 5 %. */
export function marginRule(
  cellMargins: readonly CellMargin[],
  marginPct: number | undefined,
  calibration: Calibration | null,
): (cell: CellId) => number {
  const bySpecial = [...cellMargins].sort((a, b) => b.parts.length - a.parts.length);
  return (cell) => {
    const own = [cell.model, cell.phase, String(cell.n)];
    const found = bySpecial.find(({ parts }) => parts.every((part, i) => part === own[i]));
    const calibrated = calibration === null ? null : calibratedMargin(calibration, cell);
    const pct = found?.marginPct ?? marginPct ?? (calibrated === null ? DEFAULT_MARGIN_PCT : 100 * calibrated);
    return pct / 100;
  };
}
