import { describe, expect, test } from 'vitest';
import { calibrate, recommend } from '../src/bench/calibrate.js';
import { calibratedMargin, checkCalibration, parseCalibration } from '../src/bench/calibration.js';
import { marginRule } from '../src/bench/margins.js';
import { judge, leastCalled, type ProcessSet } from '../src/bench/timed_gate.js';
import { type NoiseProfile, noisyMachine, SHARED_MACHINE, WIDE_PROFILES } from './noise.js';
import { bareRun, suiteCells } from './suites.js';

const CELLS = suiteCells(3);
const OPTIONS = { runs: [5, 10], marginsPct: [3, 5, 10], suites: 200, seed: 1, createdAt: '2026-01-02T03:04:05Z' };

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

describe('the least slow-down that is called', () => {
  test('is where the verdict turns into regressed', () => {
    const next = noisyMachine(SHARED_MACHINE, 1, 3);
    const draw = (count: number): number[] => Array.from({ length: count }, () => next()[0]!);
    for (let suite = 0; suite < 50; suite++) {
      const sets: ProcessSet[] = [5, 10].map((size) => ({ base: draw(size), new: draw(size) }));
      const rules = { margin: 0.05, tail: 0.001, firingsToFail: 2 };
      const least = leastCalled(sets, rules.tail)(rules.margin);
      const verdictAt = (slowdown: number): string => {
        const slowed = sets.map((set) => ({ base: set.base, new: set.new.map((ms) => ms * (1 + slowdown)) }));
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
      'run.json: cells: Linear decode 16: needs 20 processes, got 19',
    );
  });
});

describe('the recommendation', () => {
  test('is the fewest runs that see nearly as much as the best quiet rule', () => {
    expect(recommend([rule(5, 3, 0.2, 6), rule(5, 5, 0, 9), rule(10, 5, 0, 7), rule(20, 5, 0, 6.5)])).toEqual({
      runs: 10,
      margin_pct: 5,
    });
  });
  test('is none when every rule cries wolf', () => {
    expect(recommend([rule(5, 3, 0.2, 6), rule(5, 5, 0.01, 9)])).toBeNull();
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
  test('refuses a file that is none, naming the field', () => {
    expect(() => parseCalibration({ ...calibration, suites: -1 }, 'c.json')).toThrow(/^c\.json: suites: /);
  });
});
