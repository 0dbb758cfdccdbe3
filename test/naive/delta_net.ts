/** DeltaNet (arXiv 2406.06484), token by token. */
import {
  apply,
  byHead,
  denseWithoutBias,
  dot,
  l2Norm,
  type Matrix,
  matrixOf,
  type NaiveMixer,
  outer,
  plus,
  range,
  rmsNorm,
  scale,
  sigmoid,
  sub,
  sum,
  times,
  type Vector,
  vectorOf,
  zeros,
} from './arrays.js';

/** One head, one token, S [D, D]: the new state holds v under k, as far as beta says. */
export function deltaStep(S: Matrix, k: Vector, v: Vector, beta: number): Matrix {
  const u = scale(sub(v, apply(k, S)), beta);
  return plus(S, outer(k, u));
}

/** One head from state S: q, k, v [T, D], beta [T, 1] -> q_t S_t [T, D] and the last state. */
export function naiveDeltaRule(S: Matrix, q: Matrix, k: Matrix, v: Matrix, beta: Matrix): { o: Matrix; S: Matrix } {
  let state = S;
  const o = q.map((q_t, t) => {
    state = deltaStep(state, k[t] as Vector, v[t] as Vector, sum(beta[t] as Vector));
    return apply(q_t, state);
  });
  return { o, S: state };
}

/** y_t = Σ_{i=0..3} c_i x_{t-3+i}, zeros before the start, then SiLU. */
function convolve(x: Matrix, taps: Matrix): Matrix {
  const at = (t: number, channel: number): number => x[t]?.[channel] ?? 0;
  return x.map((_, t) =>
    taps.map((c, channel) => {
      const y = dot(
        c,
        range(4).map((i) => at(t - 3 + i, channel)),
      );
      return y * sigmoid(y);
    }),
  );
}

export const naiveDeltaNet: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const D = d / H;
  const map = (name: string, out = d) => denseWithoutBias(weights, name, out, d);
  const [W_q, W_k, W_v, W_b, W_o] = [map('q'), map('k'), map('v'), map('beta', H), map('o')];
  const taps = (name: string) => matrixOf(weights, `${name}_conv.weight`, d, 4);
  const gain = vectorOf(weights, 'out_norm.weight', D);
  const head = (q: Matrix, k: Matrix, v: Matrix, beta: Matrix): Matrix =>
    naiveDeltaRule(zeros(D, D), q.map(l2Norm), k.map(l2Norm), v, beta).o.map((o) =>
      times(rmsNorm(scale(o, D ** -0.5)), gain),
    );
  return (x) => {
    const [q, k, v] = [
      convolve(x.map(W_q), taps('q')),
      convolve(x.map(W_k), taps('k')),
      convolve(x.map(W_v), taps('v')),
    ];
    const beta = x.map((token) => W_b(token).map(sigmoid));
    return byHead(H, head, q, k, v, beta).map(W_o);
  };
};
