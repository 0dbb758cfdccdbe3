/** GatedDeltaNet (arXiv 2412.06464), token by token. */
import {
  add,
  apply,
  byHead,
  denseWithoutBias,
  l2Norm,
  type Matrix,
  type NaiveMixer,
  rmsNorm,
  scale,
  sigmoid,
  sum,
  times,
  type Vector,
  vectorOf,
  zeros,
} from './arrays.js';
import { alike, forget, gated, softplus } from './decays.js';
import { deltaConvolutions, deltaStep } from './delta_net.js';

/** One head from state S: q, k, v, g [T, D], beta [T, 1] -> q_t S_t and the last state. Forget first, then correct. */
export function gatedDeltaRule(
  S: Matrix,
  q: Matrix,
  k: Matrix,
  v: Matrix,
  beta: Matrix,
  g: Matrix,
): { o: Matrix; S: Matrix } {
  let state = S;
  const o = q.map((q_t, t) => {
    state = deltaStep(forget(state, g[t] as Vector), k[t] as Vector, v[t] as Vector, sum(beta[t] as Vector));
    return apply(q_t, state);
  });
  return { o, S: state };
}

export const naiveGatedDeltaNet: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const D = d / H;
  const map = (name: string, out = d) => denseWithoutBias(weights, name, out, d);
  const [W_a, W_b, W_g, W_o] = [map('a', H), map('beta', H), map('g'), map('o')];
  const [A_log, dt_bias] = [vectorOf(weights, 'A_log', H), vectorOf(weights, 'dt_bias', H)];
  const convolved = deltaConvolutions(weights, d);
  const gain = vectorOf(weights, 'out_norm.weight', D);
  const head = (q: Matrix, k: Matrix, v: Matrix, beta: Matrix, g: Matrix): Matrix => {
    const S = zeros(D, D);
    const perChannel = g.map(([g_t]) => alike(g_t as number, S));
    const { o } = gatedDeltaRule(S, q.map(l2Norm), k.map(l2Norm), v, beta, perChannel);
    return o.map((o_t) => times(rmsNorm(scale(o_t, D ** -0.5)), gain));
  };
  return (x) => {
    const [q, k, v] = convolved(x);
    const beta = x.map((x_t) => W_b(x_t).map(sigmoid));
    const g = x.map((x_t) => add(W_a(x_t), dt_bias).map((z, h) => -Math.exp(A_log[h] as number) * softplus(z)));
    return gated(byHead(H, head, q, k, v, beta, g), x.map(W_g)).map(W_o);
  };
};
