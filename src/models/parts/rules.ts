/**
 * The two ways in which a token writes to a state S [D_k, D_v] that decays, and o_t = q_t S_t: as a step, and by chunks.
 *
 *     additive      S_t = S̃ + k_tᵀ v_t                                 S̃ = diag(exp g_t) S_{t-1}
 *     delta         S_t = S̃ + k_tᵀ u_t         u_t = beta_t (v_t − k_t S̃)
 *
 * The delta rule is computed with sqrt(beta_t) k_t and sqrt(beta_t) v_t: u_t divided by it is v_t − k_t S̃ then, and S_t the same.
 * Both chunked forms are exact for every C. Everything but the states that chunks begin with is one batched computation.
 * Where ONNX Runtime is to do either token by token, its operator takes their place.
 */
import { hasLinearAttention, linearAttention, TAKES_STEPS } from '../../compiled/linear_attention.js';
import { scan, scansInLoop } from '../../compiled/scan.js';
import * as tf from '../../tf.js';
import { type Chunks, joinChunks, splitChunks } from './chunks.js';
import { type Decay, type Read, untilLast } from './decays.js';
import { unitLowerInverse } from './triangles.js';

export interface Inputs {
  readonly q: Chunks;
  readonly k: Chunks;
  readonly v: Chunks;
}
/** Of the delta rule: beta_t too, [N, B * H, C, 1]; 1 where it is not there. */
export interface CorrectingInputs extends Inputs {
  readonly rate?: Chunks;
}
/** Of chunks: o in the form of q, and the last state [1, B * H, D_k, D_v]. */
export interface Ruled {
  readonly o: Chunks;
  readonly S: Chunks;
}

/**
 * exp g · S as S + (exp g − 1) S: at a g near 0 backends' exp is off by its last place, at every step in the same direction.
 * @param g broadcast over S
 */
export const forget = <X extends tf.Tensor>(S: X, g: tf.Tensor): X => tf.add(S, tf.mul(S, tf.expm1(g)));

/** S̃ of one token, [1, B * H, D_k, D_v]. */
const decayed = (S: Chunks, g: Chunks | null): Chunks => (g ? forget(S, tf.transpose(g, [0, 1, 3, 2])) : S);

/** One token, [1, B * H, 1, D] each, after S [1, B * H, D_k, D_v]. @param g [1, B * H, 1, D_k or 1]; null: nothing decays */
export function additiveStep(inputs: Inputs, S: Chunks, g: Chunks | null): Ruled {
  // Without a decay the operator has too little to do to be faster.
  return g && hasLinearAttention(TAKES_STEPS) ? byOperator(inputs, g, null, S, false) : add(inputs, decayed(S, g));
}

/** One token by the delta rule. */
export function deltaStep(inputs: CorrectingInputs, S: Chunks, g: Chunks | null): Ruled {
  if (hasLinearAttention(TAKES_STEPS)) return byOperator(inputs, g, rateOf(inputs), S, false);
  const [{ q, k, v }, before] = [weighted(inputs), decayed(S, g)];
  return add({ q, k, v: tf.sub(v, tf.matMul(k, before)) }, before);
}

function add({ q, k, v }: Inputs, before: Chunks): Ruled {
  const S: Chunks = tf.add(before, tf.matMul(k, v, true, false));
  return { o: tf.matMul(q, S), S };
}

const rateOf = ({ k, rate }: CorrectingInputs): Chunks =>
  rate ?? tf.ones([...k.shape.slice(0, 3), 1] as Chunks['shape']);

/** k and v times sqrt(beta). */
function weighted({ q, k, v, rate }: CorrectingInputs): Inputs {
  if (rate === undefined) return { q, k, v };
  const root = tf.sqrt(rate);
  return { q, k: tf.mul(root, k), v: tf.mul(root, v) };
}

/**
 *     S' = exp g(0, C] S + Kᵀ V        O = Q S + Z(Q, K) V         K and Q with their decays
 *
 * @param start the state before, [1, B * H, D_k, D_v]
 * @param lastOnly q is that of the last position alone, [1, B * H, 1, D_k], and so is o
 */
