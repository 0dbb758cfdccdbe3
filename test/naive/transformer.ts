/** The whole model around a mixer, one row at a time. */

import { scoped, type WeightSource } from '../../src/models/weights.js';
import type { Config } from '../support/session.js';
import {
  add,
  dense,
  type Matrix,
  matrixOf,
  mean,
  type NaiveMixer,
  plus,
  range,
  scale,
  times,
  type Vector,
  vectorOf,
} from './arrays.js';

/** Ids [T] -> logits [T, V]: those of position t are what prefill of the first t + 1 tokens must return. */
export function naiveTransformer(mixerOf: (layer: number) => NaiveMixer, weights: WeightSource, config: Config) {
  const { vocabSize: V, hiddenDim: d, numLayers: L } = config;
  const E = matrixOf(weights, 'embedding.weight', V, d);
  const blocks = range(L).map((i) => block(mixerOf(i), scoped(weights, `layers.${i}.`), config));
  const [norm, head] = [layerNorm(weights, 'norm', d), dense(weights, 'head', V, d)];
  return (ids: ArrayLike<number>): Matrix => {
    const embedded = Array.from(ids, (id, p) => add(E[id] as Vector, position(p, d)));
    return blocks.reduce((x, layer) => layer(x), embedded as Matrix).map((x_t) => head(norm(x_t)));
  };
}

function block(mixer: NaiveMixer, layer: WeightSource, config: Config): (x: Matrix) => Matrix {
  const { hiddenDim: d, ffDim: f } = config;
  const mix = mixer(scoped(layer, 'mixer.'), config);
  const [norm1, norm2] = [layerNorm(layer, 'norm1', d), layerNorm(layer, 'norm2', d)];
  const [ffIn, ffOut] = [dense(layer, 'ff.in', f, d), dense(layer, 'ff.out', d, f)];
  return (x) => {
    const mixed = plus(x, mix(x.map(norm1)));
    return mixed.map((x_t) => add(x_t, ffOut(ffIn(norm2(x_t)).map(gelu))));
  };
}

/** P(p)[2i] = sin(p / 10000^(2i/d)), P(p)[2i+1] = cos(p / 10000^(2i/d)). */
export function position(p: number, d: number): Vector {
  return range(d).map((j) => (j % 2 === 0 ? Math.sin(p / 10000 ** (j / d)) : Math.cos(p / 10000 ** ((j - 1) / d))));
}

function layerNorm(weights: WeightSource, name: string, d: number): (x: Vector) => Vector {
  const [gain, bias] = [vectorOf(weights, `${name}.weight`, d), vectorOf(weights, `${name}.bias`, d)];
  return (x) => {
    const centred = x.map((value) => value - mean(x));
    const variance = mean(times(centred, centred));
    return add(times(scale(centred, 1 / Math.sqrt(variance + 1e-5)), gain), bias);
  };
}

/** x Φ(x). */
const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

/** 2/√π e^(-x²) Σ_n 2^n x^(2n+1) / (1·3·…·(2n+1)): all terms have one sign, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [total, term] = [0, x];
  for (let n = 0; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    total += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}
