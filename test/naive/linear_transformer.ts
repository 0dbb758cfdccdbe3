/** Linear attention (arXiv 2006.16236), token by token. */
import {
  add,
  apply,
  byHead,
  dense,
  dot,
  type Matrix,
  type NaiveMixer,
  outer,
  plus,
  range,
  scale,
  type Vector,
  zeros,
} from './arrays.js';

export interface LinearState {
  readonly S: Matrix; // [D, D]
  readonly z: Vector; // [D]
}

export const emptyLinearState = (D: number): LinearState => ({ S: zeros(D, D), z: range(D).map(() => 0) });

/** elu(x) + 1. */
const phi = (x: Vector): Vector => x.map((value) => (value > 0 ? value + 1 : Math.exp(value)));

/** One head, one token. */
export function linearStep(past: LinearState, q: Vector, k: Vector, v: Vector): { o: Vector; state: LinearState } {
  const S = plus(past.S, outer(phi(k), v));
  const z = add(past.z, phi(k));
  return { o: scale(apply(phi(q), S), 1 / (dot(phi(q), z) + 1e-6)), state: { S, z } };
}

/** One head, q, k, v [T, D]. */
export function linearAttention(q: Matrix, k: Matrix, v: Matrix): Matrix {
  let state = emptyLinearState(q[0]?.length ?? 0);
  return q.map((q_t, t) => {
    const next = linearStep(state, q_t, k[t] as Vector, v[t] as Vector);
    state = next.state;
    return next.o;
  });
}

export const naiveLinear: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const map = (name: string) => dense(weights, name, d, d);
  const [W_q, W_k, W_v, W_o] = [map('q'), map('k'), map('v'), map('o')];
  return (x) => byHead(H, linearAttention, x.map(W_q), x.map(W_k), x.map(W_v)).map(W_o);
};
