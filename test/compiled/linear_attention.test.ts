import { expect, test } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { hasLinearAttention, linearAttention } from '../../src/compiled/linear_attention.js';
import { relativeError } from '../../src/statistics.js';
import * as tf from '../../src/tf.js';
import { tidyTree } from '../../src/tree.js';
import { floats } from './samples.js';

await tf.initBackend('wasm');

const [B, T, H, K, V] = [2, 7, 3, 4, 5];

/** The recurrence in float64, a row and head after the other. @param g [B, T, H * K or H] */
function naive(q: Rows, k: Rows, v: Rows, g: Rows | null, past: number[][][][], rate: Rows | null): Expected {
  const range = (size: number) => Array.from({ length: size }, (_, i) => i);
  const S = structuredClone(past);
  const o = range(B).map((b) =>
    range(T).map((t) =>
      range(H).flatMap((h) => {
        const state = S[b]?.[h] as number[][];
        const of = (x: Rows, width: number): number[] => (x[b]?.[t] ?? []).slice(h * width, (h + 1) * width);
        const decay = g === null ? range(K).map(() => 0) : of(g, (g[0]?.[0]?.length ?? 0) / H);
        const [query, key, value] = [of(q, K), of(k, K), of(v, V)];
        const read = (x: number[], j: number) => x.reduce((sum, xi, i) => sum + xi * (state[i]?.[j] as number), 0);
        state.forEach((row, i) => {
          row.forEach((s, j) => {
            row[j] = s * Math.exp(decay[i] ?? (decay[0] as number));
          });
        });
        const write = value.map((x, j) => (rate ? (rate[b]?.[t]?.[h] as number) * (x - read(key, j)) : x));
        state.forEach((row, i) => {
          for (const j of range(V)) row[j] = (row[j] as number) + (key[i] as number) * (write[j] as number);
        });
        return range(V).map((j) => read(query, j));
      }),
    ),
  );
  return { o: o.flat(3), S: S.flat(3) };
}
const orNull = (x: unknown) => (Array.isArray(x) ? null : x);
type Rows = number[][][];
type Expected = { readonly o: number[]; readonly S: number[] };

test.each([
  ['linear', null, false],
  ['gated, by head', H, false],
  ['gated, by channel', H * K, false],
  ['delta', null, true],
  ['gated delta, by head', H, true],
  ['gated delta, by channel', H * K, true],
] as const)('the operator is the recurrence: %s', (_, decays, isDelta) => {
  const inputs = tidyTree(() => ({
    ...{ q: floats(B, T, H * K), k: tf.mul(floats(B, T, H * K), 0.3), v: floats(B, T, H * V) },
    g: decays === null ? [] : tf.neg(tf.abs(floats(B, T, decays))),
    rate: isDelta ? tf.sigmoid(floats(B, T, H)) : [],
    past: floats(B, H, K, V),
  }));
  const run = compile(
    ({ q, k, v, g, rate, past }: typeof inputs) => {
      expect(hasLinearAttention()).toBe(true);
      const sequence = { q, k, v, g: orNull(g), rate: orNull(rate) };
      return linearAttention(sequence as Parameters<typeof linearAttention>[0], past as tf.Tensor4D);
    },
    { engine: 'onnx', operators: ['LinearAttention'] },
  );
  const { o, S } = run(inputs);
  const listOf = (x: unknown) => (x as tf.Tensor).arraySync() as Rows;
  const [g, rate] = [inputs.g, inputs.rate].map((x) => (Array.isArray(x) ? null : listOf(x))) as [Rows | null, Rows | null]; // biome-ignore format: one line
  const past = inputs.past.arraySync() as number[][][][];
  const expected = naive(listOf(inputs.q), listOf(inputs.k), listOf(inputs.v), g, past, rate);
  expect(relativeError(o.dataSync(), expected.o)).toBeLessThan(1e-6);
  expect(relativeError(S.dataSync(), expected.S)).toBeLessThan(1e-6);
  run.dispose();
});

test('the operator is called where it was asked for alone', () => {
  const asked = (options: object) => {
    const has: boolean[] = [];
    const run = compile(
      (x: tf.Scalar) => {
        has.push(hasLinearAttention());
        return tf.neg(x);
      },
      { engine: 'onnx', ...options },
    );
    run(tf.scalar(1));
    run.dispose();
    return has;
  };
  expect([asked({}), asked({ operators: ['LinearAttention'] })]).toEqual([[false], [true]]);
  expect(hasLinearAttention()).toBe(false);
});
