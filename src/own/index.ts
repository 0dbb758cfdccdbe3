/** What a model file of one's own is made of: types, layers, `recurrent`, tf (docs/own_models.md). */
import * as tf from '../tf.js';

export type { Closing, Cursor, LayerState, Mixed, Mixer, Recurrence, Tuning } from '../models/mixer.js';
export { recurrent } from '../models/mixer.js';
export type { ModelShape, Output, Runner, SequenceModel, StateFloats } from '../models/model.js';
export { type ModelOption, type ModelOptions, type OptionValues, oneOf, whole } from '../models/options.js';
export { type Chunks, joinChunks, sliceChunks, splitChunks, sumChunks } from '../models/parts/chunks.js';
export * from '../models/parts/layers.js';
export type { WeightSource } from '../models/weights.js';
export type { Tree } from '../tree.js';
export type { OwnModel } from './guard.js';
export type { ModelFile } from './load.js';
export { tf };
