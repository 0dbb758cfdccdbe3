/** Warm-up and sampling of one cell in one process (docs/method.md, A.4). */

import { max, min } from '../../statistics.js';
import type { SamplingRules } from '../protocol/plan.js';

/** Milliseconds from a fixed point. */
export type Clock = () => number;

/** Something to time: runs `repeats` times what a sample consists of and ends when its result is in JavaScript. */
export type Timed = (repeats: number) => void;

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
export function takeSamples(timed: Timed, rules: SamplingRules, now: Clock): Samples {
  const time = (repeats: number): number => {
    const start = now();
    timed(repeats);
    return now() - start;
  };
  const warmupMs = warmUp(() => time(1), rules);
  const repeats = Math.max(1, Math.ceil(rules.minSampleMs / Math.max(min(warmupMs), 1e-3)));
  const { minCount, minMs, maxMs } = rules.samples;
  const samplesMs: number[] = [];
  let fastest = repeats * min(warmupMs);
  let elapsed = 0;
  while (elapsed < maxMs && (samplesMs.length < minCount || elapsed < minMs)) {
    const ms = time(repeats);
    fastest = Math.min(fastest, ms);
    elapsed += Math.min(ms, STRAY * Math.max(fastest, 1)); // a clock may say 0 ms
    samplesMs.push(ms / repeats);
  }
  return { warmupMs, samplesMs, repeats };
}

/** The first calls made, at most `maxCalls` of them. */
function warmUp(call: () => number, { warmup, warmSpread }: SamplingRules): number[] {
  const calls: number[] = [];
  let elapsed = 0;
  const isWarm = (): boolean => {
    const last = calls.slice(-warmup.minCalls);
    const steady = max(last) <= min(last) * (1 + warmSpread);
    return calls.length >= warmup.maxCalls || (calls.length >= warmup.minCalls && steady);
  };
  while (elapsed < warmup.maxMs && (elapsed < warmup.minMs || !isWarm())) {
    const ms = call();
    calls.push(ms);
    elapsed += ms;
  }
  return calls.slice(0, warmup.maxCalls);
}
