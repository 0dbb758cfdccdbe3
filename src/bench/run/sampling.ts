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

/** Samples until there is enough to take the minimum of: one that strayed is kept, but does not use up the time. */
export async function takeSamples(timed: Timed, rules: SamplingRules): Promise<Samples> {
  const warmupMs = await warmUp(timed, rules);
  const repeats = Math.max(1, Math.ceil(rules.minSampleMs / Math.max(min(warmupMs), 1e-3)));
  const { minCount, minMs, maxMs } = rules.samples;
  const samplesMs: number[] = [];
  let fastest = repeats * min(warmupMs);
  let elapsed = 0;
  while (elapsed < maxMs && (samplesMs.length < minCount || elapsed < minMs)) {
    const ms = await timed(repeats);
    fastest = Math.min(fastest, ms);
    elapsed += Math.min(ms, STRAY * Math.max(fastest, 1)); // a clock may say 0 ms
    samplesMs.push(ms / repeats);
  }
  return { warmupMs, samplesMs, repeats };
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
