/** Causal softmax attention, position by position; over a window, of the last `size` tokens alone. */
import { attend, byHead, dense, type Matrix, type NaiveMixer, range, unflatten, type Vector } from './arrays.js';

/** One head, q, k, v [T, D]: o_t = softmax_{t - size < j <= t}( q_t·k_j / sqrt D ) V. */
export function softmaxAttention(q: Matrix, k: Matrix, v: Matrix, size = Infinity): Matrix {
  return q.map((q_t, t) => {
    const first = Math.max(0, t + 1 - size);
    return attend(q_t, k.slice(first, t + 1), v.slice(first, t + 1));
  });
}

/** Heads of k and v [T, heads * D], each as often as heads of q follow each other that read it: [T, H * D]. */
const forHeads = (x: Vector, D: number, H: number): Vector => {
  const heads = unflatten(x, D);
  return range(H).flatMap((head) => heads[Math.floor((head * heads.length) / H)] ?? []);
};

const naiveAttention =
  (size: number | undefined): NaiveMixer =>
  (weights, { hiddenDim: d, numHeads: H, kv_heads: kvHeads = H }) => {
    const D = d / H;
    const [W_q, W_o] = [dense(weights, 'q', d, d), dense(weights, 'o', d, d)];
    const [W_k, W_v] = [dense(weights, 'k', kvHeads * D, d), dense(weights, 'v', kvHeads * D, d)];
    const shared = (map: (x: Vector) => Vector) => (x: Vector) => forHeads(map(x), D, H);
    const head = (q: Matrix, k: Matrix, v: Matrix): Matrix => softmaxAttention(q, k, v, size);
    return (x) => byHead(H, head, x.map(W_q), x.map(shared(W_k)), x.map(shared(W_v))).map(W_o);
  };

export const naiveSoftmax: NaiveMixer = naiveAttention(Infinity);

export const naiveWindow: NaiveMixer = (weights, config) => naiveAttention(config.window_size)(weights, config);
