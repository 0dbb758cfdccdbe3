/** Measurements as processes give them, for the tests of the statistics. */
import { randomNormal } from 'd3-random';
import { type ReplicatedPoint, type Replicates, replicate } from '../../../src/analysis/fits/bootstrap.js';
import { random } from '../../../src/random.js';

export const LENGTHS = [128, 256, 512, 1024, 2048, 4096];
/** Their geometric mean. */
export const N0 = Math.sqrt(128 * 4096);

export interface Noise {
  readonly processes?: number;
  readonly own?: number;
  readonly shared?: number;
  readonly seed?: string;
}

/** Processes of f(n) with noise of each cell (own) and of each process on all its cells (shared). */
export function measure(
  f: (n: number) => number,
  { processes = 5, own = 0.03, shared = 0, seed = '' }: Noise = {},
  lengths: readonly number[] = LENGTHS,
): ReplicatedPoint[] {
  const normal = randomNormal.source(random(1, seed).float)();
  const factors = Array.from({ length: processes }, () => Math.exp(shared * normal()));
  return lengths.map((n) => ({ n, processes: factors.map((factor) => f(n) * factor * Math.exp(own * normal())) }));
}

export function replicated(...curves: readonly ReplicatedPoint[][]): Replicates[] {
  return replicate(curves, 1, 300);
}
