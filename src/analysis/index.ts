/** `attnscale/analysis`: fits of any {n, t} data, and what analyze-results does with a results file. */

export { type Estimate, exponentText } from '../report/format.js';
export type { Table } from '../report/table.js';
export { toTerminal } from '../report/terminal.js';
export { type Analysis, type AnalyzedPoint, analyze, type ModelAnalysis } from './analysis.js';
export { complexityLogLog } from './chart_loglog.js';
export { complexityAnalysis } from './charts.js';
export type { ClassFit, ClassName } from './classes.js';
export type { Crossover } from './crossover.js';
export { type PowerLaw, powerLawAt } from './fit.js';
export type { FloorExponent } from './floor_exponent.js';
export { type FloorFit, type FloorKind, floorEnd, floorFitAt } from './floor_fit.js';
export type { Measurements, Series } from './measurements.js';
export type { QuadraticFit } from './quadratic.js';
export { readMeasurements } from './read_measurements.js';
export {
  type FitOptions,
  findCrossover,
  fitScaling,
  type Observation,
  type PowerLawExponent,
  type Scaling,
} from './scaling.js';
export { buildTables, preamble } from './tables.js';
export type { WorkExponent } from './work.js';
