/** What a matrix state's reads become on their way out of a mixer. */
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';
import { type Chunks, joinChunks } from './chunks.js';
import { denseWeight, matMulLast, rmsNorm } from './layers.js';

export type NormedOutput = {
  readonly gain: tf.Tensor1D; // [D], shared by the heads
  readonly o: tf.Tensor2D; // [d, d]
};

export const outputParameters = (weights: WeightSource, d: number, D: number): NormedOutput => ({
  gain: tf.tensor1d(weights.get('out_norm.weight', [D])),
  o: denseWeight(weights, ['o'], d, d),
});

/** concat_heads( RMSNorm(D^-1/2 · read) ) of the first T tokens in B rows, [B, T, d]. */
export function normedHeads(read: Chunks, gain: tf.Tensor1D, B: number, T: number): tf.Tensor3D {
  return joinChunks(tf.mul(rmsNorm(read, read.shape[3] ** -0.5), gain), B, T);
}

/** W_o · ( concat_heads( RMSNorm(D^-1/2 · read) ) ⊙ gated ), gated [B, T, d]. */
export function gatedOutput({ gain, o }: NormedOutput, read: Chunks, gated: tf.Tensor3D): tf.Tensor3D {
  const [B, T] = gated.shape;
  return matMulLast(tf.mul(normedHeads(read, gain, B, T), gated), o);
}
