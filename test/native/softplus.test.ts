/** softplus in tensors, and by native/softplus.cc where XLA calls it. */
import { expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { softplus } from '../../src/models/parts/layers.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';

const { backend, nativeCode } = await tf.initBackend('auto');
const SPECIAL = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 88.8, -86.9, 3e38, -3e38];

const exact = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

test.skipIf(backend !== 'tensorflow').each([100, 8192, 8195, 20011])(
  'softplus of %i numbers is max(x, 0) + log1p(exp(-|x|)) to the last places, by XLA',
  (size) => {
    const numbers = Float32Array.from({ length: size }, (_, i) => SPECIAL[i] ?? (i - size / 2) * (170 / size));
    const x = tf.tensor1d(numbers);
    const compiled = compile((y: tf.Tensor1D) => softplus(y), { optimize: 'whole' });
    const info = compiled.prepare(x);
    expect(info.ops.includes('XlaCustomCallV2')).toBe(size >= 8192 && nativeCode.includes('softplus'));
    const y = compiled(x);
    const got = y.dataSync();
    const wrong = [...numbers].filter((number, i) => {
      const [value, want] = [got[i]!, exact(number)];
      return !(Object.is(value, want) || Math.abs(value - want) <= 1e-6 * want);
    });
    expect(wrong).toEqual([]);
    compiled.dispose();
    disposeTree([x, y]);
  },
);
