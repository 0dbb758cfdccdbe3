/** Seeded randomness: every random number of the project comes from here. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform integer in [0, end). */
  integer(end: number): number;
  /** Standard normal. */
  normal(): number;
}

/** A stream of random numbers; the same seed gives the same stream, another name another one. */
export function random(seed: number, name = ''): Random {
  const generator = xoroshiro128plus(hash(name, seed));
  const float = (): number => uniformFloat64(generator);
  return {
    float,
    integer: (end) => uniformInt(generator, 0, end - 1),
    normal: () => Math.sqrt(-2 * Math.log(1 - float())) * Math.cos(2 * Math.PI * float()), // Box-Muller
  };
}

/** The items in random order (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], rng: Random): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = rng.integer(last + 1);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** FNV-1a over the name, starting from the seed. */
function hash(name: string, seed: number): number {
  let h = (2166136261 ^ seed) | 0;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return h;
}
