/** A model of layers of several kinds, each with periods of its own: 8 tokens (BSBR), none (LinearTransformer), 128 (Softmax). */
import { expect } from 'vitest';
import type { TransformerOptions } from '../../src/models/transformer.js';
import { randomWeights } from '../../src/models/weights.js';
import { disposeTree, sizeOfTree } from '../../src/tree.js';
import { ORACLES, type Oracle } from '../naive/oracles.js';
import { naiveTransformer } from '../naive/transformer.js';
import {
  argMax,
  expectClose,
  modelOf,
  prefix,
  randomIds,
  SEED,
  SMALL,
  tokenTensor,
  withSession,
} from '../support/session.js';
import { fixedRoomEqualsModel } from './fixed_room_laws.js';

const KINDS = ['BSBR', 'LinearTransformer', 'Softmax'] as const;
const CONFIG = { ...SMALL, numLayers: KINDS.length };
/** Over one end of Softmax's period and many of BSBR's. */
const T = 140;
const ids = randomIds(1, T);

const create = (options: TransformerOptions) => modelOf(KINDS.join('+'), CONFIG, options);

const oracleOf = (layer: number): Oracle => ORACLES[KINDS[layer] as string] as Oracle;
const expected = naiveTransformer((layer) => oracleOf(layer).mixer, randomWeights(SEED), CONFIG)(ids.flat());

async function equalsOracle(options: TransformerOptions): Promise<void> {
  withSession(await create(options), ({ prefill, stepFrom }) => {
    for (const n of [1, 8, 128, T]) {
      expectClose(prefill(prefix(ids, n)).logits, expected[n - 1] ?? [], `prefill of ${n} tokens`);
    }
    for (const [n, end] of [
      [5, 20],
      [115, T],
      [127, T],
    ] as const) {
      for (const [t, got] of stepFrom(n, prefix(ids, end)).logits) {
        expectClose(got, expected[t] ?? [], `prefill of ${n}, position ${t}`);
      }
    }
  });
}

async function decodeIsGreedySteps(options: TransformerOptions): Promise<void> {
  withSession(await create(options), ({ model, params, prefill, step }) => {
    const { state } = prefill(prefix(ids, 117));
    const token = tokenTensor([4]);
    const decoded = model.decode(params, state, token, 20);
    let [past, last] = [state, 4];
    const steps = Array.from({ length: 20 }, () => {
      const next = step(past, [last]);
      past = next.state;
      last = argMax(next.logits);
      return last;
    });
    expect([...decoded.tokens.dataSync()]).toEqual(steps);
    disposeTree([decoded.tokens, decoded.state, token]);
  });
}

async function segmentsEndAllPeriods(options: TransformerOptions): Promise<void> {
  const long = randomIds(1, 300);
  const tail = async (segmentTokens: number) =>
    withSession(await create({ ...options, segmentTokens }), ({ stepFrom }) => [
      ...stepFrom(290, long).logits.values(),
    ]);
  const whole = await tail(1000);
  for (const [i, got] of (await tail(20)).entries()) expectClose(got, whole[i] ?? [], `position ${289 + i}`);
}

async function periodsAndStatesAddUp(options: TransformerOptions): Promise<void> {
  const model = await create(options);
  expect(model.period).toBe(128);
  withSession(model, ({ prefill, stepFrom }) => {
    const { inUse, allocated } = model.stateFloats(T);
    expect(inUse).toBe(KINDS.reduce((sum, _, layer) => sum + oracleOf(layer).stateFloats(CONFIG, T), 0));
    expect(sizeOfTree(prefill(ids).state)).toBe(allocated);
    expect(sizeOfTree(stepFrom(120, ids).state)).toBe(allocated);
  });
}

export const HYBRID_LAWS: Readonly<Record<string, (options: TransformerOptions) => Promise<void>>> = {
  'prefill and every step equal the float64 oracle, each layer with periods of its own': equalsOracle,
  'decode is steps that feed back the arg max, over the ends of both periods': decodeIsGreedySteps,
  'segments are whole periods of all layers': segmentsEndAllPeriods,
  'with a fixed room, prefill and steps are those of the model, whichever layers end a period': async (options) =>
    withSession(await create(options), fixedRoomEqualsModel),
  'the period is that of all layers, and the floats of the state are their sum': periodsAndStatesAddUp,
};
