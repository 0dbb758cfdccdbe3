/** The deterministic gate: counts do not depend on the machine, so any growth is a regression. */

import { cellKey } from '../../results/cell.js';
import type { Cell, Results } from '../../results/schema.js';
import { max } from '../../statistics.js';
import type { CellPair } from './paired_cells.js';
import type { CountedVerdict } from './verdicts.js';

const QUANTITIES = ['kernels', 'flops', 'bytes', 'state_bytes'] as const;

/** Judges parameters of each model, and kernels, FLOPs, bytes, state bytes and leaked tensors of each cell, at 0 %. */
export function countedGate(base: Results, next: Results, pairs: readonly CellPair[]): CountedVerdict[] {
  const params = base.models.map(({ name, params }) =>
    judge(name, 'params', params, next.models.find((model) => model.name === name)?.params ?? null),
  );
  const ofCells = pairs.flatMap((pair) => {
    const name = cellKey(pair.id);
    const counts = QUANTITIES.map((key) =>
      judge(name, key, pair.base.counted?.[key] ?? null, pair.new.counted?.[key] ?? null),
    );
    return [...counts, judgeLeak(name, pair)];
  });
  return [...params, ...ofCells];
}

function judge(what: string, quantity: string, base: number | null, next: number | null): CountedVerdict {
  const row = { what, quantity, base, new: next };
  if (next === base) return { ...row, verdict: 'not regressed', reason: base === null ? 'not counted' : 'unchanged' };
  if (base === null) return { ...row, verdict: 'not regressed', reason: 'counted for the first time' };
  if (next === null) return { ...row, verdict: 'cannot tell', reason: 'no longer counted' };
  if (next < base) return { ...row, verdict: 'not regressed', reason: 'fewer' };
  return { ...row, verdict: 'regressed', reason: `${next - base} more` };
}

function judgeLeak(what: string, { base, new: next }: CellPair): CountedVerdict {
  const row = { what, quantity: 'leaked_tensors', base: mostLeaked(base), new: mostLeaked(next) };
  if (row.new <= 0) return { ...row, verdict: 'not regressed', reason: row.base > 0 ? 'fewer' : 'unchanged' };
  return { ...row, verdict: 'regressed', reason: 'must be 0' };
}

function mostLeaked(cell: Cell): number {
  return max([0, ...cell.processes.flatMap(({ leaked_tensors }) => leaked_tensors ?? [])]);
}
