/** Plain float64 arithmetic for the oracles: slow, obvious, and shared with nothing under test. */

import type { WeightSource } from '../../src/models/weights.js';
import type { Config } from '../support/session.js';

export type Vector = readonly number[];
/** Rows of equal width: tokens [T, d], or a state [D_k, D_v]. */
export type Matrix = readonly Vector[];

/** A mixer over all tokens of one row: LN1's output [T, d] -> what joins the residual [T, d]. */
export type NaiveMixer = (weights: WeightSource, config: Config) => (x: Matrix) => Matrix;

export const range = (end: number): number[] => Array.from({ length: end }, (_, i) => i);
export const sum = (x: Vector): number => x.reduce((total, value) => total + value, 0);
export const mean = (x: Vector): number => sum(x) / x.length;
export const zeros = (rows: number, columns: number): Matrix => range(rows).map(() => range(columns).map(() => 0));

const entry = (x: Vector, i: number): number => x[i] as number;
const row = (x: Matrix, i: number): Vector => x[i] as Vector;

export const scale = (x: Vector, factor: number): Vector => x.map((value) => value * factor);
export const times = (a: Vector, b: Vector): Vector => a.map((value, i) => value * entry(b, i));
export const add = (a: Vector, b: Vector): Vector => a.map((value, i) => value + entry(b, i));
export const sub = (a: Vector, b: Vector): Vector => a.map((value, i) => value - entry(b, i));
export const dot = (a: Vector, b: Vector): number => sum(times(a, b));

export const plus = (a: Matrix, b: Matrix): Matrix => a.map((values, i) => add(values, row(b, i)));
/** kᵀ v. */
export const outer = (k: Vector, v: Vector): Matrix => k.map((value) => scale(v, value));
/** q S. */
export const apply = (q: Vector, S: Matrix): Vector => range(row(S, 0).length).map((j) => dot(q, column(S, j)));
/** Σ_i a_i x_i. */
export const mixRows = (a: Vector, x: Matrix): Vector => apply(a, x);
export const column = (x: Matrix, j: number): Vector => x.map((values) => entry(values, j));

/** Consecutive pieces of `width` values. */
export const unflatten = (x: Vector, width: number): Matrix =>
  range(x.length / width).map((i) => x.slice(i * width, (i + 1) * width));

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function softmax(scores: Vector): Vector {
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  return scale(weights, 1 / sum(weights));
}

/** softmax_j( q·k_j / sqrt D ) V. */
export function attend(q: Vector, keys: Matrix, values: Matrix): Vector {
  return mixRows(softmax(keys.map((k) => dot(q, k) / Math.sqrt(q.length))), values);
}

export const l2Norm = (x: Vector): Vector => scale(x, 1 / Math.sqrt(dot(x, x) + 1e-6));
export const rmsNorm = (x: Vector): Vector => scale(x, 1 / Math.sqrt(dot(x, x) / x.length + 1e-5));

/** Runs `core`, which knows one head, over each head's D columns of the inputs [T, d]; the outputs side by side. */
export function byHead<A extends readonly Matrix[]>(H: number, core: (...parts: A) => Matrix, ...inputs: A): Matrix {
  const outputs = range(H).map((head) => core(...(inputs.map((x) => headOf(x, head, H)) as unknown as A)));
  return range(inputs[0]?.length ?? 0).map((t) => outputs.flatMap((o) => row(o, t)));
}

/** x [T, d] -> [T, D]. */
const headOf = (x: Matrix, head: number, H: number): Matrix =>
  x.map((token) => row(unflatten(token, token.length / H), head));

export const vectorOf = (weights: WeightSource, name: string, size: number): Vector =>
  Array.from(weights.get(name, [size]));

export const matrixOf = (weights: WeightSource, name: string, rows: number, columns: number): Matrix =>
  unflatten(Array.from(weights.get(name, [rows, columns])), columns);

/** x -> W x + b with W [out, in]. */
export function dense(weights: WeightSource, name: string, out: number, inDim: number): (x: Vector) => Vector {
  const map = denseWithoutBias(weights, name, out, inDim);
  const bias = vectorOf(weights, `${name}.bias`, out);
  return (x) => add(map(x), bias);
}

export function denseWithoutBias(weights: WeightSource, name: string, out: number, inDim: number) {
  const W = matrixOf(weights, `${name}.weight`, out, inDim);
  return (x: Vector): Vector => W.map((w) => dot(w, x));
}
