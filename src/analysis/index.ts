/** `attnscale/analysis`: fits of any {n, t} data, and what analyze-results does with a results file. */

export { type Estimate, exponentText } from '../report/format.js';
export type { Table } from '../report/table.js';
export { toTerminal } from '../report/terminal.js';
export { type Analysis, type AnalyzedPoint, analyze, type ModelAnalysis } from './analysis.js';
export type { FloorExponent } from './bootstrap.js';
export { complexityLogLog } from './chart_loglog.js';
export { complexityAnalysis } from './charts.js';
export type { ClassFit, ClassName, QuadraticFit } from './classes.js';
export type { Crossover } from './crossover.js';
export { type FloorFit, floorFitAt, type PowerLaw, powerLawAt } from './fit.js';
export type { Measurements, Series } from './measurements.js';
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
