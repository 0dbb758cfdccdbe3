/** GLA (arXiv 2312.06635), token by token. */
import {
  byHead,
  dense,
  denseWithoutBias,
  type Matrix,
  type NaiveMixer,
  rmsNorm,
  scale,
  times,
  vectorOf,
  zeros,
} from './arrays.js';
import { decayingAttention, gated, softplus } from './decays.js';

export const naiveGla: NaiveMixer = (weights, { hiddenDim: d, numHeads: H, gate_rank: r }) => {
  const D = d / H;
  const map = (name: string) => denseWithoutBias(weights, name, d, d);
  const [W_q, W_k, W_v, W_g, W_o] = [map('q'), map('k'), map('v'), map('g'), map('o')];
  const [W_f1, W_f2] = [denseWithoutBias(weights, 'f1', r, d), dense(weights, 'f2', d, r)];
  const gain = vectorOf(weights, 'out_norm.weight', D);
  const head = (q: Matrix, k: Matrix, v: Matrix, g: Matrix): Matrix =>
    decayingAttention(zeros(D, D), q, k, v, g).o.map((o) => times(rmsNorm(scale(o, D ** -0.5)), gain));
  return (x) => {
    const g = x.map((x_t) => W_f2(W_f1(x_t)).map((z) => -softplus(-z) / 16));
    const o = byHead(H, head, x.map(W_q), x.map(W_k), x.map(W_v), g);
    return gated(o, x.map(W_g)).map(W_o);
  };
};
