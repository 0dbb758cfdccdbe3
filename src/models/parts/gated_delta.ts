/** Models of the gated delta rule: what tells them apart is how the state decays, and the gate of their output. */
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import type { WeightSource } from '../weights.js';
import { type Chunks, halvedChunk } from './chunks.js';
import type { Decay } from './decays.js';
import { deltaMaps } from './delta_inputs.js';
import { gatedOutput, type NormedOutput, outputParameters } from './outputs.js';
import { deltaRule, deltaStep } from './rules.js';
import type { ShortConv, Window } from './short_conv.js';

type State = {
  readonly S: Chunks; // [1, B * H, D, D]
  readonly window: Window;
};

/** What a model of the rule is beside it. @typeParam P its own parameters */
export interface GatedDelta<P> {
  /** The maps of x that the gate and the decay are made of: names and outputs. */
  readonly gateMap: readonly [name: string, outputs: number];
  readonly decayMap: readonly [name: string, outputs: number];
  parameters(weights: WeightSource): P;
  /** g of mapped x [B, T, outputs] by chunks of C tokens, [N, B * H, C, D] or one a head, [N, B * H, C, 1]. */
  logDecay(params: P, mapped: tf.Tensor3D, C: number): Chunks;
  /** What g does in a chunk. */
  decayBy(log: Chunks): Decay;
  /** What the output is multiplied by, [B, T, d], of mapped x [B, T, outputs]. */
  gate(params: P, mapped: tf.Tensor3D): tf.Tensor3D;
}

/** @param scanChunk tokens in a chunk of prefill, or as many as the next power of two; no result depends on it */
export function gatedDelta<P extends object>(
  { hiddenDim: d, numHeads: H }: ModelShape,
  scanChunk: number,
  { gateMap, decayMap, parameters, logDecay, decayBy, gate }: GatedDelta<P>,
) {
  const D = d / H;
  type Parameters = NormedOutput & P & { readonly conv: ShortConv };
  const maps = deltaMaps(d, H, {
    reading: Object.fromEntries([gateMap]),
    writing: Object.fromEntries([decayMap]),
  });
  const enter = (params: Parameters, past: Window, x: tf.Tensor3D, C: number, lastOnly: boolean) => {
    const { inputs, reading, writing, window } = maps.inputs(params.conv, past, x, C, lastOnly);
    const [gated, log] = [gate(params, reading[0] as tf.Tensor3D), logDecay(params, writing[0] as tf.Tensor3D, C)];
    return { inputs, gated, log, window };
  };
  return recurrent<Parameters, State>({
    parameters: (weights) => ({
      conv: maps.parameters(weights),
      ...parameters(weights),
      ...outputParameters(weights, d, D),
    }),
    empty: (B) => ({ S: tf.zeros([1, B * H, D, D]), window: maps.empty(B) }),
    prefill(params, past, x, lastOnly) {
      const C = halvedChunk(scanChunk, x.shape[1]);
      const { inputs, gated, log, window } = enter(params, past.window, x, C, lastOnly);
      const { o, S } = deltaRule(inputs, decayBy(log), past.S, lastOnly);
      return { y: gatedOutput(params, o, gated), state: { S, window } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const { inputs, gated, log, window } = enter(params, past.window, tf.reshape(x, [B, 1, d]), 1, false);
      const { o, S } = deltaStep(inputs, past.S, log);
      return { y: tf.reshape(gatedOutput(params, o, gated), [B, d]), state: { S, window } };
    },
    stateFloats: d * D + maps.windowFloats,
  });
}
