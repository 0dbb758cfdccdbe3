import { describe, expect, test } from 'vitest';
import { createModes } from '../../src/bench/measure/modes.js';
import { compile } from '../../src/compiled/compile.js';
import { createModel } from '../../src/models/registry.js';
import type { TransformerOptions } from '../../src/models/transformer.js';
import { randomWeights } from '../../src/models/weights.js';
import { relativeError } from '../../src/statistics.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { randomIds } from '../support/session.js';

await tf.initBackend('wasm');

const RECURRENT = ['LinearTransformer', 'DeltaNet', 'RetNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA'];
const SHAPE = { vocabSize: 50, hiddenDim: 24, numLayers: 2, numHeads: 3, ffDim: 32 };
const [BATCH, LENGTH] = [2, 37];
const OPERATORS = ['LinearAttention'];

/** Logits after a prefill by two segments, the second of which begins with a state, and after a step more. */
async function logitsOf(name: string, options: TransformerOptions): Promise<number[]> {
  const model = await createModel(name, SHAPE, {}, { ...options, segmentTokens: 20 });
  const params = model.init(randomWeights(1));
  const tokens = tf.tensor2d(randomIds(BATCH, LENGTH, SHAPE.vocabSize).flat(), [BATCH, LENGTH], 'int32');
  const before = model.prefill(params, tokens);
  const after = model.step(params, before.state, tf.tensor1d([3, 4], 'int32'));
  const all = [before, after].flatMap(({ logits }) => [...logits.dataSync()]);
  disposeTree([params, tokens, before, after]);
  return all;
}

describe("the runtime's LinearAttention is an oracle of the chunked forms", () => {
  test.each(RECURRENT)('%s', async (name) => {
    const [own, operator] = [[], OPERATORS].map((operators) => createModes({ graphs: { engine: 'onnx', operators } }));
    const expected = await logitsOf(name, own?.runners.compiled ?? {});
    expect(relativeError(await logitsOf(name, operator?.runners.compiled ?? {}), expected)).toBeLessThan(2e-6);
    own?.dispose();
    operator?.dispose();
  });

  test.each(RECURRENT)('which the prefill of %s calls, in every layer', async (name) => {
    const model = await createModel(name, SHAPE);
    const params = model.init(randomWeights(1));
    const tokens = tf.zeros([1, 5], 'int32') as tf.Tensor2D;
    const callsOf = (operators: readonly string[]): number => {
      const prefill = compile((ids: tf.Tensor2D) => model.prefill(params, ids).state, { engine: 'onnx', operators });
      const { ops } = prefill.prepare(tokens);
      prefill.dispose();
      return ops.filter((op) => OPERATORS.includes(op)).length;
    };
    expect(callsOf([])).toBe(0);
    expect(callsOf(OPERATORS)).toBeGreaterThan(0);
  });
});
