/** The figures of the two pitfalls in docs/method.md, computed again from results/showcase/pitfalls/. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/analysis/analysis.js';
import { readMeasurements } from '../../src/analysis/read_measurements.js';
import { calibrate } from '../../src/bench/gate/draw_suites.js';
import { exponentText, timeText } from '../../src/report/format.js';
import { readJson } from '../../src/results/json.js';
import { parseResults } from '../../src/results/parse.js';
import {
  type Alarms,
  alarmsOf,
  ourGate,
  ratioOfMeans,
  ratioOfMinima,
  SUITES,
  spreads,
  tTest,
} from '../bench/gate/usual_gates.js';

const pathOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const resultsOf = (name: string) => parseResults(readJson(pathOf(`results/showcase/pitfalls/${name}`), name), name);
const METHOD = readFileSync(pathOf('docs/method.md'), 'utf8');

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;

describe('the power law on a curve with a floor', () => {
  const file = resultsOf('floor.json');
  const { models } = analyze(readMeasurements(file, 'floor.json', 'prefill'), null, 'floor.json');

  test.each(models.map((model) => [model.name, model] as const))('%s reads as the page says', (name, model) => {
    const { powerLaw, floor, slopes, biased } = model;
    const read = [exponentText(powerLaw!), powerLaw!.fit.r2Log!.toFixed(2), exponentText(floor!)];
    const ends = [slopes[0]!.value, slopes.at(-1)!.value].map((slope) => slope.toFixed(2));
    const constant = timeText({ value: floor!.fit.floor, ci: null });
    expect(METHOD).toContain(row(name, ...read, constant, ...ends));
    expect({ biased, unidentified: floor!.unidentified }).toEqual({ biased: true, unidentified: null });
  });

  test('softmax attention, a square, reads below 1 by the power law and near 2 by the last local slope', () => {
    const softmax = models.find(({ name }) => name === 'Softmax')!;
    expect(softmax.powerLaw!.value).toBeLessThan(1);
    expect(softmax.slopes.at(-1)!.value).toBeGreaterThan(1.7);
  });
});

describe('gates on identical code', () => {
  const file = resultsOf('same_code.json');
  const rowOf = (gate: string, { cells, suites }: Alarms): string => row(gate, percent(cells), percent(suites));

  test.each([
    ['ratio of means > 10 %, one process a side', 1, ratioOfMeans],
    ['ratio of minima > 10 %, one process a side', 1, ratioOfMinima],
    ['t-test on samples, one process a side', 1, tTest],
    ['t-test on samples, five processes a side', 5, tTest],
  ])('%s: cries wolf as often as the page says', (gate, runs, isSlower) => {
    expect(METHOD).toContain(rowOf(gate, alarmsOf(file, runs, isSlower)));
  });

  test('ours does as seldom as the page says', async () => {
    const { unclear, ...alarms } = ourGate(file);
    expect(METHOD).toContain(rowOf('`check-regressions`, five processes a side, then ten', alarms));
    expect(METHOD).toContain(`it could not tell ${percent(unclear)} of the cells`);
    expect(alarms.suites).toBeLessThan(0.01);
  });

  test('calibrate recommends no rule that finds 10 % in them', () => {
    const options = { runs: [5, 10, 20], marginsPct: [3, 5, 10], suites: SUITES, goalPct: 10, seed: 1 };
    expect(calibrate(file, 'same_code.json', { ...options, createdAt: file.created_at }).recommended).toBeNull();
  });

  test('processes differ by more than the samples of one', () => {
    const { within, between } = spreads(file);
    expect(METHOD).toContain(`samples of one process vary by ${percent(within)}, processes by ${percent(between)}`);
    expect(METHOD).toContain(`${SUITES} suites`);
    expect(between).toBeGreaterThan(within);
  });
});
