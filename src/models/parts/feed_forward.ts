/** What a layer does to each position by itself. */
import { nativeCall } from '../../compiled/native_call.js';
import * as tf from '../../tf.js';
import { tidyTree } from '../../tree.js';
import { type Dense, dense, gelu, layerNorm, type Norm } from './layers.js';

export type FeedForward = {
  readonly norm2: Norm;
  readonly ffIn: Dense; // [d, f]
  readonly ffOut: Dense; // [f, d]
};

/** Fewer positions leave a prompt's last layer, and a step: their products only read weights, for which XLA has no copies. */
const LEAST_POSITIONS = 32;

/** x + W_out gelu(W_in LN2(x) + b_in) + b_out of x [..., d]; native/feed_forward.cc where it takes these sizes. */
export function feedForward<X extends tf.Tensor>({ norm2, ffIn, ffOut }: FeedForward, x: X): X {
  const inTensors = (): X => tidyTree(() => tf.add(x, dense(gelu(dense(layerNorm(x, norm2), ffIn)), ffOut)));
  const [d, f] = ffIn.weight.shape;
  const positions = x.size / d;
  if (positions < LEAST_POSITIONS || d % 32 !== 0 || f % 32 !== 0) return inTensors();
  const inputs = [x, norm2.gain, norm2.bias, ffIn.weight, ffIn.bias, ffOut.weight, ffOut.bias];
  return nativeCall('feed_forward', inputs, [positions, d, f], x.shape, inTensors);
}
