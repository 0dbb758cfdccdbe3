/** Models of the gated delta rule: what tells them apart is how the state decays, and the gate of their output. */
import * as tf from '../../tf.js';
import { recurrent } from '../mixer.js';
import type { ModelShape } from '../model.js';
import type { WeightSource } from '../weights.js';
import { type Chunks, halvedChunk } from './chunks.js';
import type { Decay } from './decays.js';
import { type DeltaMaps, deltaInputs, deltaMaps } from './delta_inputs.js';
import { lastPosition } from './layers.js';
import { gatedOutput, type NormedOutput, outputParameters } from './outputs.js';
import { decayed, deltaRule, deltaStep } from './rules.js';
import { emptyWindow, type Window, windowFloats } from './short_conv.js';

type State = {
  readonly S: tf.Tensor3D; // [B * H, D, D]
  readonly window: Window;
};

/** What a model of the rule is beside it. @typeParam P its own parameters */
export interface GatedDelta<P> {
  parameters(weights: WeightSource): P;
  /** g of x [B, T, d] by chunks of C tokens, [N, B * H, C, D] or one a head, [N, B * H, C, 1]. */
  logDecay(params: P, x: tf.Tensor3D, C: number): Chunks;
  /** What g does in a chunk. */
  decayBy(log: Chunks): Decay;
  /** What the output is multiplied by at x [B, T, d]. */
  gate(params: P, x: tf.Tensor3D): tf.Tensor3D;
}

/** @param scanChunk tokens in a chunk of prefill, or as many as the next power of two; no result depends on it */
export function gatedDelta<P extends object>(
  { hiddenDim: d, numHeads: H }: ModelShape,
  scanChunk: number,
  { parameters, logDecay, decayBy, gate }: GatedDelta<P>,
) {
  const D = d / H;
  type Parameters = DeltaMaps & NormedOutput & P;
  const output = (params: Parameters, read: Chunks, x: tf.Tensor3D): tf.Tensor3D =>
    gatedOutput(params, read, gate(params, x));
  return recurrent<Parameters, State>({
    parameters: (weights) => ({
      ...deltaMaps(weights, d, H),
      ...parameters(weights),
      ...outputParameters(weights, d, D),
    }),
    empty: (B) => ({ S: tf.zeros([B * H, D, D]), window: emptyWindow(B, [d, d, d]) }),
    prefill(params, past, x, lastOnly) {
      const C = halvedChunk(scanChunk, x.shape[1]);
      const { inputs, window } = deltaInputs(params, past.window, x, C, lastOnly);
      const { o, S } = deltaRule(inputs, decayBy(logDecay(params, x, C)), past.S, lastOnly);
      return { y: output(params, o, lastOnly ? lastPosition(x) : x), state: { S, window } };
    },
    step(params, past, x) {
      const [B] = x.shape;
      const token: tf.Tensor3D = tf.reshape(x, [B, 1, d]);
      const { inputs, window } = deltaInputs(params, past.window, token, 1, false);
      const { o, S } = deltaStep(inputs, decayed(past.S, logDecay(params, token, 1)));
      return { y: tf.reshape(output(params, o, token), [B, d]), state: { S, window } };
    },
    stateFloats: d * D + windowFloats([d, d, d]),
  });
}
