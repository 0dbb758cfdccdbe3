/** What XLA writes to memory by native/materialize.cc where the addon carries it, and computes as it likes elsewhere. */
import { expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { materialize } from '../../src/compiled/materialize.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';

const { backend, nativeCode } = await tf.initBackend('auto');
const VALUES = [0, -0, 1, -1.5, 1e-30, 3e38, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

test('what is to be in memory is itself, in eager code', () => {
  const x = tf.tensor1d(VALUES);
  expect(materialize(x)).toBe(x);
  x.dispose();
});

test.skipIf(backend !== 'tensorflow').each([[1], [9], [3, 3], [9, 5, 41]])(
  'what is to be in memory is the same, by XLA: of %j and more',
  (...shape) => {
    const size = tf.util.sizeFromShape(shape);
    const x = tf.tensor(
      Float32Array.from({ length: size }, (_, i) => VALUES[i % VALUES.length]!),
      shape,
    );
    const order = [...shape.keys()].reverse();
    const turned = compile((y: tf.Tensor) => tf.neg(materialize(tf.transpose(tf.neg(y), order))), {
      optimize: 'whole',
    });
    const info = turned.prepare(x);
    const [got, expected] = [turned(x), tf.transpose(x, order)];
    expect(got.dataSync()).toEqual(expected.dataSync());
    expect(info.ops.includes('XlaCustomCallV2')).toBe(nativeCode.includes('materialize'));
    turned.dispose();
    disposeTree([x, got, expected]);
  },
);
