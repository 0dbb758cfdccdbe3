import type * as tf from '../tf.js';
import { nativeCall } from './native_call.js';

/**
 * x, which XLA computes in a loop over x's shape before anything reads it, where the addon has native/materialize.cc. Else
 * it is computed where it is read: anew in each place, and number by number in loops over another shape.
 */
export const materialize = <X extends tf.Tensor>(x: X): X =>
  nativeCall<X>('materialize', [x], [x.size], x.shape, () => x);
