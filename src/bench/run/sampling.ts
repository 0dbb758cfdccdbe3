/** Warm-up and sampling of one cell in one process (docs/method.md, A.4). */
import { max, min } from '../../statistics.js';
import type { SamplingRules } from '../protocol/plan.js';

/** Milliseconds from a fixed point. */
export type Clock = () => number;

/** Runs `repeats` times what a sample consists of. @returns the time of all, in ms, by the clock of the process that did it */
export type Timed = (repeats: number) => Promise<number>;

export interface Samples {
  /** The first calls, one repeat each. */
  readonly warmupMs: readonly number[];
  /** Time of one repeat. */
  readonly samplesMs: readonly number[];
  readonly repeats: number;
}

/** A sample of more times the fastest is not the work's: the process was stopped meanwhile (Ctrl-Z), or had to wait. */
const STRAY = 10;

/** What is known before the first sample. */
export type Warm = Pick<Samples, 'warmupMs' | 'repeats'>;

/** Calls each until it is warm. @returns of all, as many repeats as the quickest needs */
export async function warmUp(timed: readonly Timed[], rules: SamplingRules): Promise<Warm[]> {
  const warmups: number[][] = [];
  for (const one of timed) warmups.push(await callsUntilWarm(one, rules));
  const repeats = Math.max(1, Math.ceil(rules.minSampleMs / Math.max(min(warmups.flat()), 1e-3)));
  return warmups.map((warmupMs) => ({ warmupMs, repeats }));
}

/**
 * Samples until there is enough to take the minimum of: one that strayed is kept, but does not use up the time. What is
 * given more than one thing to time has them take turns, a sample each, so that their i-th samples are of one moment.
 * @returns the samples of each, as many of all
 */
export async function takeSamples(
  timed: readonly Timed[],
  warm: readonly Warm[],
  { samples: { minCount, minMs, maxMs } }: SamplingRules,
): Promise<Samples[]> {
  const samples = warm.map((one) => ({ ...one, samplesMs: [] as number[] }));
  let fastest = min(warm.flatMap(({ warmupMs, repeats }) => warmupMs.map((ms) => repeats * ms)));
  let elapsed = 0; // of each
  for (let round = 0; elapsed < maxMs && (round < minCount || elapsed < minMs); round++) {
    for (const i of inTurns(timed.length, round)) {
      const { samplesMs, repeats } = samples[i] as (typeof samples)[number];
      const ms = await (timed[i] as Timed)(repeats);
      fastest = Math.min(fastest, ms);
      elapsed += Math.min(ms, STRAY * Math.max(fastest, 1)) / timed.length; // a clock may say 0 ms
      samplesMs.push(ms / repeats);
    }
  }
  return samples;
}

/** Whose turn it is: there and back again, so that what grows or falls over two rounds meets all alike. */
function inTurns(count: number, round: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  return round % 2 === 0 ? order : order.reverse();
}

/** The first calls made, at most `maxCalls` of them. */
async function callsUntilWarm(timed: Timed, { warmup, warmSpread }: SamplingRules): Promise<number[]> {
  const calls: number[] = [];
  let elapsed = 0;
  const isWarm = (): boolean => {
    const last = calls.slice(-warmup.minCalls);
    const steady = max(last) <= min(last) * (1 + warmSpread);
    return calls.length >= warmup.maxCalls || (calls.length >= warmup.minCalls && steady);
  };
  while (elapsed < warmup.maxMs && (elapsed < warmup.minMs || !isWarm())) {
    const ms = await timed(1);
    calls.push(ms);
    elapsed += ms;
  }
  return calls.slice(0, warmup.maxCalls);
}
