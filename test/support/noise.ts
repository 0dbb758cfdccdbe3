/**
 * Process values of identical code as a shared machine gives them: most processes within a few percent, some much
 * slower for all their cells, a slow drift over minutes, and the odd slow cell. Multipliers of the true time.
 */
import { randomExponential, randomNormal } from 'd3-random';
import { random } from '../../src/random.js';

export interface NoiseProfile {
  /** Standard deviation of what a process does to all its cells, of a cell within it, and of the drift. */
  readonly process: number;
  readonly cell: number;
  readonly drift: number;
  /** Share of slow processes, and their mean slow-down (exponential: a heavy tail). */
  readonly slowShare: number;
  readonly slowBy: number;
}

/** From 60 processes of fixed code on a shared 2-core machine: 80 % within 3 % of the median, one in ten up to 1.9x. */
export const SHARED_MACHINE: NoiseProfile = { process: 0.012, cell: 0.008, drift: 0.01, slowShare: 0.1, slowBy: 0.15 };
/** Processes vary by 4, 9 and 14 % of the value, evenly: no estimator finds 5 % in that. */
export const WIDE_PROFILES: readonly NoiseProfile[] = [0.04, 0.09, 0.14].map((process) => ({
  process,
  cell: 0.015,
  drift: 0.01,
  slowShare: 0.05,
  slowBy: 0.3,
}));

const DRIFT_MEMORY = 0.9;
const SLOW_CELL_SHARE = 0.05;

/** A machine that runs process after process: each call gives one process's multiplier for each of its cells. */
export function noisyMachine(profile: NoiseProfile, cells: number, seed: number): () => number[] {
  const rng = random(seed, 'noise');
  const normal = randomNormal.source(rng.float)();
  const exponential = randomExponential.source(rng.float);
  const cellNoise = (): number =>
    profile.cell * normal() + (rng.float() < SLOW_CELL_SHARE ? exponential(2 / profile.slowBy)() : 0);
  let drift = profile.drift * normal();
  return () => {
    drift = DRIFT_MEMORY * drift + Math.sqrt(1 - DRIFT_MEMORY ** 2) * profile.drift * normal();
    const slow = rng.float() < profile.slowShare ? exponential(1 / profile.slowBy)() : 0;
    const shared = drift + profile.process * normal() + slow;
    return Array.from({ length: cells }, () => Math.exp(shared + cellNoise()));
  };
}

/** Pairs of processes that are timed in turns: the machine's noise meets both, and each pair has a little of its own. */
export interface PairNoise {
  readonly machine: NoiseProfile;
  /** Standard deviation of the logarithm of a pair's ratio. */
  readonly pair: number;
}

/** Pairs whose ratios lie within 2, 4 and 8 %, on a machine whose processes lie within 14 %: the first is what was measured. */
export const PAIRS: readonly PairNoise[] = [0.02, 0.04, 0.08].map((pair) => ({
  machine: WIDE_PROFILES[2] as NoiseProfile,
  pair,
}));

/** A machine that runs pair after pair: each call gives the multipliers of one pair's cells, of both sides. */
export function noisyPairs({ machine, pair }: PairNoise, cells: number, seed: number): () => [number[], number[]] {
  const rng = random(seed, 'noise of pairs');
  const normal = randomNormal.source(rng.float)();
  const exponential = randomExponential.source(rng.float);
  const next = noisyMachine(machine, cells, seed);
  /** One side of one cell in twenty is slower still, for most of its samples. */
  const own = (): number =>
    (pair / Math.SQRT2) * normal() + (rng.float() < SLOW_CELL_SHARE / 2 ? exponential(1 / (3 * pair))() : 0);
  return () => {
    const shared = next();
    return [shared.map((time) => time * Math.exp(own())), shared.map((time) => time * Math.exp(own()))];
  };
}
