/** Several files as one analysis, for tables and pictures: each was fitted and compared within itself. */
import { check } from '../errors.js';
import { max, min } from '../statistics.js';
import type { Analysis } from './analysis.js';
import type { Measurements } from './measurements.js';

export interface AnalyzedFile {
  /** What tells it from the others. */
  readonly label: string;
  readonly analysis: Analysis;
}

/**
 * Rows are named after their file: `BSBR · monday`. One file is as it is.
 * @param files at least one
 * @throws UserError where one is of compare-models and another is not: they have other columns
 */
export function sideBySide(files: readonly AnalyzedFile[], where: string): Analysis {
  const [first, ...others] = files as readonly [AnalyzedFile];
  if (others.length === 0) return first.analysis;
  const kinds = new Set(files.map(({ analysis }) => analysis.measurements.kind));
  check(kinds.size === 1, `${where}: files side by side must be of one kind, got ${[...kinds].join(', ')}`);
  const references = new Set(files.map(({ analysis }) => analysis.reference));
  const counts = files.flatMap(({ analysis }) => analysis.processCounts);
  return {
    measurements: joined(files),
    reference: `${references.size === 1 ? first.analysis.reference : 'the fastest'} in the same file`,
    models: files.flatMap(({ label, analysis }) =>
      analysis.models.map((model) => ({ ...model, file: label, name: nameIn(label, model.name) })),
    ),
    rankings: [],
    crossovers: files.flatMap(({ label, analysis }) =>
      analysis.crossovers.map(({ a, b, crossover }) => ({ a: nameIn(label, a), b: nameIn(label, b), crossover })),
    ),
    processCounts: [min(counts), max(counts)],
  };
}

const nameIn = (file: string, name: string): string => `${name} · ${file}`;

function joined(files: readonly AnalyzedFile[]): Measurements {
  const all = files.map(({ analysis }) => analysis.measurements);
  const [first] = all as [Measurements];
  const said = (pick: (of: Measurements) => readonly string[]): string[] =>
    files.flatMap(({ label, analysis }) => pick(analysis.measurements).map((text) => `${label}: ${text}`));
  return {
    ...{ kind: first.kind, phase: first.phase, rateTitle: first.rateTitle, seed: first.seed },
    meaning: [...new Set(all.map(({ meaning }) => meaning))].join(' · '),
    series: all.flatMap(({ series }) => series),
    noisy: all.some(({ noisy }) => noisy),
    machine: said(({ machine }) => machine),
    notes: said(({ notes }) => notes),
    footer: said(({ footer }) => footer),
  };
}
