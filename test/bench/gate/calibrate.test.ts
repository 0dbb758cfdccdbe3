import { describe, expect, test } from 'vitest';
import { advice } from '../../../evals/calibrate/report.js';
import {
  calibratedMargin,
  checkCalibration,
  parseCalibration,
  type Rule,
} from '../../../src/bench/gate/calibration.js';
import { calibrate, recommend, sharpest } from '../../../src/bench/gate/draw_suites.js';
import { marginRule } from '../../../src/bench/gate/margins.js';
import { judge, leastCalled, type ProcessSet } from '../../../src/bench/gate/timed.js';
import { WASM } from '../../support/make_results.js';
import { type NoiseProfile, noisyMachine, SHARED_MACHINE, WIDE_PROFILES } from '../../support/noise.js';
import { apart, bareRun, suiteCells } from './suites.js';

const CELLS = suiteCells(3);
const OPTIONS = {
  runs: [5, 10],
  marginsPct: [3, 5, 10],
  suites: 200,
  goalPct: 10,
  seed: 1,
  createdAt: '2026-01-02T03:04:05Z',
};

function noisyRun(profile: NoiseProfile, processes: number, seed = 1) {
  const next = noisyMachine(profile, CELLS.length, seed);
  const rows = Array.from({ length: processes }, next);
  return bareRun(
    CELLS,
    CELLS.map((_, i) => rows.map((row) => row[i]!)),
  );
}

const rule = (runs: number, margin_pct: number, false_alarm: number, detectable_pct: number) => ({
  ...{ runs, margin_pct, false_alarm, detectable_pct },
});
const suiteRule = (runs: number, margin_pct: number, false_alarm: number, typical_pct: number) => ({
  ...rule(runs, margin_pct, false_alarm, 3 * typical_pct),
  typical_pct,
});

describe('the least slow-down that is called', () => {
  test('is where the verdict turns into regressed', () => {
    const next = noisyMachine(SHARED_MACHINE, 1, 4); // no two of its values are the same, as of a coarse clock
    const draw = (count: number): number[] => Array.from({ length: count }, () => next()[0]!);
    for (let suite = 0; suite < 50; suite++) {
      const sets: ProcessSet[] = [5, 10].map((size) => apart(draw(size), draw(size)));
      const rules = { margin: 0.05, tail: 0.001, firingsToFail: 2 };
      const least = leastCalled(sets, rules.tail)(rules.margin);
      const verdictAt = (slowdown: number): string => {
        const slowed = sets.map((set) => ({ ...set, new: set.new.map((ms) => ms * (1 + slowdown)) }));
        return judge(CELLS[0]!, slowed, rules).verdict;
      };
      expect(verdictAt(least + 1e-9)).toBe('regressed');
      expect(verdictAt(least - 1e-6)).not.toBe('regressed');
    }
  });
});

describe('calibrate', () => {
  const quiet = calibrate(noisyRun(SHARED_MACHINE, 40), 'run', OPTIONS);
  test('writes what it reads', () => {
    expect(parseCalibration(JSON.parse(JSON.stringify(quiet)), 'file')).toEqual(quiet);
  });
  test('has a rule for each number of runs and margin, of each cell and of the suite', () => {
    expect(quiet.suite.map(({ runs, margin_pct }) => [runs, margin_pct])).toEqual([
      ...[3, 5, 10].map((margin) => [5, margin]),
      ...[3, 5, 10].map((margin) => [10, margin]),
    ]);
    expect(quiet.cells.map(({ rules }) => rules.length)).toEqual([6, 6, 6]);
  });
  test('a suite alarms at least as often as each of its cells', () => {
    quiet.suite.forEach((all, i) => {
      for (const { rules } of quiet.cells) expect(all.false_alarm).toBeGreaterThanOrEqual(rules[i]!.false_alarm);
    });
  });
  test('more processes see smaller slow-downs, and no margin sees less than itself', () => {
    const at = (runs: number, margin: number) =>
      quiet.suite.find((one) => one.runs === runs && one.margin_pct === margin)!.detectable_pct;
    expect(at(10, 5)).toBeLessThan(at(5, 5));
    expect(at(10, 5)).toBeGreaterThan(5);
  });
  test('a noisier machine sees less', () => {
    const noisy = calibrate(noisyRun(WIDE_PROFILES[2]!, 40), 'run', OPTIONS);
    noisy.suite.forEach((all, i) => {
      expect(all.detectable_pct).toBeGreaterThan(quiet.suite[i]!.detectable_pct);
    });
  });
  test('the same seed gives the same calibration', () => {
    expect(calibrate(noisyRun(SHARED_MACHINE, 40), 'run', OPTIONS)).toEqual(quiet);
  });
  test('fewer than 20 processes are refused by the name of the cell', () => {
    expect(() => calibrate(noisyRun(SHARED_MACHINE, 19), 'run.json', OPTIONS)).toThrow(
      'run.json: cells: Linear decode 16 wasm: needs 20 processes, got 19',
    );
  });
});

describe('the recommendation', () => {
  const suite = [suiteRule(5, 3, 0.2, 6), suiteRule(5, 5, 0, 9), suiteRule(10, 3, 0, 7), suiteRule(10, 5, 0, 7.5)];
  test('is the fewest runs, then the smallest margin, that find the goal without crying wolf', () => {
    expect(recommend(suite, 10)).toEqual({ runs: 5, margin_pct: 5 });
    expect(recommend(suite, 8)).toEqual({ runs: 10, margin_pct: 3 });
  });
  test('is none when no quiet rule finds the goal in the typical cell, however small its margin', () => {
    expect(recommend(suite, 6.5)).toBeNull();
    expect(sharpest(suite)).toMatchObject({ runs: 10, margin_pct: 3 });
  });
  test('is none when every rule cries wolf', () => {
    const loud = [suiteRule(5, 3, 0.2, 6), suiteRule(5, 5, 0.01, 9)];
    expect(recommend(loud, 10)).toBeNull();
    expect(sharpest(loud)).toBeNull();
  });
});

