/** Models under one name, to be asked for together. */
import { MODEL_NAMES } from './registry.js';

/** Model expressions by the name of their group. */
export const MODEL_GROUPS: Readonly<Record<string, readonly string[]>> = {
  all: MODEL_NAMES,
  /** Those of the study that this began from. */
  original: ['BSBR', 'LinearTransformer', 'DeltaNet'],
  /** Their state does not grow: a token costs the same after any number of others. */
  linear: ['LinearTransformer', 'DeltaNet', 'SlidingWindow', 'RetNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA'],
  /** Their state grows, BSBR's by a row a chunk. */
  quadratic: ['BSBR', 'Softmax'],
  /** Layers as in Qwen3-Next, Kimi Linear and gpt-oss. */
  hybrid: ['3*GatedDeltaNet+Softmax', '3*KDA+Softmax', 'SlidingWindow+Softmax'],
};
