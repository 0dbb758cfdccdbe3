/** q, k, v and a gate by maps without bias, as RetNet and GLA have them. */
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';
import { splitChunks } from './chunks.js';
import { denseWeight, lastPosition, matMulLast, silu } from './layers.js';
import type { Inputs } from './rules.js';

export type GatedMaps = { readonly maps: tf.Tensor2D /* [d, 4d + rest], q, the gate, k, v and the rest */ };

/** @param rest what else a model maps x to: names and outputs */
export function gatedMaps(weights: WeightSource, d: number, rest: Readonly<Record<string, number>> = {}): GatedMaps {
  const all = Object.entries({ q: d, g: d, k: d, v: d, ...rest });
  return { maps: denseWeight(weights, all.map(([name]) => name), all.map(([, outputs]) => outputs), d) }; // biome-ignore format: one line
}

/**
 * Of x [B, T, d] by chunks of C tokens, the gate's swish, [B, T, d], and the rest, [B, T, outputs].
 * @param lastOnly q and the gate of the last position alone
 */
export function gatedInputs(
  { maps }: GatedMaps,
  x: tf.Tensor3D,
  H: number,
  C: number,
  lastOnly: boolean,
): { readonly inputs: Inputs; readonly gated: tf.Tensor3D; readonly rest: tf.Tensor3D | undefined } {
  const [d, width] = maps.shape;
  const [reading, writing] = [[d, d], width === 4 * d ? [d, d] : [d, d, width - 4 * d]];
  const mapped = lastOnly
    ? [
        ...tf.split(matMulLast(lastPosition(x), tf.slice(maps, [0, 0], [d, 2 * d])), reading, 2),
        ...tf.split(matMulLast(x, tf.slice(maps, [0, 2 * d])), writing, 2),
      ]
    : tf.split(matMulLast(x, maps), [...reading, ...writing], 2);
  const [q, gate, k, v, rest] = mapped as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D?];
  const inputs = { q: splitChunks(q, H, lastOnly ? 1 : C), k: splitChunks(k, H, C), v: splitChunks(v, H, C) };
  return { inputs, gated: silu(gate), rest };
}
