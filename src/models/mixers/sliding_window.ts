/**
 * Softmax attention over a window (Beltagy et al. 2020, arXiv 2004.05150, section 3.1, causal): w tokens, itself included.
 *
 *     o_t = softmax_{t-w < j <= t}( q_t·k_j / sqrt D ) V
 *
 * q, k, v, o are maps with bias; k and v may have fewer heads, as Softmax's. The state is k and v of the last w tokens,
 * oldest first: a ring whose start is its first row, since a step that shares nothing with its arguments copies it anyway.
 * Before there were w tokens, the first rows are of none. Departure: no rotary positions.
 */
import { fuse } from '../../compiled/fuse.js';
import * as tf from '../../tf.js';
import type { Cursor, LayerState, Mixer } from '../mixer.js';
import type { ModelShape } from '../model.js';
import {
  attend,
  attendsNatively,
  attendWindow,
  joinRows,
  type KeysValues,
  maskBefore,
  sliceRows,
  zeroRows,
} from '../parts/attention.js';
import { type AttentionMaps, attentionParameters, dense, mergeHeads, projectHeads } from '../parts/layers.js';
import type { AttentionOptions } from './softmax.js';

/** k and v of the window, [B, heads, w, D]. */
type State = LayerState<KeysValues, [], []>;

export interface WindowOptions extends AttentionOptions {
  /** w, tokens that a token sees, itself included. */
  readonly window_size: number;
}

export function windowMixer(
  { hiddenDim: d, numHeads: H }: ModelShape,
  { window_size: w, kv_heads: kvHeads }: WindowOptions,
): Mixer<AttentionMaps, State> {
  const D = d / H;
  const floats = 2 * w * kvHeads * D;
  /** What the last of T more tokens reads of the window after them. */
  const readLast = (q: tf.Tensor4D, window: KeysValues, at: Cursor, T: number): tf.Tensor4D =>
    attend(q, window, maskBefore(tf.sub(emptyRows(w, at), T), w));
  return {
    tuning: { segmentTokens: 1024, prefill: (tokens) => (tokens < 512 || attendsNatively(D) ? 'whole' : 'parts') },
    closing: null,
    parameters: (weights) => attentionParameters(weights, d, H, kvHeads),
    empty: (B) => ({ moving: zeroRows(B, kvHeads, w, D), seen: [], bank: [] }),
    prefill({ qkv, o }, { moving: past }, x, at, lastOnly) {
      const T = x.shape[1];
      const [q, k, v] = fuse(() => projectHeads(x, qkv, H, lastOnly));
      const rows = joinRows(past, { k, v });
      const moving = sliceRows(rows, T, w);
      const read = lastOnly ? readLast(q, moving, at, T) : attendWindow(q, rows, { size: w, from: emptyRows(w, at) });
      return { y: fuse(() => dense(mergeHeads(read), o)), state: { moving, seen: [], bank: [] }, rows: [] };
    },
    step({ qkv, o }, past, _seen, x, at) {
      const [B] = x.shape;
      const [q, k, v] = projectHeads(tf.reshape(x, [B, 1, d]), qkv, H);
      const moving = sliceRows(joinRows(past, { k, v }), 1, w);
      return { y: dense(tf.reshape(readLast(q, moving, at, 1), [B, d]), o), moving };
    },
    stateFloats: () => ({ inUse: floats, allocated: floats }),
  };
}

/** Rows of a window that are of no token yet; below 0 where none are. */
const emptyRows = (w: number, { settled, slot }: Cursor): tf.Scalar => tf.sub(w, tf.add(settled, slot));
