/** RetNet (arXiv 2307.08621), token by token. */
import {
  byHead,
  denseWithoutBias,
  type Matrix,
  type NaiveMixer,
  range,
  rmsNorm,
  scale,
  times,
  vectorOf,
  zeros,
} from './arrays.js';
import { alike, decayingAttention, gated } from './decays.js';

export const naiveRetnet: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const D = d / H;
  const map = (name: string) => denseWithoutBias(weights, name, d, d);
  const [W_q, W_k, W_v, W_g, W_o] = [map('q'), map('k'), map('v'), map('g'), map('o')];
  const gain = vectorOf(weights, 'out_norm.weight', D);
  const head = (q: Matrix, k: Matrix, v: Matrix, gamma: Matrix): Matrix => {
    const S = zeros(D, D);
    const g = gamma.map(([γ]) => alike(Math.log(γ as number), S));
    return decayingAttention(S, q, k, v, g).o.map((o) => times(rmsNorm(scale(o, D ** -0.5)), gain));
  };
  return (x) => {
    const gammas = x.map(() => range(H).map((h) => 1 - 2 ** (-5 - h)));
    const o = byHead(H, head, x.map(W_q), x.map(W_k), x.map(W_v), gammas);
    return gated(o, x.map(W_g)).map(W_o);
  };
};
