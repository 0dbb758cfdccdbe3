import { check } from '../errors.js';
import type { Tree } from '../tree.js';
import { nameOf } from './record/form.js';
import { isRecording, recordFused } from './record/recording.js';

/**
 * `fn()`, as a part of a compiled function that XLA turns into one operation: chains of elementwise operations and what
 * they surround. Eager code runs it as it stands. Inside a `loop` or another `fuse` it is a part of that.
 * @param fn pure; may read what surrounds it
 */
export function fuse<R extends Tree>(fn: () => R): R {
  check(typeof fn === 'function', `fuse: must be given a function, got ${nameOf(fn)}`);
  return isRecording() ? recordFused(fn) : fn();
}
