/** The delta rule by chunks against the recurrence in float64, on the keys that break careless algebra. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { joinChunks, splitChunks } from '../../src/models/parts/chunks.js';
import { noDecay } from '../../src/models/parts/decays.js';
import { deltaRule } from '../../src/models/parts/rules.js';
import { unitLowerInverse } from '../../src/models/parts/triangles.js';
import * as tf from '../../src/tf.js';
import { add, dot, l2Norm, type Matrix, range, scale, sub, unflatten, type Vector, zeros } from '../naive/arrays.js';
import { naiveDeltaRule } from '../naive/delta_net.js';
import { expectClose, normals } from '../support/session.js';

const D = 16;
const LENGTHS_AND_CHUNKS = [
  [64, 64],
  [150, 64],
  [100, 33],
  [61, 7],
] as const;
const BETAS = [1e-4, 0.5, 0.9, 0.999, 1];

/** Unit keys [T, D] that are hard to tell apart, or not. */
const KEYS: Readonly<Record<string, (T: number, seed: number) => Matrix>> = {
  'all tokens equal': (T) => range(T).map(() => float32(l2Norm(normalRows(1, 0)[0] as Vector))),
  'one key and 5 % noise': (T, seed) => {
    const key = l2Norm(normalRows(1, 0)[0] as Vector);
    return normalRows(T, seed).map((noise) => float32(l2Norm(add(key, scale(noise, 0.05 / Math.sqrt(D))))));
  },
  'two keys in turn': (T) => {
    const keys = normalRows(2, 0).map((key) => float32(l2Norm(key)));
    return range(T).map((t) => keys[t % 2] as Vector);
  },
  'independent keys': (T, seed) => normalRows(T, seed).map((key) => float32(l2Norm(key))),
};

const normalRows = (rows: number, seed: number, name = 'rows'): Matrix =>
  unflatten(Array.from(normals(rows * D, seed, name)), D);
/** What the float32 model is given, so that only its arithmetic differs from the oracle's. */
const float32 = (x: Vector): Vector => x.map(Math.fround);
/** Orthonormal vectors, by Gram-Schmidt over random ones in float64. */
function orthonormalRows(seed: number): Matrix {
  const rows: Vector[] = [];
  for (const candidate of normalRows(D, seed)) {
    const rest = rows.reduce((x, row) => sub(x, scale(row, dot(x, row))), candidate);
    rows.push(scale(rest, 1 / Math.sqrt(dot(rest, rest))));
  }
  return rows;
}

interface Read {
  readonly o: Float32Array; // [T, D]
  readonly S: Float32Array; // [D, D]
}

/** One head of one row from state `start`, by chunks of C. */
function runDeltaRule(q: Matrix, k: Matrix, v: Matrix, beta: Vector, start: Matrix, C: number, lastOnly = false): Read {
  return tf.tidy(() => {
    const chunks = (x: Matrix, size = C) =>
      splitChunks(tf.tensor3d(x.flat(), [1, x.length, x[0]?.length ?? 0]), 1, size);
    const asked = lastOnly ? chunks(q.slice(-1), 1) : chunks(q);
    const inputs = { q: asked, k: chunks(k), v: chunks(v), rate: chunks(beta.map((rate) => [rate])) };
    const read = deltaRule(inputs, noDecay, tf.tensor4d(start.flat(), [1, 1, D, D]), lastOnly);
    const [o, S] = [joinChunks(read.o, 1, lastOnly ? 1 : q.length), read.S];
    return { o: o.dataSync<'float32'>().slice(), S: S.dataSync<'float32'>().slice() };
  });
}

const matchesRecurrence = (name: string) => () => {
  for (const beta of BETAS) {
    for (const [T, C] of LENGTHS_AND_CHUNKS) {
      const k = (KEYS[name] as (typeof KEYS)[string])(T, 1);
      const [q, v, start] = [normalRows(T, 2, 'q'), normalRows(T, 3, 'v'), normalRows(D, 4, 'S')];
      const rates = range(T).map(() => Math.fround(beta));
      const columns = rates.map((rate) => [rate]);
      const expected = naiveDeltaRule(start, q, k, v, columns);
      const where = `beta ${beta}, T ${T}, C ${C}`;
      const { o, S } = runDeltaRule(q, k, v, rates, start, C);
      unflatten(Array.from(o), D).forEach((o_t, t) => {
        expectClose(o_t, expected.o[t] ?? [], `${where}, position ${t}`);
      });
      expectClose(S, expected.S.flat(), `${where}, state`);
      const last = runDeltaRule(q, k, v, rates, start, C, true);
      expectClose(last.o, expected.o[T - 1] ?? [], `${where}, last`);
      expectClose(last.S, expected.S.flat(), `${where}, last state`);
    }
  }
};

