import * as tf from '../tf.js';
import { isForXla, recordForXla } from './record/recording.js';

/**
 * `body()`, or a call of native code that computes the same: where XLA compiles what is being recorded and the addon
 * has code of that name. XLA sees into neither that code nor what it reads, so it should be worth the loops it breaks.
 * @param name of a file in native/, which says what it takes
 * @param inputs lie row after row
 * @param sizes handed to the code as decimal numbers
 * @param shape of the result, float32
 */
export function nativeCall<X extends tf.Tensor>(
  name: tf.NativeCode,
  inputs: readonly tf.Tensor[],
  sizes: readonly number[],
  shape: X['shape'],
  body: () => X,
): X {
  if (!isForXla() || !tf.hasNative(name)) return body();
  return recordForXla(
    'XlaCustomCallV2',
    inputs,
    { shape, dtype: 'float32' },
    {
      call_target_name: { text: `attnscale_${name}` },
      backend_config: { text: sizes.join(' ') },
      has_side_effect: { bool: false },
      operand_dtypes: { types: inputs.map(() => 'float32') },
      result_dtypes: { types: ['float32'] },
      result_shapes: { shapes: [shape] },
    },
  ) as X;
}
