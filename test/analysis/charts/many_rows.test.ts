/** Pictures of many rows: names beside the curves, colours and shapes of their own, panels for engines and files. */
import { describe, expect, test } from 'vitest';
import { analyze } from '../../../src/analysis/analysis.js';
import { complexityAnalysis } from '../../../src/analysis/charts/charts.js';
import { figuresOf, keyOf } from '../../../src/analysis/charts/figures.js';
import { groupsOf } from '../../../src/analysis/charts/groups.js';
import { spreadOut } from '../../../src/analysis/charts/labels.js';
import { complexityLogLog } from '../../../src/analysis/charts/loglog.js';
import { COLOURS, themeVariables } from '../../../src/analysis/charts/theme.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { sideBySide } from '../../../src/analysis/side_by_side.js';
import type { Results } from '../../../src/results/schema.js';
import { makeResults, WASM } from '../../support/make_results.js';

const LENGTHS = [128, 256, 512, 1024];
const file = (count: number): Results =>
  makeResults(
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`M${i}`, Object.fromEntries(LENGTHS.map((n) => [n, [n + i]]))]),
    ),
  );
const analyzed = (results: Results) => analyze(readMeasurements(results, 'file', null), null, 'file');
const ENGINES = ['tensorflow', 'onnx', 'wasm'];
const onEngines = (count: number): Results => {
  const one = file(count);
  const cells = ENGINES.flatMap((engine) => one.cells.map((cell) => ({ ...cell, engine })));
  return { ...one, engines: ENGINES.map((id) => ({ ...WASM, id })), cells };
};

/** Linear light of a colour as protanopes, deuteranopes and tritanopes see it (Machado, Oliveira and Fernandes, 2009). */
const SEEN = [
  [1, 0, 0, 0, 1, 0, 0, 0, 1],
  [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
];
/** OKLab, in which distances are those that people see. */
function labOf(colour: string, seen: readonly number[]): number[] {
  const light = [1, 3, 5]
    .map((i) => Number.parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const times = (m: readonly number[], v: readonly number[]): number[] =>
    [0, 3, 6].map((row) => m[row]! * v[0]! + m[row + 1]! * v[1]! + m[row + 2]! * v[2]!);
  const rgb = times(seen, light).map((c) => Math.min(1, Math.max(0, c)));
  const lms = times([0.4122, 0.5363, 0.0514, 0.2119, 0.6807, 0.1074, 0.0883, 0.2817, 0.63], rgb).map(Math.cbrt);
  return times([0.2105, 0.7936, -0.0041, 1.978, -2.4286, 0.4506, 0.0259, 0.7828, -0.8087], lms);
}

test('ten colours are apart with any colour vision', () => {
  expect(COLOURS).toHaveLength(10);
  for (const seen of SEEN) {
    const labs = COLOURS.map((colour) => labOf(colour, seen));
    for (const [i, a] of labs.entries())
      for (const b of labs.slice(i + 1)) expect(Math.hypot(...a.map((v, k) => v - b[k]!))).toBeGreaterThan(0.075);
  }
  for (const colour of COLOURS) expect(themeVariables()).toContain(`light-dark(${colour},`);
});

describe('names at the ends of curves', () => {
  test('are a line apart, in order and inside, and where they have room stay where they are', () => {
    expect(spreadOut([10, 100, 300], 400)).toEqual([10, 100, 300]);
    expect(spreadOut([100, 101, 102], 400)).toEqual([86, 101, 116]);
    const crowded = spreadOut(Array.from({ length: 12 }, () => 398), 400); // biome-ignore format: one thought
    expect(crowded.at(-1)).toBeLessThanOrEqual(400);
    expect(crowded[0]).toBeGreaterThan(0);
    for (const [i, place] of crowded.slice(1).entries()) expect(place - crowded[i]!).toBeCloseTo(15, 9);
  });
  test('are those of all models', () => {
    const text = JSON.stringify(complexityLogLog(analyzed(file(12))));
    for (let i = 0; i < 12; i++) expect(text).toContain(`"label":"M${i}"`);
  });
});

describe('panels', () => {
  test('one holds few rows, of several engines too; of many each engine has its own', () => {
    expect(groupsOf(analyzed(onEngines(2)).models).map(({ title }) => title)).toEqual(['']);
    const groups = groupsOf(analyzed(onEngines(10)).models);
    expect(groups.map(({ title }) => title)).toEqual(ENGINES);
    expect(groups.map(({ models }) => models.map(({ name }) => name)[9])).toEqual(['M9', 'M9', 'M9']);
  });
  test('each file has its own, and a model the same colour and shape in all', () => {
    const files = ['monday', 'tuesday'].map((label) => ({ label, analysis: analyzed(file(2)) }));
    const both = sideBySide(files, 'FILE');
    expect(groupsOf(both.models).map(({ title }) => title)).toEqual(['monday', 'tuesday']);
    const text = JSON.stringify(complexityAnalysis(both));
    for (const title of ['monday: Time', 'tuesday: Speed']) expect(text).toContain(`"${title}"`);
    expect(text).not.toContain('"M0 · monday"');
    expect(keyOf(both).map(({ name, colour }) => [name, colour])).toEqual([
      ['M0', 'var(--model-0)'],
      ['M1', 'var(--model-1)'],
    ]);
    expect(figuresOf(both).map(({ panels }) => panels.map(({ label }) => label))).toEqual(
      Array(7).fill(['monday', 'tuesday']),
    );
  });
  test('of many rows each model is drawn alone, over the others', () => {
    expect(JSON.stringify(complexityLogLog(analyzed(file(8))))).toContain('Each model alone');
    expect(JSON.stringify(complexityLogLog(analyzed(file(7))))).not.toContain('Each model alone');
  });
});

test('colours of a page are those of its scheme: no figure names one', () => {
  const text = JSON.stringify(figuresOf(analyzed(file(3))));
  expect(text).toContain('var(--ink)');
  expect(text).not.toMatch(/"#[0-9a-fA-F]{6}"|"white"/);
});