describe('on simulated machines', () => {
  const calibrated = (profile: NoiseProfile, goalPct: number, seed = 1) =>
    calibrate(noisyRun(profile, 40, seed), 'run', { ...OPTIONS, goalPct });
  test('a rule that finds 10 % is recommended where most processes agree within 2 %', () => {
    const { recommended, suite } = calibrated(SHARED_MACHINE, 10, 2); // in 9 of 12 such draws
    const isChosen = ({ runs, margin_pct }: Rule) =>
      runs === recommended?.runs && margin_pct === recommended.margin_pct;
    const chosen = suite.find(isChosen)!;
    expect(chosen.typical_pct).toBeLessThanOrEqual(10);
    expect(chosen.false_alarm).toBeLessThan(0.01);
    const cheaper = suite.filter((one) => one.runs < chosen.runs);
    expect(cheaper.every((one) => one.typical_pct > 10 || one.false_alarm >= 0.01)).toBe(true);
  });
  test('nothing is recommended for 10 % where processes differ by 14 %, and a rule is for what can be seen', () => {
    const wide = calibrated(WIDE_PROFILES[2]!, 10);
    expect(wide.recommended).toBeNull();
    const best = sharpest(wide.suite)!;
    expect(best.typical_pct).toBeGreaterThan(10);
    expect(advice(wide)[0]).toBe(
      `Nothing to recommend: no rule with few false alarms finds 10 %. The best is --runs ${best.runs} --margin ${best.margin_pct}, which finds ≥ ${Number(best.typical_pct.toFixed(1))} % in the typical cell. What helps: a quieter machine, longer lengths, compare-models with more --runs, or a larger --detect.`,
    );
    expect(calibrated(WIDE_PROFILES[2]!, best.typical_pct).recommended).not.toBeNull();
  });
});

describe('the advice', () => {
  const base = calibrate(noisyRun(SHARED_MACHINE, 40), 'run', OPTIONS);
  const blurred = CELLS.map((cell, i) => ({ ...cell, spread: 0.01, rules: [rule(5, 3, 0, [9, 60, 11][i]!)] }));
  const advised = { ...base, suite: [suiteRule(5, 3, 0, 9)], cells: blurred, recommended: { runs: 5, margin_pct: 3 } };
  test('names the rule, what it finds, and the cells in which it would not, the worst first', () => {
    expect(advice(advised)).toEqual([
      'Recommended: --runs 5 --margin 3, which finds ≥ 9 % in the typical cell; gate with --confirm or --ab.',
      'Linear decode 32 wasm (≥ 60 %), Linear decode 64 wasm (≥ 11 %) would hide 10 %: leave them out, or give each a --cell_margin.',
    ]);
  });
  test('says that every rule cries wolf', () => {
    const loud = { ...advised, suite: [suiteRule(5, 3, 0.5, 9)], recommended: null };
    expect(advice(loud)).toEqual([expect.stringMatching(/^Nothing to recommend: every rule raised 1 % false alarms/)]);
  });
});

describe('the gate with a calibration', () => {
  const run = noisyRun(SHARED_MACHINE, 40);
  const base = calibrate(run, 'run', OPTIONS);
  const rules = [rule(5, 3, 0.1, 5), rule(5, 5, 0.005, 7), rule(5, 10, 0, 12)];
  const calibration = {
    ...base,
    recommended: { runs: 5, margin_pct: 5 },
    cells: [{ ...base.cells[0]!, rules }],
  };
  test('takes the smallest quiet margin of the cell', () => {
    expect(calibratedMargin(calibration, CELLS[0]!)).toBe(0.05);
    expect(marginRule([], undefined, calibration)(CELLS[0]!)).toBe(0.05);
  });
  test('takes what the command line says first, and 5 % for a cell not calibrated', () => {
    expect(marginRule([], 8, calibration)(CELLS[0]!)).toBe(0.08);
    expect(marginRule([], undefined, calibration)(CELLS[1]!)).toBe(0.05);
  });
  test('refuses that of another machine', () => {
    const moved = { ...run, machine: { ...run.machine, cpu_model: 'Other CPU' } };
    expect(() => checkCalibration(calibration, moved, '--calibration: c.json')).toThrow(
      '--calibration: c.json: cpu_model: must be Other CPU as in NEW, got Test CPU; run calibrate again',
    );
  });
  test('refuses that of other engines, and one of an older version', () => {
    const more = { ...run, engines: [...run.engines, { ...WASM, id: 'torch' }] };
    expect(() => checkCalibration(calibration, run, 'c.json')).not.toThrow();
    expect(() => checkCalibration(calibration, more, 'c.json')).toThrow(
      'c.json: cells: must be of torch too as in NEW, got wasm; run calibrate again',
    );
    expect(() => parseCalibration({ ...calibration, calibration_version: 1 }, 'c.json')).toThrow(
      'c.json: calibration_version must be 2, got 1 of an older attnscale; run calibrate again',
    );
  });
  test('refuses a file that is none, naming the field', () => {
    expect(() => parseCalibration({ ...calibration, suites: -1 }, 'c.json')).toThrow(/^c\.json: suites: /);
  });
});
