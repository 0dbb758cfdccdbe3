/** The picture of where models change places. */
import { expect, test } from 'vitest';
import { type Analysis, analyze } from '../../../src/analysis/analysis.js';
import { crossoversPanel } from '../../../src/analysis/charts/crossovers.js';
import { groupsOf, namesOf } from '../../../src/analysis/charts/groups.js';
import { isEmptyPanel, type Panel } from '../../../src/analysis/charts/parts.js';
import { renderSvg } from '../../../src/analysis/charts/png.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { sideBySide } from '../../../src/analysis/side_by_side.js';
import { makeResults } from '../../support/make_results.js';

const LENGTHS = [64, 128, 256, 512, 1024];
const curve = (ms: (n: number) => number, percent = 1) =>
  Object.fromEntries(
    LENGTHS.map((n, k) => [n, [0, 1, 2, 3, 4].map((i) => ms(n) * (1 + (percent / 100) * (((i * (k + 1)) % 5) - 2)))]),
  );
const analyzed = (models: Readonly<Record<string, (n: number) => number>>) => {
  const times = Object.fromEntries(Object.entries(models).map(([name, ms]) => [name, curve(ms)]));
  return analyze(readMeasurements(makeResults(times), 'file', null), null, 'file');
};
const panelsOf = (analysis: Analysis) => {
  const groups = groupsOf(analysis.models);
  const names = namesOf(groups);
  return groups.map((group) =>
    crossoversPanel({ group, models: analysis.models, names, width: 400, height: 300 }, analysis),
  );
};
interface Drawn {
  readonly model: string;
  readonly label: string;
  readonly n: number;
  readonly low: number;
  readonly high: number;
  readonly at: string;
}
const changesOf = (panel: Panel | undefined): Drawn[] =>
  (panel as unknown as { layer: { data: { values: Drawn[] } }[] }).layer[0]!.data.values;

const one = analyzed({ Line: (n) => n, Flat: (n) => 290 + n / 100, Late: (n) => 700 + n / 100 });

test('a pair is named in the order of its places, at its length, with its interval', () => {
  const changes = changesOf(panelsOf(one)[0]);
  expect(changes.map(({ label }) => label)).toEqual(['first Line, then Flat', 'first Line, then Late']);
  const [first] = changes;
  expect(first?.model).toBe('Flat');
  expect(first?.n).toBeGreaterThan(256);
  expect(first?.n).toBeLessThan(330);
  expect(first!.low <= first!.n && first!.n <= first!.high).toBe(true);
  expect(first?.at).toBe(`${Math.round(first!.n)} [${Math.round(first!.low)}, ${Math.round(first!.high)}]`);
});

test('it is drawn, without the pairs of a hidden model', async () => {
  const spec = (hidden: string[]) =>
    ({ ...panelsOf(one)[0], params: [{ name: 'hidden', value: hidden }] }) as Parameters<typeof renderSvg>[0];
  expect(await renderSvg(spec([]))).toContain('>first Line, then Late<');
  for (const hidden of ['Line', 'Late']) expect(await renderSvg(spec([hidden]))).not.toContain('then Late<');
});

test('where no place is changed there is none; of files each has its own', () => {
  const calm = analyzed({ Line: (n) => n, Slow: (n) => 2 * n });
  expect(panelsOf(calm).map(isEmptyPanel)).toEqual([true]);
  const both = sideBySide(
    [
      { label: 'monday', analysis: one },
      { label: 'tuesday', analysis: calm },
    ],
    'FILE',
  );
  const [monday, tuesday] = panelsOf(both);
  expect(changesOf(monday).map(({ label }) => label)).toEqual(['first Line, then Flat', 'first Line, then Late']);
  expect(isEmptyPanel(tuesday!)).toBe(true);
});
