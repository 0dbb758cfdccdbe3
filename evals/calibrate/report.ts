/** What calibrate prints. */

import { type Calibration, MAX_FALSE_ALARMS, type Rule, type SuiteRule } from '../../src/bench/gate/calibration.js';
import { sharpest } from '../../src/bench/gate/draw_suites.js';
import { percentText } from '../../src/report/format.js';
import type { Table } from '../../src/report/table.js';
import { cellKey } from '../../src/results/cell.js';

/** Cells that the advice names, the worst first. */
const NAMED_CELLS = 3;
const REMEDIES = 'What helps: a quieter machine, longer lengths, compare-models with more --runs';

/** Every cell under every rule, then all of them together. */
export function calibrationTable({ cells, suite }: Calibration): Table {
  const both = (rule: Rule): string => `${percentText(rule.false_alarm)}, ${atLeast(rule.detectable_pct)}`;
  return {
    title: 'False alarms of identical code, and least slow-down found in 95 %, by runs a side and margin',
    columns: ['cell', 'spread', ...suite.map((rule) => `${rule.runs} runs, ${rule.margin_pct} %`)],
    rows: [
      ...cells.map((cell) => [cellKey(cell), percentText(cell.spread), ...cell.rules.map(both)]),
      ['typical cell', '', ...suite.map(({ typical_pct }) => atLeast(typical_pct))],
      ['whole suite', '', ...suite.map(both)],
    ],
    notes: [
      'Spread: interquartile range of the process values over their median. Typical: found in half of the cells. A firing is confirmed by a second set of twice the runs.',
    ],
  };
}

/** The rule to gate with, or how to come to one, and the cells in which the gate sees little. */
export function advice({ recommended, cells, suite, goal_pct }: Calibration): string[] {
  const isChosen = (rule: SuiteRule): boolean =>
    rule.runs === recommended?.runs && rule.margin_pct === recommended.margin_pct;
  const rule = suite.find(isChosen) ?? sharpest(suite);
  if (rule === null) {
    return [
      `Nothing to recommend: every rule raised ${percentText(MAX_FALSE_ALARMS)} false alarms or more. ${REMEDIES}.`,
    ];
  }
  const goal = percentText(goal_pct / 100);
  const plan = `--runs ${rule.runs} --margin ${rule.margin_pct}, which finds ${atLeast(rule.typical_pct)} in the typical cell`;
  const found = cells.map((cell) => ({ cell, pct: cell.rules[suite.indexOf(rule)]?.detectable_pct ?? Infinity }));
  const blurred = found.filter(({ pct }) => pct > goal_pct).sort((a, b) => b.pct - a.pct);
  return [
    recommended === null
      ? `Nothing to recommend: no rule with few false alarms finds ${goal}. The best is ${plan}. ${REMEDIES}, or a larger --detect.`
      : `Recommended: ${plan}; gate with --confirm or --ab.`,
    ...(blurred.length === 0
      ? []
      : [`${blurredText(blurred)} would hide ${goal}: leave them out, or give each a --cell_margin.`]),
  ];
}

function blurredText(blurred: readonly { cell: Calibration['cells'][number]; pct: number }[]): string {
  const named = blurred.slice(0, NAMED_CELLS).map(({ cell, pct }) => `${cellKey(cell)} (${atLeast(pct)})`);
  const more = blurred.length - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

const atLeast = (pct: number): string => `≥ ${percentText(pct / 100)}`;
