/** `attnscale/analysis`: fits of any {n, t} data, and what analyze-results does with a results file. */

export { type Estimate, exponentText } from '../report/format.js';
export type { Table } from '../report/table.js';
export { toTerminal } from '../report/terminal.js';
export { type Analysis, type AnalyzedPoint, analyze, lengthsOf, type ModelAnalysis } from './analysis.js';
export { complexityAnalysis } from './charts/charts.js';
export { complexityLogLog } from './charts/loglog.js';
export type { ClassFit, ClassName } from './fits/classes.js';
export type { Crossover } from './fits/crossover.js';
export { type PowerLaw, powerLawAt } from './fits/fit.js';
export type { FloorExponent } from './fits/floor_exponent.js';
export { type FloorFit, type FloorKind, floorEnd, floorFitAt } from './fits/floor_fit.js';
export type { QuadraticFit } from './fits/quadratic.js';
export {
  type FitOptions,
  findCrossover,
  fitScaling,
  type Observation,
  type PowerLawExponent,
  type Scaling,
} from './fits/scaling.js';
export type { WorkExponent } from './fits/work.js';
export type { Measurements, Series } from './measurements.js';
export { readMeasurements } from './read_measurements.js';
export { buildTables, preamble } from './tables/tables.js';
export { type Paragraph, paragraphText, verdictOf } from './verdict/verdict.js';
