import { expect, test } from 'vitest';
import type { Progress, RunSpec } from '../../../src/bench/run/run.js';
import { cellKey } from '../../../src/results/cell.js';
import type { Cell, Results } from '../../../src/results/schema.js';
import { cellsOf, fakeEngine, SPEC } from '../../support/fake_worker.js';
import { run, runsOf, statuses } from './run_support.js';

const ADAPTIVE: RunSpec = { ...SPEC, cells: cellsOf(['A', 'B'], [8, 16]), runs: 5, maxTimeS: 1000 };
/** Times of A prefill never agree, one of the first five of B generate 16 is slow, all others are the same. */
const NOISE = `
  if (cell.model === 'A' && cell.phase === 'prefill') return 1 + 0.3 * (times % 2);
  if (cell.model === 'B' && cell.phase === 'generate' && cell.n === 16) return times === 3 ? 1.2 : 1;`;
const COUNTS = {
  'A prefill 8 wasm': 15,
  'A prefill 16 wasm': 15,
  'A generate 8 wasm': 5,
  'A generate 16 wasm': 5,
  'B prefill 8 wasm': 5,
  'B prefill 16 wasm': 5,
  'B generate 8 wasm': 5,
  'B generate 16 wasm': 10,
};
const byCell = <T>(file: Results, pick: (cell: Cell) => T) =>
  Object.fromEntries(file.cells.map((cell) => [cellKey(cell), pick(cell)]));
const counts = (file: Results) => byCell(file, ({ processes }) => processes.length);
const reasons = (file: Results) => byCell(file, ({ summary }) => summary?.stop_reason);
/** Every cell takes a second of this clock. */
function seconds() {
  let ms = 0;
  const onProgress = ({ heard }: Progress) => {
    if (heard.type === 'start') ms += 1000;
  };
  return { now: () => ms, onProgress };
}

test('processes are added for the cells whose intervals are wide, and for no others', async () => {
  const { error, last, steps } = await run({ engine: fakeEngine(NOISE), spec: ADAPTIVE });
  expect(error).toBeNull();
  expect(counts(last)).toEqual(COUNTS);
  for (const runs of runsOf(last)) expect(runs).toEqual(runs.map((_, i) => i));
  expect(reasons(last)).toMatchObject({
    'A prefill 8 wasm': expect.stringMatching(/^all 15 processes ran, precise to \d+ %$/),
    'A generate 8 wasm': 'precise to 0 %',
    'B generate 16 wasm': 'precise to 0 %',
  });
  expect(steps.every(({ done, total }) => done <= total)).toBe(true);
  expect(steps.find(({ heard }) => heard.type === 'measured')?.total).toBe(40);
  expect(steps.at(-1)).toMatchObject({ done: 65, total: 65 });
});

test('no process is added that would end after max_time', async () => {
  // counting and five processes take 48 s, a process of the three open cells 3 s
  const within = async (maxTimeS: number) =>
    (await run({ engine: fakeEngine(NOISE), spec: { ...ADAPTIVE, maxTimeS }, ...seconds() })).last;
  const [early, late] = [await within(50.5), await within(54.5)];
  expect(counts(early)['A prefill 8 wasm']).toBe(5);
  expect(counts(late)).toMatchObject({
    'A prefill 8 wasm': 7,
    'A generate 8 wasm': 5,
    'B generate 16 wasm': 7,
  });
  expect(reasons(late)).toMatchObject({
    'A prefill 8 wasm': expect.stringMatching(/^time was up \(54.5 s\), precise to \d+ %$/),
    'A generate 8 wasm': 'precise to 0 %',
  });
  expect([early, late].map(({ complete }) => complete)).toEqual([true, true]);
});

test.each([
  ['3 processes give no interval to narrow', { runs: 3 }, '3 processes: too few for an interval (5)'],
  ['1 process neither', { runs: 1 }, '1 process: too few for an interval (5)'],
  ['max_time 0 adds none', { maxTimeS: 0 }, expect.stringMatching(/^all 5 processes ran, precise to 15 %$/)],
])('%s', async (_, change, reason) => {
  const spec = { ...ADAPTIVE, ...change };
  const { last } = await run({ engine: fakeEngine(NOISE), spec });
  expect(Object.values(counts(last))).toEqual(spec.cells.map(() => spec.runs));
  expect(reasons(last)['A prefill 8 wasm']).toEqual(reason);
});

test('a cell in trouble is not waited for', async () => {
  const fail = `if (times === 6 && cell.model === 'A' && cell.n === 16) throw new Error('broken');`;
  const { last } = await run({ engine: fakeEngine(`${fail} ${NOISE}`), spec: ADAPTIVE });
  expect(last.complete).toBe(true);
  expect(statuses(last)['A prefill 16 wasm']).toBe('failed');
  expect(counts(last)).toEqual({ ...COUNTS, 'A prefill 16 wasm': 6 });
});

test('an abort among the added processes is gone on with to the same end, and the end measures nothing more', async () => {
  const engine = fakeEngine(NOISE);
  const aborted = await run({
    engine,
    spec: ADAPTIVE,
    onProgress: ({ done, heard }, abort) => {
      if (heard.type === 'measured' && done === 47) abort(); // in the midst of a process of three cells
    },
  });
  expect(aborted.last.complete).toBe(false);
  expect(reasons(aborted.last)['A prefill 8 wasm']).toMatch(/^\d processes so far$/);
  const done = runsOf(aborted.last).flat().length;
  expect(done).toBeGreaterThanOrEqual(47);
  expect(done).toBeLessThan(65);

  const before = engine.asked().length;
  const { last } = await run({ engine, spec: ADAPTIVE, previous: aborted.last });
  expect(counts(last)).toEqual(COUNTS);
  for (const runs of runsOf(last)) expect(runs).toEqual(runs.map((_, i) => i));
  expect(engine.asked()).toHaveLength(before + 65 - done);

  const again = await run({ engine, spec: ADAPTIVE, previous: last });
  expect(counts(again.last)).toEqual(COUNTS);
  expect(engine.asked()).toHaveLength(before + 65 - done);
});

test('a longer max_time goes on with what it stopped', async () => {
  const spec = { ...ADAPTIVE, maxTimeS: 54.5 };
  const stopped = await run({ engine: fakeEngine(NOISE), spec, ...seconds() });
  const { last } = await run({ engine: fakeEngine(NOISE), spec: ADAPTIVE, previous: stopped.last });
  expect(counts(last)).toEqual(COUNTS);
});
