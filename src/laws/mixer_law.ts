/** What every mixer obeys on its own, where all positions can be seen. */
import type { AnyMixer } from '../models/mixer.js';
import type { ModelShape } from '../models/model.js';
import { randomWeights } from '../models/weights.js';
import { random } from '../random.js';
import * as tf from '../tf.js';
import { checkSame, type Law, longest, shapeText } from './law.js';

/** The tokens before `now` give the same whatever comes from there on. */
export const futureIsUnseen: Law = async ({ createMixer, shapes, lengths }) => {
  if (createMixer === null) return; // what it returns of positions before the last nobody sees
  for (const shape of shapes) {
    const mixer = await createMixer(shape);
    const T = longest(lengths);
    const d = shape.hiddenDim;
    const x = uniforms(T * d);
    for (const n of lengths.filter((length) => length > 1)) {
      const y = mixed(mixer, shape, x, n);
      for (const now of lengths.filter((length) => length < n)) {
        const other = x.map((value, i) => (i < now * d ? value : 3 - 2 * value));
        const got = mixed(mixer, shape, other, n).subarray(0, now * d);
        const where = `prefill of ${n} tokens, all but the first ${now} changed`;
        checkSame(got, y.subarray(0, now * d), where, `must give the same for those (${shapeText(shape)})`);
      }
    }
  }
};

/** y [n, d] of the first n rows of x, from the empty state. */
function mixed(mixer: AnyMixer, { hiddenDim: d }: ModelShape, x: Float32Array, n: number): Float32Array {
  return tf.tidy(() => {
    const input = tf.tensor3d(x.slice(0, n * d), [1, n, d]);
    const at = { settled: tf.scalar(0), slot: tf.scalar(0) };
    const { y } = mixer.prefill(mixer.parameters(randomWeights(1)), mixer.empty(1), input, at, false);
    return y.dataSync<'float32'>().slice();
  });
}

const uniforms = (size: number): Float32Array => {
  const { float } = random(1, 'x');
  return Float32Array.from({ length: size }, () => 4 * float() - 2);
};
