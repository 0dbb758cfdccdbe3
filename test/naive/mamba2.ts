/** Mamba2 (arXiv 2405.21060), token by token. */
import {
  add,
  byHead,
  denseWithoutBias,
  type Matrix,
  matrixOf,
  type NaiveMixer,
  range,
  rmsNorm,
  scale,
  times,
  type Vector,
  vectorOf,
  zeros,
} from './arrays.js';
import { alike, decayingAttention, gated, softplus } from './decays.js';
import { convolve } from './delta_net.js';

export const naiveMamba2: NaiveMixer = (weights, { hiddenDim: d, numHeads: H, state_size: s }) => {
  const map = (name: string, out: number) => denseWithoutBias(weights, name, out, d);
  const conv = (name: string, out: number) => {
    const taps = matrixOf(weights, `${name}_conv.weight`, out, 4);
    const bias = vectorOf(weights, `${name}_conv.bias`, out);
    const W = map(name, out);
    return (x: Matrix): Matrix => convolve(x.map(W), taps, bias);
  };
  const [q, k, v] = [conv('q', s), conv('k', s), conv('v', d)];
  const [W_dt, W_g, W_o] = [map('dt', H), map('g', d), map('o', d)];
  const [dt_bias, A_log, skips] = [
    vectorOf(weights, 'dt_bias', H),
    vectorOf(weights, 'A_log', H),
    vectorOf(weights, 'D', H),
  ];
  const gain = vectorOf(weights, 'out_norm.weight', d);
  return (x) => {
    const [q_x, k_x] = [q(x), k(x)];
    const head = (v_h: Matrix, step: Matrix, A: Matrix, skip: Matrix): Matrix => {
      const S = zeros(s, d / H);
      const [Δ, a] = [step.map(([Δ_t]) => Δ_t as number), Math.exp(A[0]?.[0] as number)];
      const g = Δ.map((Δ_t) => alike(-Δ_t * a, S));
      const written = v_h.map((v_t, t) => scale(v_t, Δ[t] as number));
      const { o } = decayingAttention(S, q_x, k_x, written, g);
      return o.map((o_t, t) => add(o_t, scale(v_h[t] as Vector, skip[0]?.[0] as number)));
    };
    const steps = x.map((x_t) => add(W_dt(x_t), dt_bias).map(softplus));
    const everywhere = (perHead: Vector): Matrix => range(x.length).map(() => perHead);
    const o = byHead(H, head, v(x), steps, everywhere(A_log), everywhere(skips));
    return gated(o, x.map(W_g)).map((y) => W_o(times(rmsNorm(y), gain)));
  };
};
