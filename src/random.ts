/** Seeded randomness: every random number of the project comes from here. */
import { shuffler } from 'd3-array';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Random {
  /** Uniform in [0, 1), a multiple of 2^-32. */
  float(): number;
  /** Uniform integer in [0, end). */
  integer(end: number): number;
}

/** A stream of random numbers; the same seed gives the same stream, another name another one. */
export function random(seed: number, name = ''): Random {
  const generator = xoroshiro128plus(hash(name, seed));
  const float = (): number => (generator.next() >>> 0) / 2 ** 32;
  return { float, integer: (end) => uniformInt(generator, 0, end - 1) };
}

/** The items in random order. */
export const shuffled = <T>(items: readonly T[], rng: Random): T[] => shuffler(rng.float)([...items]);

/** FNV-1a over the name, starting from the seed. */
function hash(name: string, seed: number): number {
  let h = (2166136261 ^ seed) | 0;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return h;
}
