/**
 * The gate on noise like that of a shared machine: suites of 12 cells, in pairs of processes, five of them at first. The table of docs/gate.md is `GATE_TABLE=1 npx vitest run test/bench/gate/gate_simulation.test.ts -t table`.
 */
import { describe, expect, test } from 'vitest';
import { timedGate } from '../../../src/bench/gate/gate.js';
import { USUAL_SETS } from '../../../src/bench/gate/timed.js';
import type { Verdict } from '../../../src/bench/gate/verdicts.js';
import { noisyPairs, PAIRS, type PairNoise } from '../../support/noise.js';
import { bareRun, pairsOf, suiteCells } from './suites.js';

const CELLS = suiteCells(12);
const MARGIN = 0.05;
const RUNS = 5;

interface Tally {
  readonly suites: number;
  /** Suites with an alarm in a cell that is as fast as before. */
  falseAlarms: number;
  /** Verdicts on the slowed cell. */
  readonly slowed: Record<Verdict, number>;
}

/** Judges `suites` suites in each of which one cell, another each time, is slower by `slowdown`. */
async function simulate(profile: PairNoise, slowdown: number, suites: number, sets = USUAL_SETS): Promise<Tally> {
  const tally: Tally = {
    suites,
    falseAlarms: 0,
    slowed: { faster: 0, regressed: 0, 'not regressed': 0, 'cannot tell': 0 },
  };
  for (let suite = 0; suite < suites; suite++) {
    const slow = suite % CELLS.length;
    const verdicts = await judgeSuite(profile, suite, slow, slowdown, sets);
    tally.slowed[verdicts[slow]!]++;
    const others = verdicts.filter((_, i) => slowdown === 0 || i !== slow);
    if (others.includes('regressed')) tally.falseAlarms++;
  }
  return tally;
}

/** @param sets of processes at most; with 1 nothing is measured again */
async function judgeSuite(profile: PairNoise, seed: number, slow: number, slowdown: number, sets: number) {
  const nextPair = noisyPairs(profile, CELLS.length, seed);
  const inPairs = (runs: number) => {
    const pairs = Array.from({ length: runs }, nextPair);
    const slowed = pairs.map(([, row]) => row.map((ms, i) => (i === slow ? ms * (1 + slowdown) : ms)));
    return { base: bareRun(CELLS, columns(pairs.map(([row]) => row))), new: bareRun(CELLS, columns(slowed)) };
  };
  const first = inPairs(RUNS);
  const measure = async (_: unknown, runs: number) => inPairs(runs);
  const again = sets === 1 ? null : measure;
  const verdicts = await timedGate(pairsOf(first.base, first.new), () => MARGIN, again, sets, 'pairs');
  return verdicts.map(({ verdict }) => verdict);
}

const columns = (rows: readonly (readonly number[])[]): number[][] => CELLS.map((_, i) => rows.map((row) => row[i]!));

const describeProfile = ({ pair }: PairNoise): string => `pairs within ${Math.round(100 * pair)} %`;

describe.each(PAIRS.map((profile) => [describeProfile(profile), profile] as const))('%s', (_, profile) => {
  test('fewer than 1 % of suites of identical code raise an alarm', async () => {
    const { falseAlarms } = await simulate(profile, 0, 500);
    expect(falseAlarms / 500).toBeLessThan(0.01);
  });
  test('one set alone, not confirmed, still raises fewer than 1 % false alarms', async () => {
    const { falseAlarms } = await simulate(profile, 0, 500, 1);
    expect(falseAlarms / 500).toBeLessThan(0.01);
  });
  test('a slow-down by 5 % is found or cannot be told', async () => {
    const { slowed } = await simulate(profile, 0.05, 300);
    expect(slowed['not regressed']).toBe(0);
  });
  test('five sets find at least 99 % of slow-downs by 10 %, with as few false alarms', async () => {
    const { slowed, falseAlarms } = await simulate(profile, 0.1, 100, 5);
    expect(slowed.regressed / 100).toBeGreaterThanOrEqual(0.99);
    expect(slowed['not regressed']).toBe(0);
    expect(falseAlarms / 100).toBeLessThan(0.01);
  });
});

describe('on the pairs that were measured', () => {
  const [measured] = PAIRS as [PairNoise];
  test('three sets find at least 99 % of slow-downs by 10 %', async () => {
    const { slowed } = await simulate(measured, 0.1, 300);
    expect(slowed.regressed / 300).toBeGreaterThanOrEqual(0.99);
  });
  test('identical code mostly passes', async () => {
    const { slowed } = await simulate(measured, 0, 200);
    expect(slowed['not regressed'] / 200).toBeGreaterThan(0.9);
  });
});

/** A row of docs/gate.md: verdicts on one cell in each of 200 suites, and suites of identical code with an alarm. */
test.runIf(process.env['GATE_TABLE']).each(PAIRS.flatMap((profile) => [3, 5].map((sets) => [profile, sets] as const)))(
  'the table of docs/gate.md',
  async (profile, sets) => {
    const [same, tenth, twentieth] = [
      await simulate(profile, 0, sets === 3 ? 1000 : 200, sets),
      await simulate(profile, 0.1, 200, sets),
      await simulate(profile, 0.05, 200, sets),
    ];
    const told = ({ slowed, suites }: Tally, verdict: Verdict): string =>
      [verdict, 'cannot tell' as const].map((name) => Math.round((200 * slowed[name]) / suites)).join(', ');
    const wrong = tenth.slowed['not regressed'] + twentieth.slowed['not regressed'];
    const alarms = `${same.falseAlarms} of ${same.suites}`;
    const verdicts = [told(same, 'not regressed'), told(tenth, 'regressed'), told(twentieth, 'regressed')];
    console.log(`| ${[describeProfile(profile), sets, ...verdicts, alarms, wrong].join(' | ')} |`);
  },
  3_600_000,
);
