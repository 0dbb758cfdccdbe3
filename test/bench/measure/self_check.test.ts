import { expect, test } from 'vitest';
import { selfCheck } from '../../../src/bench/measure/self_check.js';
import { walkerOf } from '../../../src/bench/measure/subject.js';
import { checkedLengths, promptTokens } from '../../../src/bench/protocol/plan.js';
import type { Output, SequenceModel } from '../../../src/models/model.js';
import { MODEL_NAMES } from '../../../src/models/registry.js';
import { randomWeights } from '../../../src/models/weights.js';
import * as tf from '../../../src/tf.js';
import { disposeTree, leaves, mapTree, type Tree } from '../../../src/tree.js';
import { modelOf, SMALL } from '../../support/session.js';

await tf.initBackend('wasm');

const PROMPT = { shape: { vocab_size: SMALL.vocabSize }, batchSize: 2, seed: 1, promptBytes: null };

/** What a faulty model does to a result, which it may replace, after `length` tokens. */
type Fault = (out: Output<Tree>, length: number) => Output<Tree>;

/** The model, counting the tokens of the sequence it is at, with a fault in what its prefill or its step returns. */
function faulty(model: SequenceModel, inPrefill: Fault, inStep: Fault): SequenceModel {
  let length = 0;
  return {
    ...model,
    prefill(params, tokens) {
      length = tokens.shape[1];
      return inPrefill(model.prefill(params, tokens), length);
    },
    step: (params, state, token) => inStep(model.step(params, state, token), ++length),
  };
}

/** `tensor` with another first element. */
function withFirst<X extends tf.Tensor>(tensor: X, value: number): X {
  const values = tensor.dataSync().slice();
  values[0] = value;
  tensor.dispose();
  return tf.tensor(values, tensor.shape) as X;
}

const none: Fault = (out) => out;
const inLogits =
  (at: number, value: number): Fault =>
  ({ logits, state }, length) => ({ logits: length === at ? withFirst(logits, value) : logits, state });
/** In the last tensor of the state that holds any. */
const inState =
  (at: number, value: number): Fault =>
  ({ logits, state }, length) => {
    const last = leaves(state).findLast(({ size }) => size > 0);
    const spoil = (leaf: tf.Tensor) => (leaf === last && length === at ? withFirst(leaf, value) : leaf);
    return { logits, state: mapTree(state, spoil) };
  };

async function check(name: string, ...faults: [inPrefill: Fault, inStep: Fault]): Promise<void> {
  const model = await modelOf(name, SMALL);
  const params = model.init(randomWeights(1));
  const tokens = promptTokens(PROMPT, checkedLengths(model.period)[3]);
  await selfCheck(walkerOf({ model: faulty(model, ...faults), params }), tokens);
  disposeTree(params);
}

test.each(MODEL_NAMES)('%s passes and leaves no tensor behind', async (name) => {
  const { numTensors } = tf.memory();
  await check(name, none, none);
  expect(tf.memory().numTensors).toBe(numTensors);
});

/** Of Softmax, whose cache moves every 128 tokens. */
const PREFILLS = checkedLengths(128);
const [, , , MOST] = PREFILLS;
const [, WHOLE, , DELTA_MOST] = checkedLengths(null);

for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
  test.each(PREFILLS)(`a logit of ${value} after a prefill of %i tokens alone is found`, async (length) => {
    const message = `Softmax: logits must be finite, got ${value} after a prefill of ${length} tokens`;
    await expect(check('Softmax', inLogits(length, value), none)).rejects.toThrow(message);
  });

  test.each(checkedLengths(SMALL.chunk_size))(
    `a state of ${value} after a prefill of %i tokens alone is found`,
    async (length) => {
      const message = `BSBR: the state must be finite, got ${value} after a prefill of ${length} tokens`;
      await expect(check('BSBR', inState(length, value), none)).rejects.toThrow(message);
    },
  );

  test.each([2, WHOLE, 2 * WHOLE, DELTA_MOST - 1, DELTA_MOST])(
    `a logit of ${value} after the step to %i tokens alone is found`,
    async (n) => {
      const message = `DeltaNet: logits must be finite, got ${value} after a prefill of 1 and steps to ${n} tokens`;
      await expect(check('DeltaNet', none, inLogits(n, value))).rejects.toThrow(message);
    },
  );
}

test('a state that the last step leaves is looked at too', async () => {
  const message = `Softmax: the state must be finite, got NaN after a prefill of 1 and steps to ${MOST} tokens`;
  await expect(check('Softmax', none, inState(MOST, Number.NaN))).rejects.toThrow(message);
});

test('a check of fewer tokens than it takes is refused', async () => {
  const model = await modelOf('DeltaNet', SMALL);
  const checked = selfCheck(walkerOf({ model, params: [] }), promptTokens(PROMPT, 64));
  await expect(checked).rejects.toThrow('DeltaNet: must be checked with 132 tokens, got 64');
});

test.each(PREFILLS.slice(1))(
  'a wrong logit after a prefill of %i tokens is found by the steps to it',
  async (length) => {
    const message =
      /prefill then steps must equal the longer prefill, got a relative error of .* after a prefill of 1 and/;
    await expect(check('Softmax', inLogits(length, 9), none)).rejects.toThrow(message);
  },
);
