/**
 * A model to start from: what it remembers is a sum of gated values, S_t = S_{t-1} + sigmoid(W_f x_t) ⊙ W_v x_t.
 *
 *     check-laws my_model.js                     does it obey what every model must?
 *     compare-models --model my_model.js         how fast is it?
 *
 * Letters: B rows, T tokens, d model dim, H heads. Everything here is a pure function of tensors: what is handed in belongs
 * to the caller, what comes out shares nothing with it. What is made in between is disposed of for you.
 */
import { dense, denseParameters, recurrent, rmsNorm, tf, whole } from 'attnscale/models';

/** What rows of tables call it; `MyModel(scale=2)` is a variant. */
export const name = 'MyModel';

/** What can be chosen of it; delete this, and `scale` below, where there is nothing. */
export const options = {
  scale: whole(1, { help: 'what gates are multiplied by', effect: 'results', default: 1 }),
};

/** The mixer of a layer: x [B, T, d], normalised, in; what is added to the residual, [B, T, d], out. */
export function mixer({ hiddenDim: d }, { scale }) {
  const gated = ({ f, v }, x) => tf.mul(tf.mul(tf.sigmoid(dense(x, f)), scale), dense(x, v));
  return recurrent({
    /** Weights by name, from a seed or a file: f.weight [d, d], f.bias [d], … */
    parameters: (weights) => ({
      f: denseParameters(weights, ['f'], d, d),
      v: denseParameters(weights, ['v'], d, d),
      o: denseParameters(weights, ['o'], d, d),
    }),
    /** The state before the first token; any tree of tensors. */
    empty: (B) => tf.zeros([B, d]),
    /** A stretch of tokens x [B, T, d] after the state `past`, in parallel; with `lastOnly` y of the last one, [B, 1, d]. */
    prefill(params, past, x, lastOnly) {
      const [B, T] = x.shape;
      const states = tf.add(tf.cumsum(gated(params, x), 1), tf.expandDims(past, 1)); // [B, T, d]
      const last = tf.slice(states, [0, T - 1, 0], [B, 1, d]);
      return { y: dense(rmsNorm(lastOnly ? last : states), params.o), state: tf.reshape(last, [B, d]) };
    },
    /** One token x [B, d]. */
    step(params, past, x) {
      const state = tf.add(past, gated(params, x));
      return { y: dense(rmsNorm(state), params.o), state };
    },
    /** Numbers in a state, a row. */
    stateFloats: d,
  });
}
