import { expect, test } from 'vitest';
import { prepareCell } from '../../../src/bench/measure/phases.js';
import { decodeSteps } from '../../../src/bench/protocol/plan.js';
import { randomWeights } from '../../../src/models/weights.js';
import * as tf from '../../../src/tf.js';
import { disposeTree } from '../../../src/tree.js';
import { type Config, modelOf, SMALL } from '../../support/session.js';

await tf.initBackend('wasm');

/** Steps of each call of decode in one repeat, and the tokens that it emits. */
async function stepsOf(name: string, config: Config) {
  const model = await modelOf(name, config);
  const params = model.init(randomWeights(1));
  const counts: number[] = [];
  const counting = {
    ...model,
    decode(...args: Parameters<typeof model.decode>) {
      counts.push(args[3]);
      return model.decode(...args);
    },
  };
  const tokens = tf.zeros([2, 4], 'int32') as tf.Tensor2D;
  const steps = decodeSteps(model.period);
  const prepared = prepareCell({ model: counting, params }, { phase: 'decode', tokens, nTokens: 3, steps });
  const emitted = prepared.run();
  prepared.dispose();
  disposeTree([params, tokens]);
  return { counts, emitted: emitted.length };
}

test.each([
  ['Softmax', {}, 128],
  ['SlidingWindow', { window_size: 12 }, 32],
  ['BSBR', { chunk_size: 12 }, 36],
  ['BSBR', { chunk_size: 40 }, 40],
  ['LinearTransformer', { chunk_size: 40 }, 32],
  ['DeltaNet', { chunk_size: 40 }, 32],
])('decode of %s with %j is timed over whole periods of its own: %i steps', async (name, config, steps) => {
  const { numTensors } = tf.memory();
  expect(await stepsOf(name, { ...SMALL, ...config })).toEqual({ counts: [steps], emitted: 2 * steps });
  expect(tf.memory().numTensors).toBe(numTensors);
});
