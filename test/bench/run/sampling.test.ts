import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SamplingRules } from '../../../src/bench/protocol/plan.js';
import { type Samples, takeSamples, warmUp } from '../../../src/bench/run/sampling.js';

const RULES: SamplingRules = {
  warmup: { minCalls: 3, minMs: 250, maxCalls: 10, maxMs: 2000 },
  warmSpread: 0.05,
  samples: { minCount: 5, minMs: 500, maxMs: 3000 },
  rounds: 1,
  minSampleMs: 10,
  compileThoroughly: true,
};

/** Samples something whose i-th repeat takes `msOf(i)`. */
async function sample(msOf: (i: number) => number, rules = RULES): Promise<Samples & { readonly calls: number[] }> {
  let repeat = 0;
  const calls: number[] = [];
  const timed = async (repeats: number): Promise<number> => {
    calls.push(repeats);
    return sum(Array.from({ length: repeats }, () => msOf(repeat++)));
  };
  const [samples] = await takeSamples([timed], await warmUp([timed], rules), rules);
  return { ...(samples as Samples), calls };
}
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

test('calls within 5 % of each other are warm after 3, if these took long enough', async () => {
  expect((await sample((i) => 100 * (1 + 0.02 * (i % 2)))).warmupMs).toHaveLength(3);
});

test('calls that differ are warmed up until the last 3 agree', async () => {
  const times = [400, 300, 200, 150, 101, 100, 102];
  expect((await sample((i) => times[i] ?? 100)).warmupMs).toEqual(times);
});

test('calls that never agree are warmed up 10 times', async () => {
  expect((await sample((i) => (i % 2 === 0 ? 100 : 150))).warmupMs).toHaveLength(10);
});

test('short calls are warmed up for 250 ms, of which 10 are told', async () => {
  const { warmupMs, calls } = await sample(() => 1);
  expect(warmupMs).toEqual(Array(10).fill(1));
  expect(calls.filter((repeats) => repeats === 1)).toHaveLength(250);
});

test('a call of 2 s or more is warmed up once and sampled until 3 s have passed', async () => {
  const slow = await sample(() => 2000);
  expect(slow.warmupMs).toEqual([2000]);
  expect(slow.samplesMs).toEqual([2000, 2000]);
  expect((await sample(() => 60_000)).samplesMs).toEqual([60_000]);
});

test('at least 5 samples and 500 ms are taken', async () => {
  expect((await sample(() => 200)).samplesMs).toHaveLength(5);
  expect((await sample(() => 20)).samplesMs).toHaveLength(25);
});

test('no sample begins after 3 s', async () => {
  expect((await sample(() => 900)).samplesMs).toHaveLength(4);
});

test('short calls are batched to at least 10 ms a sample, and divided again', async () => {
  const { repeats, samplesMs } = await sample(() => 0.3);
  expect(repeats).toBe(34);
  for (const ms of samplesMs) expect(ms).toBeCloseTo(0.3, 9);
});

test('long calls are not batched', async () => {
  expect((await sample(() => 10)).repeats).toBe(1);
});

test('warm-up and sampling end, with a sample, whatever the calls take', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: 0.05, max: 5000, noNaN: true }), { minLength: 1, maxLength: 50 }),
      async (times) => {
        const { warmupMs, samplesMs, repeats } = await sample((i) => times[i % times.length] as number);
        const taken = samplesMs.map((ms) => ms * repeats);
        expect(warmupMs.length).toBeGreaterThanOrEqual(1);
        expect(warmupMs.length).toBeLessThanOrEqual(10);
        expect(samplesMs.length).toBeGreaterThanOrEqual(1);
        const stray = 10 * Math.max(1, Math.min(...taken, repeats * Math.min(...warmupMs)));
        expect(sum(taken.slice(0, -1).map((ms) => Math.min(ms, stray)))).toBeLessThan(3000 + 1e-6);
        expect(samplesMs.length >= 5 || sum(taken) >= 3000).toBe(true);
      },
    ),
  );
});

test.each([
  ['its first sample', 3],
  ['its second sample', 4],
  ['its last sample', 7],
])('a process that was stopped in %s has as many others as one that was not', async (_, stopped) => {
  const { samplesMs } = await sample((i) => (i === stopped ? 600_000 : 100));
  expect(samplesMs).toHaveLength(5);
  expect(samplesMs.filter((ms) => ms === 100)).toHaveLength(4);
});

test('a clock that says 0 ms does not sample for ever', async () => {
  expect((await sample((i) => (i % 2 === 0 ? 0 : 20))).samplesMs.length).toBeLessThan(200);
});

describe('two that take turns', () => {
  const RULES_OF_TWO = { ...RULES, samples: { minCount: 6, minMs: 0, maxMs: 3000 } };
  /** Samples one that takes `first` a repeat and one that takes `second`. */
  async function sampleBoth(first: number, second: number) {
    const order: string[] = [];
    const timed = (name: string, ms: number) => async (repeats: number) => {
      order.push(name);
      return repeats * ms;
    };
    const both = [timed('a', first), timed('b', second)];
    const samples = await takeSamples(both, await warmUp(both, RULES_OF_TWO), RULES_OF_TWO);
    return { samples, order: order.join('') };
  }
  test('are sampled there and back again, as often, and with as many repeats', async () => {
    const { samples, order } = await sampleBoth(2, 4);
    expect(order.slice(-12)).toBe('abba'.repeat(3));
    expect(samples.map(({ samplesMs }) => samplesMs)).toEqual([Array(6).fill(2), Array(6).fill(4)]);
    expect(samples.map(({ repeats }) => repeats)).toEqual([5, 5]);
  });
  test('are warmed up each by itself', async () => {
    const { samples } = await sampleBoth(1, 600);
    expect(samples.map(({ warmupMs }) => warmupMs.length)).toEqual([10, 3]);
  });
  test('have the time of one each', async () => {
    const { samples } = await sampleBoth(1000, 1000);
    expect(samples.map(({ samplesMs }) => samplesMs)).toEqual([Array(3).fill(1000), Array(3).fill(1000)]);
  });
});
