/** Which named growths the data allow (docs/method.md, B.4). */
import { max, mean, min } from '../../statistics.js';
import { grouped, type Replicates } from './bootstrap.js';
import { criterion, type Evidence, evidenceOf, lackOfFit, PLAUSIBLE_DELTA } from './evidence.js';
import { type Point, powerLawSlope } from './fit.js';
import { fitFloor } from './floor_fit.js';
import { leastOn } from './numeric.js';
import { fitProportional, type ProportionalFit } from './proportional.js';

/** A growth that the data allow, beside a floor. */
export interface ClassFit {
  readonly name: ClassName;
  /** Its criterion (AICc) less the least of all, a free power of n included. */
  readonly delta: number;
}

export type ClassName = '1' | 'log n' | 'n log n' | (typeof POWERS)[number][0];
const POWERS = [
  ['n', 1],
  ['n^1.5', 1.5],
  ['n²', 2],
  ['n³', 3],
] as const;
/** With one sample a cell nothing tells the noise: then no point may be missed by more than a quarter. */
const LARGEST_ERROR = Math.log(1.25);
/**
 * n log n is n · log(n / u) for a unit u that nobody knows (a token, a leaf of a tree): over the lengths its logarithm
 * grows by some factor between these. Less cannot be told from n, and more is steeper than any logarithm in use.
 */
const LOG_GROWTH = [1.25, 6] as const;
const LOG_STEPS = 8;

interface Candidate {
  /** Null for a free power of n. */
  readonly name: ClassName | null;
  readonly parameters: number;
  readonly rss: number;
  readonly largestError: number;
}

/**
 * The named growths that the data allow, best first: their criterion within 4 of the least (free powers of n without and
 * with a floor are among those compared), no lack of fit, and better than a constant. An empty list: none of them.
 * @param replicates at least 5 lengths, ascending
 * @example fitClasses(replicates).map(({ name }) => name) // ['n', 'n log n']: the data cannot tell these two apart
 */
export function fitClasses(replicates: Replicates): ClassFit[] {
  const own = grouped(replicates);
  const evidence = evidenceOf(own);
  const valued = ({ rss, parameters }: Candidate): number => criterion(evidence, rss, parameters);
  const lengths = own.points.map(({ n }) => n);
  const times = own.points.map(({ t }) => t);
  const constant = constantOf(times.map(Math.log));
  const growing = [...powersOf(lengths, times), logarithmOf(lengths, times), linearithmicOf(lengths, times)];
  const least = min([constant, ...growing, ...freePowersOf(own.points)].map(valued));
  return [constant, ...growing.filter((one) => valued(one) < valued(constant))]
    .filter((one) => isCompatible(one, evidence))
    .map((one) => ({ name: one.name as ClassName, delta: valued(one) - least }))
    .filter(({ delta }) => delta <= PLAUSIBLE_DELTA)
    .sort((a, b) => a.delta - b.delta);
}

function isCompatible({ rss, largestError, parameters }: Candidate, evidence: Evidence): boolean {
  if (evidence.noise === null) return largestError <= LARGEST_ERROR;
  return lackOfFit(evidence, rss, parameters) === null;
}

function constantOf(logs: readonly number[]): Candidate {
  const errors = logs.map((log) => Math.abs(log - mean(logs)));
  return { name: '1', parameters: 1, rss: errors.reduce((sum, e) => sum + e ** 2, 0), largestError: max(errors) };
}

function powersOf(lengths: readonly number[], times: readonly number[]): Candidate[] {
  return POWERS.map(([name, power]) => {
    const growths = lengths.map((n) => (n / max(lengths)) ** power);
    return { ...fitProportional(growths, times), name, parameters: 2 };
  });
}

/** a + b log(n / u): whatever the unit u, a line over log n, whose floor is the time at the smallest length. */
function logarithmOf(lengths: readonly number[], times: readonly number[]): Candidate {
  const growths = lengths.map((n) => Math.log(n / min(lengths)));
  return { ...fitProportional(growths, times, ['added']), name: 'log n', parameters: 2 };
}

function linearithmicOf(lengths: readonly number[], times: readonly number[]): Candidate {
  const [first, last] = [min(lengths), max(lengths)];
  const fitWith = (logGrowth: number): ProportionalFit => {
    const logarithm = (n: number): number =>
      1 + ((Math.exp(logGrowth) - 1) * Math.log(n / first)) / Math.log(last / first);
    return fitProportional(lengths.map((n) => (n / last) * logarithm(n)), times); // biome-ignore format: one thought
  };
  const [low, high] = LOG_GROWTH.map(Math.log) as [number, number];
  const best = leastOn((logGrowth) => fitWith(logGrowth).rss, low, high, LOG_STEPS);
  return { ...fitWith(best), name: 'n log n', parameters: 3 };
}

function freePowersOf(points: readonly Point[]): Candidate[] {
  const lengths = points.map(({ n }) => n);
  const slope = powerLawSlope(lengths)(points.map(({ t }) => t));
  const bare = constantOf(points.map(({ n, t }) => Math.log(t) - slope * Math.log(n))).rss;
  const free = (rss: number, parameters: number): Candidate => ({ name: null, rss, parameters, largestError: 0 });
  return [free(bare, 2), free(fitFloor(points).rss, 3)];
}
