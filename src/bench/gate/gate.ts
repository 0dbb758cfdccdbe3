/** The gate as a whole: what two runs say, measuring again where that is possible (docs/gate.md). */
import { check } from '../../errors.js';
import { type CellId, cellKey, isMeasured, statusText } from '../../results/cell.js';
import type { Cell, Results } from '../../results/schema.js';
import { min } from '../../statistics.js';
import { type ChangesResults, differences } from './comparable.js';
import { complexityGate, type SeriesExponent } from './complexity.js';
import { countedGate } from './counted.js';
import { type CellPair, type NamedResults, pairCells, pairRatios, processValues } from './paired_cells.js';
import { FIRINGS_TO_FAIL, judge, type ProcessSet, type Rules, tailFor, unmeasured } from './timed.js';
import type { GateReport, TimedVerdict } from './verdicts.js';

/**
 * Measures cells again in `runs` fresh processes. `base` is null where only the new code is at hand.
 * More cells than asked for may come back.
 */
export type Measure = (cells: readonly CellId[], runs: number) => Promise<Measured>;

export interface Measured {
  readonly base: Results | null;
  readonly new: Results;
}

/**
 * Where two runs are from: `stored`, each was made by itself, and only the new side can be measured again; `pairs`, their
 * processes were timed in turns on one machine, so that versions may differ: they are what is compared.
 */
export type Source = 'stored' | 'pairs';

export interface GateOptions {
  /** Slow-down allowed for a cell, as a fraction. */
  readonly marginOf: (cell: CellId) => number;
  readonly advisory: boolean;
  /** Judge only what is counted; machines and versions may then differ. */
  readonly countedOnly: boolean;
  /** How the two runs came about. */
  readonly source: Source;
  /** Null where nothing can be measured again: one set of processes then decides. */
  readonly measure: Measure | null;
  /** Sets of processes at most where something can be measured again, each twice as large as the one before. */
  readonly sets: number;
  readonly changesResults: ChangesResults;
  readonly exponents: { readonly base: readonly SeriesExponent[]; readonly new: readonly SeriesExponent[] };
}

/**
 * Judges a new run against a base.
 * @throws UserError for runs that cannot be judged at all: unfinished, cells missing or lost
 */
export async function runGate(base: NamedResults, next: NamedResults, options: GateOptions): Promise<GateReport> {
  const pairs = pairCells(base, next);
  const scope = options.countedOnly || options.source === 'pairs' ? 'work' : 'all';
  const differing = differences(base.results, next.results, options.changesResults, scope);
  const counted = countedGate(base.results, next.results, pairs);
  const { advisory, exponents, marginOf, sets, source } = options;
  if (options.countedOnly || (differing.length > 0 && !advisory)) {
    return {
      differences: differing,
      advisory,
      timed: [],
      counted: differing.length > 0 ? [] : counted,
      complexity: [],
    };
  }
  return {
    differences: differing,
    advisory,
    timed: await timedGate(pairs, marginOf, differing.length > 0 ? null : options.measure, sets, source),
    counted,
    complexity: complexityGate(exponents.base, exponents.new),
  };
}

/** Judges every cell, and measures again those that fire or cannot be told. */
export async function timedGate(
  pairs: readonly CellPair[],
  marginOf: (cell: CellId) => number,
  measure: Measure | null,
  mostSets: number,
  source: Source,
): Promise<TimedVerdict[]> {
  const sets = new Map<string, ProcessSet[]>();
  for (const { id, base, new: next } of pairs) {
    if (isMeasured(base)) sets.set(cellKey(id), [setOf(base, next, source)]);
  }
  const verdicts = (): TimedVerdict[] =>
    pairs.map((pair) => verdictOn(pair, sets, { margin: marginOf(pair.id), tail, firingsToFail }));
  const tail = tailFor(pairs.length, measure === null ? 1 : mostSets);
  const firingsToFail = measure === null ? 1 : FIRINGS_TO_FAIL;
  // some cells may have more: those that compare-models found not to be precise
  const measuredCells = pairs.map((pair) => pair.new).filter(isMeasured);
  const runs = min(measuredCells.map((cell) => cell.processes.length));
  for (let further = 1; measure !== null && further < mostSets; further++) {
    const open = verdicts().filter((row) => row.verdict === 'cannot tell' && canBeTold(row, source));
    if (open.length === 0) break;
    const cells = open.map(({ cell }) => cell);
    const measured = await measure(cells, runs * 2 ** further);
    for (const cell of cells) sets.get(cellKey(cell))?.push(againOf(cell, measured, source));
  }
  return verdicts();
}

/** Whether measuring again can help: not where it is a stored base that has too few processes. */
function canBeTold({ comparison, processesNeeded }: TimedVerdict, source: Source): boolean {
  if (comparison === null) return false;
  return source === 'pairs' || processesNeeded === null || comparison.baseProcesses >= processesNeeded;
}

function verdictOn(
  { id, base, new: next }: CellPair,
  sets: ReadonlyMap<string, ProcessSet[]>,
  rules: Rules,
): TimedVerdict {
  const own = sets.get(cellKey(id));
  if (own !== undefined) return judge(id, own, rules);
  const missing = isMeasured(next) ? 'no base to compare with' : 'not measured in either run';
  return unmeasured(id, rules.margin, `${missing}: ${statusText(base)}`);
}

function againOf(cell: CellId, { base, new: next }: Measured, source: Source): ProcessSet {
  return setOf(base === null ? null : measuredIn(base, cell), measuredIn(next, cell), source);
}

const setOf = (base: Cell | null, next: Cell, source: Source): ProcessSet => ({
  base: base === null ? [] : processValues(base),
  new: processValues(next),
  ratios: source === 'pairs' && base !== null ? pairRatios(base, next) : null,
});

function measuredIn(results: Results, cell: CellId): Cell {
  const found = results.cells.find((other) => cellKey(other) === cellKey(cell));
  check(
    found !== undefined && isMeasured(found),
    `measuring again: ${cellKey(cell)} must be ok, got ${found === undefined ? 'no such cell' : statusText(found)}`,
  );
  return found;
}
