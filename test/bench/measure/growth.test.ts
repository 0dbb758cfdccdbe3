/** How what is counted grows with n, without a clock: a hybrid's steps lie between its parts', windows and states are flat. */
import { describe, expect, test } from 'vitest';
import { countCell } from '../../../src/bench/measure/counts.js';
import { MODEL_GROUPS } from '../../../src/models/groups.js';
import { randomWeights } from '../../../src/models/weights.js';
import type { Counted } from '../../../src/results/schema.js';
import * as tf from '../../../src/tf.js';
import { disposeTree } from '../../../src/tree.js';
import { modelOf, SMALL } from '../../support/session.js';

await tf.initBackend('wasm');

type Phase = 'prefill' | 'decode';

/** What a call of a model at each of some lengths counts. */
async function countsOf(name: string, phase: Phase, lengths: readonly number[], numLayers = 4): Promise<Counted[]> {
  const model = await modelOf(name, { ...SMALL, numLayers });
  const params = model.init(randomWeights(1));
  const counts = lengths.map((n) => {
    const tokens = tf.zeros([1, n], 'int32') as tf.Tensor2D;
    const counted = countCell({ model, params }, { phase, tokens, nTokens: 1, steps: 1 });
    tokens.dispose();
    return counted;
  });
  disposeTree(params);
  return counts;
}

describe.each(['3*GatedDeltaNet+Softmax', 'SlidingWindow+Softmax'])('%s', (hybrid) => {
  const parts = hybrid.split('+').map((part) => part.replace(/^\d\*/, ''));

  test('FLOPs, bytes and state of its decode lie between its parts', async () => {
    const lengths = [8, 300, 2000]; // from where Softmax's state and work are the smaller ones on
    const counts = await countsOf(hybrid, 'decode', lengths);
    const [one, other] = (await Promise.all(parts.map((part) => countsOf(part, 'decode', lengths)))) as [
      Counted[],
      Counted[],
    ];
    for (const [i, counted] of counts.entries()) {
      for (const what of ['flops', 'bytes', 'state_bytes', 'state_allocated_bytes'] as const) {
        const ends = [one, other].map((each) => each[i]?.[what] as number);
        expect(counted[what], `${what} at ${lengths[i]}`).toBeGreaterThan(Math.min(...ends));
        expect(counted[what], `${what} at ${lengths[i]}`).toBeLessThan(Math.max(...ends));
      }
    }
  });
});

test.each(MODEL_GROUPS['linear'] ?? [])('a step and the state of %s are the same at every depth', async (name) => {
  const [first, ...others] = await countsOf(name, 'decode', [20, 200, 2000], 2);
  for (const other of others) expect(other).toEqual(first);
});

test('each further 1,024 tokens cost a prefill of SlidingWindow the same', async () => {
  const counts = await countsOf('SlidingWindow', 'prefill', [1024, 2048, 3072, 4096], 2);
  const flops = counts.map((counted) => counted.flops as number);
  const steps = flops.slice(1).map((value, i) => value - (flops[i] as number));
  for (const step of steps) expect(step).toBe(steps[0]);
});
