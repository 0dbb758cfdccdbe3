/**
 * q, k and v out of maps that pass a short depthwise causal convolution, then SiLU:
 *
 *     y_t = silu( Σ_{i=0..3} c_i x_{t-3+i} + b )        zeros before the start; the bias is for models that have one
 *
 * Whatever else a model maps x to is one product with them.
 */
import { materialize } from '../../compiled/materialize.js';
import * as tf from '../../tf.js';
import type { WeightSource } from '../weights.js';
import { denseWeight, lastPosition, matMulLast, silu } from './layers.js';

/** Width w of the convolutions: a token and the three before it. */
const CONV_WIDTH = 4;

/** All maps side by side, and the convolutions of q, k, v. */
export type ShortConv = {
  readonly weight: tf.Tensor2D; // [d, reading + widths + writing]
  readonly taps: tf.Tensor2D; // [w, widths], the last row is the newest token's
  readonly bias?: tf.Tensor1D; // [widths]
};
type Filters = Pick<ShortConv, 'taps' | 'bias'>;

/** Outputs of q, of k and of v. */
type Widths = readonly [q: number, k: number, v: number];

/** Names of maps and their outputs. */
type Maps = Readonly<Record<string, number>>;

/** Maps of x beside those of q, k and v. */
export interface OtherMaps {
  /** What goes with q: where the last position alone is read, it is asked of that one alone. */
  readonly reading: Maps;
  /** What goes with k and v. */
  readonly writing: Maps;
}

interface Setting extends OtherMaps {
  readonly widths: Widths;
  readonly hasBias?: boolean;
}

/** The last inputs of the convolutions, [B, w - 1, widths]. */
export type Window = tf.Tensor3D;

/** q, k, v and what the other maps give, [B, T, width] each, and the window after them. */
export interface Convolved {
  readonly q: tf.Tensor3D;
  readonly k: tf.Tensor3D;
  readonly v: tf.Tensor3D;
  readonly reading: readonly tf.Tensor3D[];
  readonly writing: readonly tf.Tensor3D[];
  readonly window: Window;
}

/** The maps of a mixer. */
export interface ConvolvedMaps {
  parameters(weights: WeightSource): ShortConv;
  empty(B: number): Window;
  /**
   * Of x [B, T, d], after what `window` holds.
   * @param lastOnly q and what goes with it of the last position alone, [B, 1, width]
   */
  project(conv: ShortConv, window: Window, x: tf.Tensor3D, lastOnly: boolean): Convolved;
  /** Floats of a window, a row. */
  readonly windowFloats: number;
}

export function convolvedMaps(d: number, { widths, reading, writing, hasBias = false }: Setting): ConvolvedMaps {
  const [before, after] = [Object.values(reading), Object.values(writing)];
  return {
    parameters(weights) {
      const convolved = (['q', 'k', 'v'] as const).map((name, i) => [name, widths[i] as number] as const);
      const maps = [...Object.entries(reading), ...convolved, ...Object.entries(writing)];
      const taps = convolved.map(([name, width]) =>
        tf.tensor2d(weights.get(`${name}_conv.weight`, [width, CONV_WIDTH]), [width, CONV_WIDTH]),
      );
      const biasOf = ([name, width]: (typeof convolved)[number]) =>
        tf.tensor1d(weights.get(`${name}_conv.bias`, [width]));
      return {
        weight: denseWeight(weights, maps.map(([name]) => name), maps.map(([, width]) => width), d), // biome-ignore format: one line
        taps: tf.transpose(tf.concat(taps, 0)),
        ...(hasBias ? { bias: tf.concat(convolved.map(biasOf)) } : {}),
      };
    },
    empty: (B) => tf.zeros([B, CONV_WIDTH - 1, total(widths)]),
    project(conv, window, x, lastOnly) {
      if (lastOnly) return projectLast(conv, window, x, widths, before, after);
      const mapped = splitLast(matMulLast(x, conv.weight), [...before, total(widths), ...after]);
      const { y, window: next } = convolve(window, mapped[before.length] as tf.Tensor3D, conv);
      const [q, k, v] = splitLast(y, widths) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
      const others = { reading: mapped.slice(0, before.length), writing: mapped.slice(before.length + 1) };
      return { q, k, v, ...others, window: next };
    },
    windowFloats: (CONV_WIDTH - 1) * total(widths),
  };
}

/** Where the last position alone is read, whose convolution reads the last w tokens. */
function projectLast(
  conv: ShortConv,
  window: Window,
  x: tf.Tensor3D,
  widths: Widths,
  before: readonly number[],
  after: readonly number[],
): Convolved {
  const [B, T, d] = x.shape;
  const [ofQ, ofKV] = [widths[0], widths[1] + widths[2]];
  const newest = Math.min(T, CONV_WIDTH);
  const mapped = (from: tf.Tensor3D, begin: number, outs: readonly number[]): tf.Tensor3D[] =>
    outs.length === 0 ? [] : splitLast(matMulLast(from, lastColumns(conv.weight, begin, total(outs))), outs);
  const reading = mapped(lastPosition(x), 0, before);
  const asked = mapped(tf.slice(x, [0, T - newest, 0], [B, newest, d]), total(before), [ofQ]);
  const told = mapped(x, total(before) + ofQ, [ofKV, ...after]);
  const part = (inputs: tf.Tensor | undefined, begin: number, size: number) =>
    convolve(lastColumns(window, begin, size), inputs as tf.Tensor3D, filters(conv, begin, size));
  const [read, written] = [part(asked[0], 0, ofQ), part(told[0], ofQ, ofKV)];
  const [k, v] = splitLast(written.y, widths.slice(1)) as [tf.Tensor3D, tf.Tensor3D];
  return {
    ...{ q: lastPosition(read.y), k, v },
    ...{ reading, writing: told.slice(1) },
    window: tf.concat([read.window, written.window], 2),
  };
}

const total = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0);

const splitLast = (x: tf.Tensor3D, widths: readonly number[]): tf.Tensor3D[] =>
  widths.length === 1 ? [x] : tf.split(x, [...widths], 2);

/** The convolutions of the outputs [begin, begin + size). */
function filters({ taps, bias }: Filters, begin: number, size: number): Filters {
  return {
    taps: lastColumns(taps, begin, size),
    ...(bias ? { bias: lastColumns(bias, begin, size) } : {}),
  };
}

/** The columns [begin, begin + size) of the last axis. */
function lastColumns<X extends tf.Tensor>(x: X, begin: number, size: number): X {
  const rest = x.shape.slice(0, -1);
  return tf.slice(x, [...rest.map(() => 0), begin], [...rest, size]);
}

/** Convolves x [B, T, widths] with what the window holds of the tokens before it. */
function convolve(window: Window, x: tf.Tensor3D, { taps, bias }: Filters): { y: tf.Tensor3D; window: Window } {
  const [B, T, width] = x.shape;
  const inputs = tf.concat([window, x], 1);
  const next = tf.slice(inputs, [0, T, 0], [B, CONV_WIDTH - 1, width]);
  const activated = (y: tf.Tensor3D): tf.Tensor3D => silu(bias ? tf.add(y, bias) : y);
  if (T === 1) return { y: activated(tf.sum(tf.mul(inputs, taps), 1, true)), window: next };
  const filter: tf.Tensor4D = tf.reshape(taps, [CONV_WIDTH, 1, width, 1]);
  const image: tf.Tensor4D = tf.expandDims(inputs, 2);
  const y: tf.Tensor3D = tf.squeeze(tf.depthwiseConv2d(image, filter, 1, 'valid'), [2]);
  return { y: materialize(activated(y)), window: next };
}
