/** BSBR, position by position: every retrieval is made anew from the chunks before it. */
import {
  add,
  apply,
  attend,
  byHead,
  dense,
  dot,
  l2Norm,
  type Matrix,
  mixRows,
  type NaiveMixer,
  outer,
  plus,
  range,
  rmsNorm,
  scale,
  softmax,
  unflatten,
  type Vector,
} from './arrays.js';

type Map = (x: Vector) => Vector;
type Head = {
  readonly C: number;
  readonly norm: 'none' | 'l2';
  /** G_j = P·vec(F_j) + p and vec S̄ = U·G + u; the identity without compression. */
  readonly compress: Map;
  readonly expand: Map;
};

/** S̄_c [D, D] of chunk c >= 1 from k, v, r, h [T, D] of one head. */
function retrieved(c: number, k: Matrix, v: Matrix, r: Matrix, h: Matrix, { C, compress, expand }: Head): Matrix {
  const D = (k[0] as Vector).length;
  const rowOf = (x: Matrix, t: number): Vector => x[t] as Vector;
  const r_c = rowOf(r, c * C - 1); // the token just before the chunk
  const h_j = range(c).map((j) => rowOf(h, j * C + C - 1));
  const F_j = range(c).map((j) =>
    range(C)
      .map((i) => outer(rowOf(k, j * C + i), rowOf(v, j * C + i)))
      .reduce(plus),
  );
  const a_c = softmax(h_j.map((key) => dot(r_c, key) / Math.sqrt(D)));
  return unflatten(
    expand(
      mixRows(
        a_c,
        F_j.map((F) => compress(F.flat())),
      ),
    ),
    D,
  );
}

/** One head: q, k, v, r, h [T, D] -> o [T, D]. */
function bsbrHead(q: Matrix, k: Matrix, v: Matrix, r: Matrix, h: Matrix, head: Head): Matrix {
  const { C, norm } = head;
  return q.map((q_t, t) => {
    const c = Math.floor(t / C);
    const local = attend(q_t, k.slice(c * C, t + 1), v.slice(c * C, t + 1));
    if (c === 0) return local;
    if (norm === 'none') return add(local, scale(apply(q_t, retrieved(c, k, v, r, h, head)), q_t.length ** -0.5));
    return add(local, rmsNorm(apply(l2Norm(q_t), retrieved(c, k.map(l2Norm), v, r, h, head))));
  });
}

export const naiveBsbr: NaiveMixer = (weights, config) => {
  const { hiddenDim: d, numHeads: H, chunk_size: C, compression_factor: factor, retrieval_norm: norm } = config;
  const [D, e] = [d / H, Math.floor(d / factor)];
  const map = (name: string) => dense(weights, name, d, d);
  const [W_q, W_k, W_v, W_r, W_h, W_o] = [map('q'), map('k'), map('v'), map('r'), map('h'), map('o')];
  const same: Map = (x) => x;
  const compress = factor === 0 ? same : dense(weights, 'compress', e, D * D);
  const expand = factor === 0 ? same : dense(weights, 'expand', D * D, e);
  const head = (q: Matrix, k: Matrix, v: Matrix, r: Matrix, h: Matrix): Matrix =>
    bsbrHead(q, k, v, r, h, { C, norm, compress, expand });
  return (x) => byHead(H, head, x.map(W_q), x.map(W_k), x.map(W_v), x.map(W_r), x.map(W_h)).map(W_o);
};
