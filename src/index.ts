/** attnscale as a library: models and results files. Fits of any data are `attnscale/analysis`, compiled mode is `attnscale/compiled`. */
export { analyze, readMeasurements } from './analysis/index.js';
export type { Mixer } from './models/mixer.js';
export type { ModelShape, Output, Runner, SequenceModel } from './models/model.js';
export { createModel, MODEL_NAMES, MODEL_OPTIONS } from './models/registry.js';
export { randomWeights, type WeightSource } from './models/weights.js';
export { parseResults } from './results/parse.js';
export type { Results } from './results/schema.js';
export { initBackend } from './tf.js';
