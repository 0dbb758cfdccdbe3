/**
 * What the models with a delta rule write and read, from x: q, k, v by short convolutions, q and k L2-normalised per head,
 * and beta_t = sigmoid(W_b x_t), one per head.
 */
import * as tf from '../../tf.js';
import { splitChunks } from './chunks.js';
import { l2Norm } from './layers.js';
import type { CorrectingInputs } from './rules.js';
import {
  type Convolved,
  type ConvolvedMaps,
  convolvedMaps,
  type OtherMaps,
  type ShortConv,
  type Window,
} from './short_conv.js';

export interface DeltaMaps extends Pick<ConvolvedMaps, 'parameters' | 'empty' | 'windowFloats'> {
  /**
   * Of x [B, T, d] by chunks of C tokens, what the other maps give, and the window after them.
   * @param lastOnly q and what goes with it of the last position alone
   */
  inputs(
    conv: ShortConv,
    past: Window,
    x: tf.Tensor3D,
    C: number,
    lastOnly: boolean,
  ): { readonly inputs: CorrectingInputs } & Pick<Convolved, 'reading' | 'writing' | 'window'>;
}

export function deltaMaps(d: number, H: number, { reading, writing }: OtherMaps): DeltaMaps {
  const maps = convolvedMaps(d, { widths: [d, d, d], reading, writing: { beta: H, ...writing } });
  return {
    ...maps,
    inputs(conv, past, x, C, lastOnly) {
      const { q, k, v, writing: written, ...others } = maps.project(conv, past, x, lastOnly);
      const [beta, ...rest] = written as [tf.Tensor3D, ...tf.Tensor3D[]];
      const inputs: CorrectingInputs = {
        q: l2Norm(splitChunks(q, H, lastOnly ? 1 : C)),
        k: l2Norm(splitChunks(k, H, C)),
        v: splitChunks(v, H, C),
        rate: splitChunks(tf.sigmoid(beta), H, C),
      };
      return { inputs, writing: rest, ...others };
    },
  };
}
