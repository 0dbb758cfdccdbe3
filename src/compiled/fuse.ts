import type { Tree } from '../tree.js';
import { isRecording, recordFused } from './recording.js';

/**
 * What XLA compiles of a function: nothing, the parts marked by `fuse`, or the whole. It turns chains of operations into
 * one, which runs faster, by a third for long chains of small operations, and takes 0.2 to 1 s longer to prepare.
 * Indices out of range are then clamped instead of refused.
 */
export type Xla = 'nothing' | 'parts' | 'whole';

/**
 * `fn()`, as a part of a compiled function that XLA turns into one operation: chains of elementwise operations and what
 * they surround. Eager code runs it as it stands. Inside a `loop` or another `fuse` it is a part of that.
 * @param fn pure; may read what surrounds it
 */
export function fuse<R extends Tree>(fn: () => R): R {
  return isRecording() ? recordFused(fn) : fn();
}
