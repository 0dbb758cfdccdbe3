/** What the models whose state decays share, token by token. */
import { apply, type Matrix, outer, plus, range, scale, sigmoid, times, type Vector } from './arrays.js';

/** log(1 + e^x). */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const swish = (x: number): number => x * sigmoid(x);

/** diag(exp g) S: row c of S is that of key channel c. */
export const forget = (S: Matrix, g: Vector): Matrix => S.map((row, c) => scale(row, Math.exp(g[c] as number)));

/** The same g for every key channel of S. */
export const alike = (g: number, S: Matrix): Vector => range(S.length).map(() => g);

/** One head from state S, q, k [T, D_k], v [T, D_v], g [T, D_k]: S_t = diag(exp g_t) S_{t-1} + k_tᵀ v_t -> q_t S_t. */
export function decayingAttention(S: Matrix, q: Matrix, k: Matrix, v: Matrix, g: Matrix): { o: Matrix; S: Matrix } {
  let state = S;
  const o = q.map((q_t, t) => {
    state = plus(forget(state, g[t] as Vector), outer(k[t] as Vector, v[t] as Vector));
    return apply(q_t, state);
  });
  return { o, S: state };
}

/** x ⊙ swish(gate), token by token. */
export const gated = (x: Matrix, gate: Matrix, activation = swish): Matrix =>
  x.map((x_t, t) => times(x_t, (gate[t] as Vector).map(activation)));
