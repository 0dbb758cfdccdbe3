import { check } from '../errors.js';
import * as tf from '../tf.js';
import { leaves, mapTree, type Tree, tidyTree } from '../tree.js';
import { formOf, formOfTensor, nameOf } from './record/form.js';
import { isRecording, recordLoop } from './record/recording.js';

/** The largest int32. */
const MOST_COUNT = 2 ** 31 - 1;

/**
 * `body` applied `count` times, in eager and in compiled code alike. Compiled, it is one node whose body is recorded
 * once, so its cost to compile does not grow with `count`.
 * @param count iterations: an integer >= 0, or an int32 scalar, with which one graph serves every count
 * @param body from a state and the iteration's number (from 0, an int32 scalar) to the next state, of the same form
 * @returns the last state; it shares nothing with `initial`
 * @throws UserError when the body returns another form, for a state that is no tree and for a count that is none
 */
export function loop<S extends Tree>(count: number | tf.Scalar, body: (state: S, i: tf.Scalar) => S, initial: S): S {
  check(typeof body === 'function', `loop: the body must be a function, got ${nameOf(body)}`);
  const form = formOf(initial, 'loop: the state');
  const step = (state: S, i: tf.Scalar): S => {
    const next = body(state, i);
    const got = formOf(next, "loop: the body's result");
    check(got === form, `loop: the body must return the form of its state, ${form}, got ${got}`);
    return next;
  };
  checkCount(count);
  if (isRecording()) return recordLoop(typeof count === 'number' ? tf.scalar(count, 'int32') : count, step, initial);
  const times = typeof count === 'number' ? count : (count.dataSync()[0] as number);
  checkCount(times);
  let state = mapTree(initial, tf.clone);
  for (let i = 0; i < times; i++) {
    const past = leaves(state);
    const next = tidyTree(() => step(state, tf.scalar(i, 'int32')));
    const passedOn = new Set(leaves(next));
    for (const tensor of past) if (!passedOn.has(tensor)) tensor.dispose();
    state = next;
  }
  return state;
}

function checkCount(count: number | tf.Scalar): void {
  if (count instanceof tf.Tensor) {
    const form = formOfTensor(count);
    check(form === 'int32[]', `loop: count must be an int32 scalar, got ${form}`);
  } else {
    const isCount = Number.isInteger(count) && count >= 0 && count <= MOST_COUNT;
    check(isCount, `loop: count must be an integer >= 0, got ${nameOf(count)}`);
  }
}
