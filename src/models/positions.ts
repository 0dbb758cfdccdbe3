/**
 * Sinusoidal position encodings for any position (Vaswani et al. 2017, arXiv 1706.03762, section 3.5):
 * P(p)[2i] = sin(p / 10000^(2i/d)), P(p)[2i+1] = cos(p / 10000^(2i/d)); with an odd d the last entry is a sine alone.
 */

/** Rows P(start) … P(start + count - 1), row-major [count, d]. */
export type Positions = (start: number, count: number) => Float32Array;

/**
 * Encodings of width d. Computed on the host in float64, since sin(p · f) in float32 is wrong for p near 10^6. The
 * rows from 0 are kept; those of a later segment are the kept ones rotated to its start (angle addition), which costs
 * four products an entry instead of a sine.
 */
export function createPositions(d: number): Positions {
  const pairs = Math.ceil(d / 2);
  const frequency = Float64Array.from({ length: pairs }, (_, i) => 10000 ** ((-2 * i) / d));
  let known = 0;
  let sines = new Float64Array();
  let cosines = new Float64Array();

  const extend = (count: number): void => {
    known = Math.max(count, 2 * known);
    sines = new Float64Array(known * pairs);
    cosines = new Float64Array(known * pairs);
    for (let at = 0; at < sines.length; at++) {
      const angle = Math.floor(at / pairs) * (frequency[at % pairs] as number);
      sines[at] = Math.sin(angle);
      cosines[at] = Math.cos(angle);
    }
  };

  return (start, count) => {
    if (count > known) extend(count);
    const encodings = new Float32Array(count * d);
    for (let i = 0; i < pairs; i++) {
      const angle = start * (frequency[i] as number);
      const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
      for (let row = 0; row < count; row++) {
        const [s, c] = [sines[row * pairs + i] as number, cosines[row * pairs + i] as number];
        encodings[row * d + 2 * i] = sine * c + cosine * s;
        if (2 * i + 1 < d) encodings[row * d + 2 * i + 1] = cosine * c - sine * s;
      }
    }
    return encodings;
  };
}
