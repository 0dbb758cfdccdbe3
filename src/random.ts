/** Seeded randomness: every random number of the project comes from here. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Random {
  /** Uniform in [0, 1), a multiple of 2^-32. */
  float(): number;
  /** Uniform integer in [0, end). */
  integer(end: number): number;
  /** Standard normal. */
  normal(): number;
}

/** A stream of random numbers; the same seed gives the same stream, another name another one. */
export function random(seed: number, name = ''): Random {
  const generator = xoroshiro128plus(hash(name, seed));
  const float = (): number => (generator.next() >>> 0) / 2 ** 32;
  let spare: number | null = null; // Box-Muller gives two at a time
  const normal = (): number => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - float()));
    const angle = 2 * Math.PI * float();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  return { float, integer: (end) => uniformInt(generator, 0, end - 1), normal };
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