export function additiveRule(inputs: Inputs, decay: Decay, start: Chunks, lastOnly: boolean): Ruled {
  if (hasLinearAttention()) return byOperator(inputs, decay.log, null, start, lastOnly);
  const { q, k, v } = inputs;
  // A loop over chunks is faster than sums over all; steps written out are slower.
  if (lastOnly && !scansInLoop()) {
    const S = stateAtEnd(inputs, decay, start);
    return { o: tf.matMul(q, S), S };
  }
  const { keys, across, reads } = decay(k, ...(lastOnly ? [] : [q]));
  const next = (state: Chunks, kept: Chunks, gain: Chunks): Chunks => tf.add(tf.mul(kept, state), gain);
  const { before, last: S } = scan(next, start, across, tf.matMul(keys, v, true, false));
  const [read] = reads;
  if (read === undefined) return { o: tf.matMul(q, S), S };
  return { o: tf.add(tf.matMul(read.entering, before()), tf.matMul(read.scores, v)), S };
}

/** The last state alone: a sum of what each token wrote, as far as it is left then. */
function stateAtEnd({ k, v }: Inputs, { log }: Decay, start: Chunks): Chunks {
  const { left, across } = untilLast(log ?? tf.zeros([...k.shape.slice(0, 3), 1] as Chunks['shape']));
  const gains = tf.matMul(tf.mul(k, left), v, true, false);
  return tf.add(tf.mul(across, start), tf.sum(gains, 0, true));
}

/**
 *     M = (I + tril(Z(K, K), −1))^-1         U = M V        W = M K_entering         R = U − W S
 *     S' = exp g(0, C] S + Kᵀ R = (diag(exp g(0, C]) − Kᵀ W) S + Kᵀ U                O = Q S + Z(Q, K) R
 *
 * @param start and `lastOnly` as for `additiveRule`
 */
export function deltaRule(inputs: CorrectingInputs, decay: Decay, start: Chunks, lastOnly: boolean): Ruled {
  if (hasLinearAttention()) return byOperator(inputs, decay.log, rateOf(inputs), start, lastOnly);
  const { q, k, v } = weighted(inputs);
  const [C, D] = k.shape.slice(2) as [number, number];
  const { keys, across, reads } = decay(k, k, ...(lastOnly ? [] : [q]));
  const [ofKeys, read] = reads as readonly [Read, Read?];
  const M = tf.reshape(unitLowerInverse(tf.reshape(ofKeys.scores, [-1, C, C])), ofKeys.scores.shape);
  const U: Chunks = tf.matMul(M, v);
  const W: Chunks = tf.matMul(M, ofKeys.entering);
  const kept: Chunks = tf.sub(tf.mul(tf.eye(D), across), tf.matMul(keys, W, true, false));
  const next = (state: Chunks, keep: Chunks, gain: Chunks): Chunks => tf.add(tf.matMul(keep, state), gain);
  const { before, last: S } = scan(next, start, kept, tf.matMul(keys, U, true, false));
  if (read === undefined) return { o: tf.matMul(q, S), S };
  const entering = before();
  const R = tf.sub(U, tf.matMul(W, entering));
  return { o: tf.add(tf.matMul(read.entering, entering), tf.matMul(read.scores, R)), S };
}

/** Either rule by the runtime's operator, which takes tokens one after the other and heads side by side. */
function byOperator(
  { q, k, v }: Inputs,
  log: Chunks | null,
  rates: Chunks | null,
  start: Chunks,
  lastOnly: boolean,
): Ruled {
  const [N, rows, C] = k.shape;
  const inOrder = (x: Chunks): tf.Tensor3D => joinChunks(x, 1, N * C);
  const [g, rate] = [log && inOrder(log), rates && inOrder(rates)];
  const sequence = { q: inOrder(lastOnly ? k : q), k: inOrder(k), v: inOrder(v), g, rate };
  const { o, S } = linearAttention(sequence, start);
  return { o: lastOnly ? tf.matMul(q, S) : splitChunks(o, rows, C), S };
}
