import { check } from '../../errors.js';
import * as tf from '../../tf.js';

/**
 * The most likely next token of each row of logits [B, V], the first of equally likely ones, [B]. Read and compared on
 * the host: as an operation of its own, after a prefill, this takes longer.
 * @throws UserError where the largest logit is not finite: a model that has diverged must not be timed as if it were well
 */
export function greedyTokens(logits: tf.Tensor2D): tf.Tensor1D {
  const [B, V] = logits.shape;
  const values = logits.dataSync();
  const tokens = Int32Array.from({ length: B }, (_, row) => {
    let best = row * V;
    for (let i = best + 1; i < (row + 1) * V; i++) if ((values[i] as number) > (values[best] as number)) best = i;
    check(Number.isFinite(values[best]), `prefill: the largest logit must be finite, got ${values[best]}`);
    return best - row * V;
  });
  return tf.tensor1d(tokens, 'int32');
}
