/** Which slow-down a cell is allowed. */
import { check, UserError } from '../../errors.js';
import { nearest } from '../../nearest.js';
import type { CellId } from '../../results/cell.js';
import { PHASES } from '../../results/words.js';
import { type Calibration, calibratedMargin } from './calibration.js';
import { MARGIN_LIMIT_PCT } from './timed.js';

const DEFAULT_MARGIN_PCT = 5;

/** A margin for the cells of a model, on all engines or on one, of one of its phases, or for one cell. */
export interface CellMargin {
  /** Model or MODEL@ENGINE, phase and length, from the front. */
  readonly parts: readonly string[];
  readonly marginPct: number;
}

/**
 * `BSBR:decode:4096=10`, `BSBR@wasm=10`.
 * @param where names their source in errors
 * @throws UserError naming what cannot be read
 */
export function parseCellMargins(texts: readonly string[], where: string): CellMargin[] {
  return texts.map((text) => {
    const [, cell = '', pct = ''] = /^(.+)=([^=]+)$/.exec(text) ?? [];
    const parts = partsOf(cell);
    const rule = `${where}: must read like BSBR:decode:4096=10, got ${text}`;
    check(cell !== '' && parts.length <= 3 && parts.every((part) => part !== ''), rule);
    const marginPct = Number(pct);
    const isPercentage = marginPct > 0 && marginPct < MARGIN_LIMIT_PCT;
    check(isPercentage, `${rule}; a percentage is above 0 and below ${MARGIN_LIMIT_PCT}`);
    return { parts, marginPct };
  });
}

/** An engine may have a colon in its name: `BSBR@onnx:op:decode`. */
function partsOf(cell: string): readonly string[] {
  const [row = '', next, ...rest] = cell.split(':');
  if (next === undefined) return [row];
  const isOfEngine = row.includes('@') && !PHASES.some((phase) => phase === next);
  return isOfEngine ? [`${row}:${next}`, ...rest] : [row, next, ...rest];
}

/** Throws unless each margin is that of a cell, naming the nearest. */
export function checkCellMargins(margins: readonly CellMargin[], cells: readonly CellId[], where: string): void {
  for (const margin of margins) {
    if (cells.some((cell) => specialness(margin, cell) > 0)) continue;
    const known = cells.flatMap((cell) => namesOf(cell).map((parts) => parts.slice(0, margin.parts.length).join(':')));
    const wanted = margin.parts.join(':');
    throw new UserError(`${where}: no cell is called ${wanted}; did you mean ${nearest(wanted, known)}?`);
  }
}

/** The more special last. */
const namesOf = ({ model, engine, phase, n }: CellId): readonly (readonly string[])[] =>
  [model, `${model}@${engine}`].map((row) => [row, phase, String(n)]);

/** How much of a cell a margin names, more where it names the engine; 0 where it is not for it. */
function specialness({ parts }: CellMargin, cell: CellId): number {
  const named = namesOf(cell).findLastIndex((name) => parts.every((part, i) => part === name[i]));
  return named < 0 ? 0 : 2 * parts.length + named;
}

/** The margin of each cell, as a fraction: the most special of `cellMargins`, else `marginPct`, else the calibration's, else 5 %. */
export function marginRule(
  cellMargins: readonly CellMargin[],
  marginPct: number | undefined,
  calibration: Calibration | null,
): (cell: CellId) => number {
  return (cell) => {
    const [found] = cellMargins
      .filter((margin) => specialness(margin, cell) > 0)
      .sort((a, b) => specialness(b, cell) - specialness(a, cell));
    const calibrated = calibration === null ? null : calibratedMargin(calibration, cell);
    const pct = found?.marginPct ?? marginPct ?? (calibrated === null ? DEFAULT_MARGIN_PCT : 100 * calibrated);
    return pct / 100;
  };
}