function recallsExactly(): void {
  const k = orthonormalRows(1);
  const v = normalRows(D, 2);
  const [ones, none] = [range(D).map(() => 1), range(D).map(() => 0)];
  for (const C of [1, 5, D, 64]) {
    const { S } = runDeltaRule(k, k, v, ones, zeros(D, D), C);
    const { o } = runDeltaRule(k, k, v, none, unflatten(Array.from(S), D), C);
    unflatten(Array.from(o), D).forEach((read, i) => {
      expectClose(read, v[i] ?? [], `C ${C}, key ${i}`, 1e-6);
    });
  }
}

function overwrites(): void {
  const [first, second] = orthonormalRows(1) as [Vector, Vector, ...Vector[]];
  const k = [first, second, first];
  const v = normalRows(3, 2);
  for (const C of [1, 2, 3, 64]) {
    const { o, S } = runDeltaRule(k, k, v, [1, 1, 1], zeros(D, D), C);
    const reads = unflatten(Array.from(o), D);
    range(3).forEach((t) => {
      expectClose(reads[t] ?? [], v[t] ?? [], `C ${C}, value ${t} read at once`, 1e-6);
    });
    const kept = runDeltaRule([second], [second], [second], [0], unflatten(Array.from(S), D), C);
    expectClose(kept.o, v[1] ?? [], `C ${C}, the other key keeps its value`, 1e-6);
  }
}

/** (I + A)^-1 by forward substitution: row i is e_i − Σ_{j<i} A_ij row_j. */
function substitute(A: Matrix): Matrix {
  const rows: number[][] = [];
  A.forEach((a_i, i) => {
    const x = range(A.length).map((column) => Number(column === i));
    rows.forEach((row, j) => {
      for (let column = 0; column <= j; column++) x[column] = (x[column] ?? 0) - (a_i[j] ?? 0) * (row[column] ?? 0);
    });
    rows.push(x);
  });
  return rows;
}

/** beta K Kᵀ of the keys, [C, C], of which only the strictly lower triangle is to be read. */
const gram = (k: Matrix, beta: number): Matrix => k.map((k_i) => k.map((k_j) => Math.fround(beta * dot(k_i, k_j))));

function invert(stack: readonly Matrix[]): Float32Array {
  const C = stack[0]?.length ?? 0;
  return tf.tidy(() =>
    unitLowerInverse(tf.tensor3d(stack.flat(2), [stack.length, C, C]))
      .dataSync<'float32'>()
      .slice(),
  );
}

function inverseIsExact(): void {
  for (const C of [1, 2, 3, 5, 6, 7, 12, 33, 63, 64, 100]) {
    for (const [name, keysOf] of Object.entries(KEYS)) {
      for (const beta of BETAS) {
        const stack = [gram(keysOf(C, 1), beta), gram(keysOf(C, 2), beta)];
        const expected = stack.map(substitute).flat(2);
        expectClose(invert(stack), expected, `${name}, beta ${beta}, C ${C}`, 1e-6);
      }
    }
  }
}

function inverseOfAnySize(): void {
  const sizes = fc.record({ C: fc.integer({ min: 1, max: 70 }), n: fc.integer({ min: 1, max: 4 }), seed: fc.nat(999) });
  fc.assert(
    fc.property(sizes, ({ C, n, seed }) => {
      const stack = range(n).map((i) =>
        unflatten(Array.from(normals(C * C, seed + i, 'A')), C).map((row, r) =>
          row.map((value, c) => (c < r ? Math.fround(value / C) : 0)),
        ),
      );
      const got = invert(stack);
      expectClose(got, stack.map(substitute).flat(2), `C ${C}`, 1e-6);
      got.forEach((value, at) => {
        const [row, column] = [Math.floor(at / C) % C, at % C];
        if (column >= row) expect(value).toBe(column === row ? 1 : 0);
      });
    }),
    { seed: 1, numRuns: 25 },
  );
}

export const DELTA_LAWS: Readonly<Record<string, () => void>> = {
  'orthonormal keys with beta 1 recall exactly': recallsExactly,
  'a repeated key overwrites its value and no other': overwrites,
  ...Object.fromEntries(
    Object.keys(KEYS).map((name) => [`${name}: chunks match the recurrence`, matchesRecurrence(name)]),
  ),
  'the inverse of correlated keys equals forward substitution in float64': inverseIsExact,
  'the inverse of any size is unit lower triangular and exact': inverseOfAnySize,
};
