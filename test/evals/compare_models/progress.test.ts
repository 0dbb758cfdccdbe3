import { expect, test } from 'vitest';
import { createProgress } from '../../../evals/compare_models/progress.js';
import type { Progress } from '../../../src/bench/run/run.js';

const CELL = { model: 'A', phase: 'prefill', n: 8, engine: 'wasm' } as const;
const step = (done: number, total: number, type: 'ready' | 'measured'): Progress => ({
  done,
  total,
  heard: { type, cell: CELL } as never,
});

/** What is written while `total` measurements are made, and then `added` more. */
function linesOf(total: number, added: number): string[] {
  const lines: string[] = [];
  const view = createProgress({ write: (text: string) => lines.push(text.trim()) }, true);
  view.update(step(0, total, 'ready'));
  for (let done = 1; done <= total; done++) view.update(step(done, total, 'measured'));
  if (added > 0) view.update(step(total, total + added, 'ready'));
  for (let done = total + 1; done <= total + added; done++) view.update(step(done, total + added, 'measured'));
  view.stop();
  return lines;
}

test('without a terminal a run writes some lines', () => {
  const lines = linesOf(40, 0);
  expect(lines[0]).toBe('checking the models, counting what they do');
  expect(lines).toHaveLength(11);
  expect(lines.at(-1)).toMatch(/^40 of 40 measured/);
});

test('measurements that are added are announced, and count from there', () => {
  const lines = linesOf(40, 5);
  expect(lines.slice(-2)).toEqual([
    'not precise enough yet: 5 measured once more',
    expect.stringMatching(/^44 of 45 measured/),
  ]);
  expect(linesOf(40, 0).join()).not.toContain('once more');
});
