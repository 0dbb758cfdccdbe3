/** DeltaNet (arXiv 2406.06484), token by token. */
import type { WeightSource } from '../../src/models/weights.js';
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

/** y_t = Σ_{i=0..3} c_i x_{t-3+i} + b, zeros before the start, then SiLU. */
export function convolve(x: Matrix, taps: Matrix, bias: Vector = taps.map(() => 0)): Matrix {
  const at = (t: number, channel: number): number => x[t]?.[channel] ?? 0;
  return x.map((_, t) =>
    taps.map((c, channel) => {
      const inputs = range(4).map((i) => at(t - 3 + i, channel));
      const y = dot(c, inputs) + (bias[channel] as number);
      return y * sigmoid(y);
    }),
  );
}

/** q, k and v of x [T, d] after their convolutions. */
export function deltaConvolutions(weights: WeightSource, d: number): (x: Matrix) => [q: Matrix, k: Matrix, v: Matrix] {
  const conv = (name: string) => {
    const [W, taps] = [denseWithoutBias(weights, name, d, d), matrixOf(weights, `${name}_conv.weight`, d, 4)];
    return (x: Matrix): Matrix => convolve(x.map(W), taps);
  };
  const [q, k, v] = [conv('q'), conv('k'), conv('v')];
  return (x) => [q(x), k(x), v(x)];
}

export const naiveDeltaNet: NaiveMixer = (weights, { hiddenDim: d, numHeads: H }) => {
  const D = d / H;
  const [W_b, W_o] = [denseWithoutBias(weights, 'beta', H, d), denseWithoutBias(weights, 'o', d, d)];
  const convolved = deltaConvolutions(weights, d);
  const gain = vectorOf(weights, 'out_norm.weight', D);
  const head = (q: Matrix, k: Matrix, v: Matrix, beta: Matrix): Matrix =>
    naiveDeltaRule(zeros(D, D), q.map(l2Norm), k.map(l2Norm), v, beta).o.map((o) =>
      times(rmsNorm(scale(o, D ** -0.5)), gain),
    );
  return (x) => {
    const [q, k, v] = convolved(x);
    const beta = x.map((token) => W_b(token).map(sigmoid));
    return byHead(H, head, q, k, v, beta).map(W_o);
  };
};
