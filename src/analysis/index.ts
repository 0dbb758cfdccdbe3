/** The analysis as a library: fits of any {n, t} data, and what analyze-results does with a results file. */
export { type Analysis, type AnalyzedPoint, analyze, type ModelAnalysis } from './analysis.js';
export {
  estimate,
  type FloorExponent,
  floorExponent,
  isLogLogBiased,
  powerLawExponent,
  type ReplicatedPoint,
  type Replicates,
  replicate,
} from './bootstrap.js';
export { complexityLogLog } from './chart_loglog.js';
export { complexityAnalysis } from './charts.js';
export { type ClassFit, fitClasses, fitQuadratic, type QuadraticFit } from './classes.js';
export { type Crossover, crossover } from './crossover.js';
export {
  type FloorFit,
  fitFloor,
  fitPowerLaw,
  floorFitAt,
  localSlopes,
  type Point,
  type PowerLaw,
  powerLawAt,
  profileInterval,
  upperHalf,
} from './fit.js';
export type { Estimate } from './format.js';
export type { Measurements, Series } from './measurements.js';
export { readMeasurements } from './read_measurements.js';
export { buildTables, preamble, type Table, toTerminal } from './tables.js';
