/** Causal softmax attention, position by position. */
import { attend, byHead, dense, type Matrix, type NaiveMixer } from './arrays.js';

/** One head, q, k, v [T, D]: o_t = softmax_{j <= t}( q_t·k_j / sqrt D ) V. */
export function softmaxAttention(q: Matrix, k: Matrix, v: Matrix): Matrix {
  return q.map((q_t, t) => attend(q_t, k.slice(0, t + 1), v.slice(0, t + 1)));
}

export const naiveSoftmax: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const map = (name: string) => dense(weights, name, d, d);
  const [W_q, W_k, W_v, W_o] = [map('q'), map('k'), map('v'), map('o')];
  return (x) => byHead(H, softmaxAttention, x.map(W_q), x.map(W_k), x.map(W_v)).map(W_o);
};
