/** Kimi delta attention (arXiv 2510.26692), token by token. */
import {
  add,
  byHead,
  dense,
  denseWithoutBias,
  l2Norm,
  type Matrix,
  type NaiveMixer,
  rmsNorm,
  scale,
  sigmoid,
  times,
  vectorOf,
  zeros,
} from './arrays.js';
import { gated, softplus } from './decays.js';
import { deltaConvolutions } from './delta_net.js';
import { gatedDeltaRule } from './gated_delta_net.js';

export const naiveKda: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const D = d / H;
  const map = (name: string, out: number, inDim: number) => denseWithoutBias(weights, name, out, inDim);
  const [W_b, W_o] = [map('beta', H, d), map('o', d, d)];
  const [W_f1, W_f2] = [map('f1', D, d), map('f2', d, D)];
  const [W_g1, W_g2] = [map('g1', D, d), dense(weights, 'g2', d, D)];
  const [A_log, dt_bias] = [vectorOf(weights, 'A_log', H), vectorOf(weights, 'dt_bias', d)];
  const convolved = deltaConvolutions(weights, d);
  const gain = vectorOf(weights, 'out_norm.weight', D);
  const head = (q: Matrix, k: Matrix, v: Matrix, beta: Matrix, g: Matrix): Matrix =>
    gatedDeltaRule(zeros(D, D), q.map(l2Norm), k.map(l2Norm), v, beta, g).o.map((o_t) =>
      times(rmsNorm(scale(o_t, D ** -0.5)), gain),
    );
  return (x) => {
    const [q, k, v] = convolved(x);
    const beta = x.map((x_t) => W_b(x_t).map(sigmoid));
    const rate = (channel: number): number => -Math.exp(A_log[Math.floor(channel / D)] as number);
    const g = x.map((x_t) => add(W_f2(W_f1(x_t)), dt_bias).map((z, channel) => rate(channel) * softplus(z)));
    const o = byHead(H, head, q, k, v, beta, g);
    return gated(
      o,
      x.map((x_t) => W_g2(W_g1(x_t))),
      sigmoid,
    ).map(W_o);
  };
};
