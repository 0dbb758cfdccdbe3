/**
 * Softmax attention with a KV cache (Vaswani et al. 2017, arXiv 1706.03762): the baseline that every claim needs.
 *
 *     o_t = softmax_{j <= t}( q_t·k_j / sqrt D ) V
 *
 * q, k, v, o are maps with bias. The cache is a large buffer that grows seldom and a tail of `TAIL` tokens that a step
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
import { type Dense, dense, denseParameters, mergeHeads, project, splitHeads } from '../parts/layers.js';

/** Tokens a step writes among before they move to the cache. */
const TAIL = 128;

type Parameters = { readonly qkv: Dense; readonly o: Dense };

/** Moving: the tail [B, H, TAIL, D], zeros from the next slot on. Seen: the cache [B, H, room, D] of all whole tails. */
type State = LayerState<KeysValues, KeysValues, []>;

export function softmaxMixer({ hiddenDim: d, numHeads: H }: ModelShape): Mixer<Parameters, State> {
  const D = d / H;
  const step: Mixer<Parameters, State>['step'] = ({ qkv, o }, moving, cache, x, at) => {
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
    parameters: (weights) => ({
      qkv: denseParameters(weights, ['q', 'k', 'v'], d, d),
      o: denseParameters(weights, ['o'], d, d),
    }),
    empty: (B) => ({ moving: zeroRows(B, H, TAIL, D), seen: zeroRows(B, H, 0, D), bank: [] }),
    prefill({ qkv, o }, { seen: cache }, x, at, lastOnly) {
      const [B, T] = x.shape;
      const [q, k, v] = fuse(() => projectHeads(x, qkv, H, lastOnly));
      const past = { ...cache, used: at.settled };
      const read = attendCausally(q, { k, v }, past);
      const whole = wholeTails(T);
      const rest = sliceRows({ k, v }, whole, T - whole);
      const moving = T === whole ? zeroRows(B, H, TAIL, D) : padRows(rest, TAIL);
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
        return { y, state: { moving: zeroRows(x.shape[0], H, TAIL, D), seen, bank: [] }, rows: moving };
      },
      append: (state, rows, add) => ({ ...state, seen: add(state.seen, rows, 1) }),
    },
    stateFloats: (n) => ({ inUse: 2 * n * d, allocated: 2 * d * (roomFor(wholeTails(n)) + TAIL) }),
  };
}

const wholeTails = (n: number): number => n - (n % TAIL);

/** q, k and v of x [B, T, d] by heads, [B, H, T, D] each; with `lastOnly` q of the last position alone, [B, H, 1, D]. */
function projectHeads(
  x: tf.Tensor3D,
  qkv: Dense,
  H: number,
  lastOnly = false,
): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const [q, k, v] = project(x, qkv, lastOnly);
  return [splitHeads(q, H), splitHeads(k, H), splitHeads(v, H)];
}
