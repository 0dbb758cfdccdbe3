import { describe, expect, test } from 'vitest';
import { createModes } from '../../src/bench/measure/modes.js';
import { type Compiled, compile } from '../../src/compiled/compile.js';
import { createModel } from '../../src/models/registry.js';
import type { TransformerOptions } from '../../src/models/transformer.js';
import { randomWeights } from '../../src/models/weights.js';
import { relativeError } from '../../src/statistics.js';
import * as tf from '../../src/tf.js';
import { disposeTree, type Tree } from '../../src/tree.js';
import { randomIds } from '../support/session.js';

await tf.initBackend('wasm');

const RECURRENT = ['LinearTransformer', 'DeltaNet', 'RetNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA'];
const SHAPE = { vocabSize: 50, hiddenDim: 24, numLayers: 2, numHeads: 3, ffDim: 32 };
const [BATCH, LENGTH] = [2, 37];
const OPERATORS = ['LinearAttention', 'LinearAttention:step'];

/** Those whose steps call it. */
const STEPPING = ['DeltaNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA'];

/** How often a function calls the operator for these arguments. */
function callsOf<A extends readonly Tree[]>(compiled: Compiled<A, Tree>, ...args: A): number {
  const { ops } = compiled.prepare(...args);
  compiled.dispose();
  return ops.filter((op) => op === 'LinearAttention').length;
}

/** Logits after a prefill by two segments, the second of which begins with a state, and after two steps more. */
async function logitsOf(name: string, options: TransformerOptions): Promise<number[]> {
  const model = await createModel(name, SHAPE, {}, { ...options, segmentTokens: 20 });
  const params = model.init(randomWeights(1));
  const tokens = tf.tensor2d(randomIds(BATCH, LENGTH, SHAPE.vocabSize).flat(), [BATCH, LENGTH], 'int32');
  const before = model.prefill(params, tokens);
  const after = model.step(params, before.state, tf.tensor1d([3, 4], 'int32'));
  const last = model.step(params, after.state, tf.tensor1d([5, 6], 'int32'));
  const all = [before, after, last].flatMap(({ logits }) => [...logits.dataSync()]);
  disposeTree([params, tokens, before, after, last]);
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

  test.each(RECURRENT)(
    'which the prefill of %s calls, in every layer, and steps that forget or correct',
    async (name) => {
      const model = await createModel(name, SHAPE);
      const params = model.init(randomWeights(1));
      const tokens = tf.zeros([1, 5], 'int32') as tf.Tensor2D;
      const callsIn = (operators: readonly string[]): number => {
        const prefill = compile((ids: tf.Tensor2D) => model.prefill(params, ids).state, { engine: 'onnx', operators });
        return callsOf(prefill, tokens);
      };
      expect(callsIn([])).toBe(0);
      expect(callsIn(['LinearAttention:step'])).toBe(0);
      expect(callsIn(['LinearAttention'])).toBeGreaterThan(0);
      const { state } = model.prefill(params, tokens);
      const callsOfStep = (operators: readonly string[]): number => {
        const step = compile(
          (layers: Tree, ids: tf.Tensor1D) =>
            model.step(params, { ...(state as object), layers } as typeof state, ids).logits,
          { engine: 'onnx', operators },
        );
        return callsOf(step, (state as unknown as { layers: Tree }).layers, tf.zeros([1], 'int32'));
      };
      expect(callsOfStep(['LinearAttention'])).toBe(0);
      expect(callsOfStep(['LinearAttention:step'])).toBe(STEPPING.includes(name) ? SHAPE.numLayers : 0);
    },
  );
});
