/**
 * Sinusoidal position encodings for any position (Vaswani et al. 2017, arXiv 1706.03762, section 3.5):
 * P(p)[2i] = sin(p / 10000^(2i/d)), P(p)[2i+1] = cos(p / 10000^(2i/d)); with an odd d the last entry is a sine alone.
 */

/** Rows P(start) … P(start + count - 1), row-major [count, d]; to be read only. */
export type Positions = (start: number, count: number) => Float32Array;

/** Positions from 0 on whose encodings are kept at most. */
const KEPT = 4096;

/** (sin, cos) in turn, of positions 0, 1, … [known, d], and (cos, -sin), to rotate them with; the first as encodings. */
interface Waves {
  readonly known: number;
  readonly encodings: Float32Array;
  readonly along: Float64Array;
  readonly across: Float64Array;
}

const byWidth = new Map<number, Positions>();

/** Encodings of width d; all models of a width share what is kept. */
export function createPositions(d: number): Positions {
  const positions = byWidth.get(d) ?? keepingPositions(d);
  byWidth.set(d, positions);
  return positions;
}

/**
 * Computed on the host in float64, since sin(p · f) in float32 is wrong for p near 10^6. Those
 * of the first positions are kept; those from a later start are the kept ones rotated to it, two products an entry instead of
 * a sine: sin(s + p) = sin s cos p + cos s sin p, cos(s + p) = cos s cos p − sin s sin p.
 */
function keepingPositions(d: number): Positions {
  let waves = wavesOf(0, d);
  return (start, count) => {
    const isKept = start + count <= KEPT;
    const needed = isKept ? start + count : count;
    if (needed > waves.known) waves = wavesOf(Math.max(needed, 2 * waves.known), d);
    return isKept ? waves.encodings.subarray(start * d, needed * d) : rotated(waves, start, count, d);
  };
}

/** The first `count` encodings, turned to begin at `start`. */
function rotated({ along, across }: Waves, start: number, count: number, d: number): Float32Array {
  const angles = Float64Array.from({ length: d }, (_, i) => angleOf(start, i, d));
  const [sines, cosines] = [angles.map(Math.sin), angles.map(Math.cos)];
  const encodings = new Float32Array(count * d);
  for (let row = 0, at = 0; row < count; row++) {
    for (let i = 0; i < d; i++, at++) {
      encodings[at] = (cosines[i] as number) * (along[at] as number) + (sines[i] as number) * (across[at] as number);
    }
  }
  return encodings;
}

/** Entry i belongs to frequency 10000^(-2 floor(i/2) / d). */
const angleOf = (position: number, i: number, d: number): number => position * 10000 ** (((i % 2) - i) / d);

function wavesOf(known: number, d: number): Waves {
  const [along, across] = [new Float64Array(known * d), new Float64Array(known * d)];
  const frequencies = Float64Array.from({ length: d }, (_, i) => angleOf(1, i, d));
  for (let position = 0; position < known; position++) {
    // an entry and the one after it are of the same angle; the last of an odd d stands alone
    for (let i = 0; i < d; i += 2) {
      const at = position * d + i;
      const angle = position * (frequencies[i] as number);
      const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
      along[at] = sine;
      across[at] = cosine;
      if (i + 1 === d) continue;
      along[at + 1] = cosine;
      across[at + 1] = -sine;
    }
  }
  return { known, encodings: new Float32Array(along), along, across };
}
