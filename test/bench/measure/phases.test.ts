import { expect, test } from 'vitest';
import { prepareCell } from '../../../src/bench/measure/phases.js';
import type { Workload } from '../../../src/bench/protocol/plan.js';
import type { ModelConfig } from '../../../src/models/model.js';
import { createModel } from '../../../src/models/registry.js';
import { randomWeights } from '../../../src/models/weights.js';
import * as tf from '../../../src/tf.js';
import { disposeTree } from '../../../src/tree.js';
import { SMALL } from '../../support/session.js';

await tf.initBackend('wasm');

/** Steps of each call of decode, in the preparation and in one repeat. */
async function stepsOf(name: string, config: ModelConfig) {
  const workload: Workload = { config, nTokens: 3, batchSize: 2, seed: 1, promptBytes: null };
  const model = await createModel(name, config);
  const params = model.init(randomWeights(1));
  const counts: number[] = [];
  const counting = {
    ...model,
    decode(...args: Parameters<typeof model.decode>) {
      counts.push(args[3]);
      return model.decode(...args);
    },
  };
  const cell = { model: name, phase: 'decode', n: 4, mode: 'eager' } as const;
  const prepared = prepareCell({ model: counting, params }, cell, workload);
  counts.length = 0;
  prepared.timed(1);
  const { tokensPerRepeat } = prepared;
  prepared.dispose();
  disposeTree(params);
  return { counts, tokensPerRepeat };
}

test.each([
  ['Softmax', {}, 128],
  ['BSBR', { chunkSize: 12 }, 36],
  ['BSBR', { chunkSize: 40 }, 40],
  ['LinearTransformer', { chunkSize: 40 }, 32],
  ['DeltaNet', { chunkSize: 40 }, 32],
])('decode of %s with %j is timed over whole periods of its own: %i steps', async (name, config, steps) => {
  const { numTensors } = tf.memory();
  expect(await stepsOf(name, { ...SMALL, ...config })).toEqual({ counts: [steps], tokensPerRepeat: steps });
  expect(tf.memory().numTensors).toBe(numTensors);
});
