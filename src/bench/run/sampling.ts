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

/**
 * Samples until there is enough to take the minimum of: one that strayed is kept, but does not use up the time. What is
 * given more than one thing to time has them take turns, a sample each, so that their i-th samples are of one moment.
 * @returns the samples of each, as many of all
 */
export async function takeSamples(timed: readonly Timed[], rules: SamplingRules): Promise<Samples[]> {
  const warmups: number[][] = [];
  for (const one of timed) warmups.push(await warmUp(one, rules));
  const quickest = min(warmups.flat());
  const repeats = Math.max(1, Math.ceil(rules.minSampleMs / Math.max(quickest, 1e-3)));
  const { minCount, minMs, maxMs } = rules.samples;
  const samples = warmups.map((warmupMs) => ({ warmupMs, samplesMs: [] as number[], repeats }));
  let fastest = repeats * quickest;
  let elapsed = 0; // of each
  for (let round = 0; elapsed < maxMs && (round < minCount || elapsed < minMs); round++) {
    for (const i of inTurns(timed.length, round)) {
      const ms = await (timed[i] as Timed)(repeats);
      fastest = Math.min(fastest, ms);
      elapsed += Math.min(ms, STRAY * Math.max(fastest, 1)) / timed.length; // a clock may say 0 ms
      samples[i]?.samplesMs.push(ms / repeats);
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
async function warmUp(timed: Timed, { warmup, warmSpread }: SamplingRules): Promise<number[]> {
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
