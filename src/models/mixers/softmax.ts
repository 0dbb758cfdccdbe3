/**
 * Softmax attention with a KV cache (Vaswani et al. 2017, arXiv 1706.03762): the baseline that every claim needs.
 *
 *     o_t = softmax_{j <= t}( q_t·k_j / sqrt D ) V
 *
 * q, k, v, o are maps with bias; k and v may have fewer heads, each for a group of q's (Ainslie et al. 2023,
 * arXiv 2305.13245, section 2.2). The cache is a large buffer that grows seldom and a tail of `TAIL` tokens that a step
 * writes into: a step copies the tail only, and every TAIL tokens the tail moves to the buffer. Prefill goes block by
 * block over queries, so that no T×T matrix exists.
 */
import { fuse } from '../../compiled/fuse.js';
import * as tf from '../../tf.js';
import { mapTree } from '../../tree.js';
import type { LayerState, Mixer } from '../mixer.js';
import type { ModelShape } from '../model.js';
import {
  attend,
  attendCausally,
  attendsNatively,
  type KeysValues,
  maskFrom,
  padRows,
  roomFor,
  sliceRows,
  writeSlot,
  zeroRows,
} from '../parts/attention.js';
import { type AttentionMaps, attentionParameters, dense, mergeHeads, projectHeads } from '../parts/layers.js';

/** Tokens a step writes among before they move to the cache. */
const TAIL = 128;

/** Moving: the tail [B, heads, TAIL, D], zeros from the next slot on. Seen: the cache [B, heads, room, D] of all whole tails. */
type State = LayerState<KeysValues, KeysValues, []>;

export interface AttentionOptions {
  /** Of k and v: each serves H / kv_heads heads of q. */
  readonly kv_heads: number;
}

export function softmaxMixer(
  { hiddenDim: d, numHeads: H }: ModelShape,
  { kv_heads: kvHeads }: AttentionOptions,
): Mixer<AttentionMaps, State> {
  const D = d / H;
  const kvDim = kvHeads * D;
  const step: Mixer<AttentionMaps, State>['step'] = ({ qkv, o }, moving, cache, x, at) => {
    const [B] = x.shape;
    const [q, k, v] = projectHeads(tf.reshape(x, [B, 1, d]), qkv, H);
    const tail = writeSlot(moving, at.slot, k, v);
    const read = attend(q, tail, maskFrom(tf.add(at.slot, 1), TAIL), { ...cache, used: at.settled });
    return { y: dense(tf.reshape(read, [B, d]), o), moving: tail };
  };
  return {
    tuning: {
      segmentTokens: 4096,
      // Beyond, scores are too many for XLA to be fast where it has to make them.
      prefill: (tokens) => (tokens < 512 || attendsNatively(D) ? 'whole' : 'parts'),
    },
    parameters: (weights) => attentionParameters(weights, d, H, kvHeads),
    empty: (B) => ({ moving: zeroRows(B, kvHeads, TAIL, D), seen: zeroRows(B, kvHeads, 0, D), bank: [] }),
    prefill({ qkv, o }, { seen: cache }, x, at, lastOnly) {
      const [B, T] = x.shape;
      const [q, k, v] = fuse(() => projectHeads(x, qkv, H, lastOnly));
      const past = { ...cache, used: at.settled };
      const read = attendCausally(q, { k, v }, past);
      const whole = wholeTails(T);
      const rest = sliceRows({ k, v }, whole, T - whole);
      const moving = T === whole ? zeroRows(B, kvHeads, TAIL, D) : padRows(rest, TAIL);
      return {
        y: fuse(() => dense(mergeHeads(read), o)),
        state: { moving, seen: mapTree(cache, tf.clone), bank: [] },
        rows: whole === 0 ? [] : sliceRows({ k, v }, 0, whole),
      };
    },
    step,
    closing: {
      period: TAIL,
      step(params, state, x, at) {
        const { y, moving } = step(params, state.moving, state.seen, x, at);
        const seen = mapTree(state.seen, tf.clone);
        return { y, state: { moving: zeroRows(x.shape[0], kvHeads, TAIL, D), seen, bank: [] }, rows: moving };
      },
      append: (state, rows, add) => ({ ...state, seen: add(state.seen, rows, 1) }),
    },
    stateFloats: (n) => ({ inUse: 2 * n * kvDim, allocated: 2 * kvDim * (roomFor(wholeTails(n)) + TAIL) }),
  };
}

const wholeTails = (n: number): number => n - (n % TAIL);
