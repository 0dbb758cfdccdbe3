/**
 * A model of one's own, as an example: retention (Sun et al. 2023, arXiv 2307.08621) with one decay for all heads.
 *
 *     S_t = decay · S_{t-1} + k_tᵀ v_t        o_t = D^-1/2 · q_t S_t
 *
 *     compare-models --model examples/retention.js --models Retention 'Retention(half_life=8)' Softmax
 *     check-laws examples/retention.js
 */
import { dense, denseParameters, joinChunks, project, recurrent, splitChunks, tf, whole } from 'attnscale/models';

export const name = 'Retention';

export const options = {
  half_life: whole(1, { help: 'tokens after which half is forgotten', effect: 'results', default: 64 }),
};

/** Tokens that prefill works on at a time; no result depends on it. */
const CHUNK = 64;

export function mixer({ hiddenDim: d, numHeads: H }, { half_life }) {
  const D = d / H;
  const decay = 2 ** (-1 / half_life);
  return recurrent({
    parameters: (weights) => ({
      qkv: denseParameters(weights, ['q', 'k', 'v'], d, d),
      o: denseParameters(weights, ['o'], d, d),
    }),
    empty: (B) => tf.zeros([B * H, D, D]),
    prefill({ qkv, o }, past, x, lastOnly) {
      const [B, T] = x.shape;
      const { read, state } = retain(decay, past, project(x, qkv), H);
      const y = dense(read, o);
      return { y: lastOnly ? tf.slice(y, [0, T - 1, 0], [B, 1, d]) : y, state };
    },
    step({ qkv, o }, past, x) {
      const [B] = x.shape;
      const { read, state } = retain(decay, past, project(tf.reshape(x, [B, 1, d]), qkv), H);
      return { y: dense(tf.reshape(read, [B, d]), o), state };
    },
    stateFloats: d * D,
  });
}

/** What each of T tokens reads [B, T, d], and the state after them, chunk by chunk. */
function retain(decay, past, [q, k, v], H) {
  const [B, T, d] = q.shape;
  const C = Math.min(CHUNK, T);
  const ages = tf.range(0, C);
  const since = tf.sub(tf.expandDims(ages, 1), ages); // [C, C], tokens between a query and a key
  const seen = tf.where(tf.greaterEqual(since, 0), tf.pow(decay, tf.relu(since)), tf.zerosLike(since));
  const [Q, K, V] = [q, k, v].map((part) => tf.unstack(splitChunks(part, H, C))); // [B * H, C, D] each
  let state = past;
  const read = Q.map((queries, i) => {
    const used = Math.min(C, T - i * C); // the last chunk is padded
    const scores = tf.mul(tf.matMul(queries, K[i], false, true), seen);
    const before = tf.mul(tf.matMul(queries, state), tf.reshape(tf.pow(decay, tf.add(ages, 1)), [C, 1]));
    const o = tf.add(tf.matMul(scores, V[i]), before);
    const left = tf.reshape(tf.pow(decay, tf.relu(tf.sub(used - 1, ages))), [C, 1]);
    state = tf.add(tf.mul(state, decay ** used), tf.matMul(tf.mul(K[i], left), V[i], true, false));
    return tf.mul(o, (d / H) ** -0.5);
  });
  return { read: joinChunks(tf.stack(read), B, T), state };
}
