import * as tf from '../tf.js';
import { loop } from './loop.js';
import { isForXla, recordForXla } from './record/recording.js';

/** From a state [1, ...] and row i of each tensor, [1, ...], to the next state. */
type Step<X extends tf.Tensor> = (state: X, ...rows: X[]) => X;
type Rows<X extends tf.Tensor> = readonly [X, ...X[]];

/** The states of a recurrence of N steps. */
export interface Scanned<X extends tf.Tensor> {
  /** Those that the steps began with, [N, ...]. */
  before(): X;
  /** The one after all, [1, ...]. */
  readonly last: X;
}

/**
 * A recurrence over the rows of `xs`: the next state is `step(state, row i of each)`. XLA is given a loop, of which it
 * compiles the body once: steps written out would be one function, and to compile that takes time by the square of
 * their number.
 * @param step pure
 * @param initial [1, ...], float32
 * @param xs [N, ...] each, float32, N >= 1
 */
export function scan<X extends tf.Tensor>(step: Step<X>, initial: X, ...xs: Rows<X>): Scanned<X> {
  return (scansInLoop() ? scanInLoop : scanInSteps)(step, initial, xs);
}

/** Whether the steps of a `scan` are a loop rather than written out. */
export const scansInLoop = isForXla;

function scanInSteps<X extends tf.Tensor>(step: Step<X>, initial: X, xs: Rows<X>): Scanned<X> {
  const N = rowsOf(xs);
  const rows = xs.map((x) => tf.split(x, N, 0));
  const before: X[] = [];
  let last = initial;
  for (let i = 0; i < N; i++) {
    before.push(last);
    last = step(last, ...rows.map((each) => each[i] as X));
  }
  return { before: () => tf.concat<tf.Tensor>(before, 0) as X, last };
}

function scanInLoop<X extends tf.Tensor>(step: Step<X>, initial: X, xs: Rows<X>): Scanned<X> {
  type Carried = { readonly before: tf.Tensor; readonly last: tf.Tensor };
  const advance = ({ before, last }: Carried, i: tf.Scalar): Carried => ({
    before: withRow(before, i, last),
    last: step(last as X, ...xs.map((x) => rowOf(x, i) as X)),
  });
  const N = rowsOf(xs);
  const { before, last } = loop(N, advance, { before: tf.zeros([N, ...initial.shape.slice(1)]), last: initial });
  return { before: () => before as X, last: last as X };
}

const rowsOf = ([x]: Rows<tf.Tensor>): number => x.shape[0] as number;

const TYPES = { T: { type: 'float32' }, Tindices: { type: 'int32' } } as const;

/** Row i of x, [1, ...]. */
function rowOf(x: tf.Tensor, i: tf.Scalar): tf.Tensor {
  const shape = [1, ...x.shape.slice(1)];
  const inputs = [x, startOf(x, i), tf.tensor1d(shape, 'int32')];
  return recordForXla('XlaDynamicSlice', inputs, { shape, dtype: 'float32' }, TYPES);
}

/** x with `row` as its row i, which XLA writes in place. */
function withRow(x: tf.Tensor, i: tf.Scalar, row: tf.Tensor): tf.Tensor {
  const output = { shape: x.shape, dtype: 'float32' } as const;
  return recordForXla('XlaDynamicUpdateSlice', [x, row, startOf(x, i)], output, TYPES);
}

/** Where row i of x begins: [i, 0, ...]. */
function startOf(x: tf.Tensor, i: tf.Scalar): tf.Tensor {
  const first = x.shape.map((_, axis) => (axis === 0 ? 1 : 0));
  return tf.mul(i, tf.tensor1d(first, 'int32'));
}
