/** Tables for terminals of any width: nothing is lost, and no line is broken by the terminal. */
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { reportText } from '../../evals/compare_models/report.js';
import { analyze } from '../../src/analysis/analysis.js';
import { readMeasurements } from '../../src/analysis/read_measurements.js';
import { buildTables } from '../../src/analysis/tables/tables.js';
import type { Table } from '../../src/report/table.js';
import { toTerminal } from '../../src/report/terminal.js';
import { wrap } from '../../src/report/wrap.js';
import { makeResults } from '../support/make_results.js';

const plain = (text: string): string => text;
const draw = (table: Table, width?: number): string => toTerminal([table], plain, width);
const widest = (text: string): number => Math.max(...text.split('\n').map((line) => stringWidth(line)));
const letters = (text: string): string => [...text.replaceAll(/[\s│┌┐└┘├┤┬┴┼─·:]/g, '')].sort().join('');

const TIMES: Table = {
  title: 'Times',
  columns: ['Model', 'n', 'Prefill', 'Decode', 'Margin'],
  rows: [
    ['LinearTransformer', '1,024', '12.3 ms ± 0.4', '0.296 ms ± 0.007', '5 %'],
    ['LinearTransformer', '2,048', '25.1 ms [20.2, 99.1]', '0.29 ms ± 0.01', '5 %'],
    ['BSBR', '1,024', '9.4 ms ± 0.5', '0.345 ms ± 0.005', '5 %'],
  ],
  notes: ['Each time is the fastest sample of a process.'],
};

describe('a table', () => {
  test('has lines where it fits, and where nothing breaks lines', () => {
    expect(draw(TIMES)).toBe(draw(TIMES, widest(draw(TIMES))));
    expect(draw(TIMES)).toContain('│ BSBR              │ 1,024 │');
  });

  test('that is too wide says once what all rows share, and wraps whole times', () => {
    expect(draw(TIMES, 62).split('\n')).toEqual([
      'Times',
      'Model              n      Prefill       Decode',
      '─'.repeat(56),
      'LinearTransformer  1,024  12.3 ms       0.296 ms ± 0.007',
      '                          ± 0.4',
      'LinearTransformer  2,048  25.1 ms       0.29 ms ± 0.01',
      '                          [20.2, 99.1]',
      'BSBR               1,024  9.4 ms ± 0.5  0.345 ms ± 0.005',
      'In every row: Margin: 5 %',
      'Each time is the fastest sample of a process.',
    ]);
  });

  test('narrower still has the names that repeat as lines between the rows', () => {
    expect(draw(TIMES, 40).split('\n').slice(1, 10)).toEqual([
      'n      Prefill       Decode',
      '─'.repeat(37),
      'LinearTransformer',
      '1,024  12.3 ms       0.296 ms ± 0.007',
      '       ± 0.4',
      '2,048  25.1 ms       0.29 ms ± 0.01',
      '       [20.2, 99.1]',
      'BSBR',
      '1,024  9.4 ms ± 0.5  0.345 ms ± 0.005',
    ]);
  });

  test('that fits in no other way is a block of text a row', () => {
    expect(draw(TIMES, 24).split('\n').slice(1, 6)).toEqual([
      'LinearTransformer',
      '  n: 1,024',
      '  Prefill: 12.3 ms ± 0.4',
      '  Decode: 0.296 ms',
      '  ± 0.007',
    ]);
  });
});

const cell = fc.constantFrom(
  '',
  '–',
  '12.3 ms ± 0.4',
  '1.82x [1.74, 1.91]',
  '注意力',
  '🚀',
  'a word',
  'x'.repeat(70),
  'the margin is excluded',
);
const table = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 })).chain(([columns, rows]) =>
  fc.record({
    title: fc.constantFrom('Times', 'Exponents of time over length, by several fits of one curve'),
    columns: fc.array(fc.constantFrom('Model', 'n', 'Exponent (log-log)'), {
      minLength: columns,
      maxLength: columns,
    }),
    rows: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
    notes: fc.array(fc.constantFrom('A note that is longer than the terminal is wide, for sure, at forty columns.')),
  }),
);
test('a table of any content is never wider than the terminal, and loses no letter of a cell', () =>
  fc.assert(
    fc.property(table, fc.integer({ min: 20, max: 120 }), (any, width) => {
      const text = draw(any, width);
      expect(widest(text)).toBeLessThanOrEqual(width);
      for (const found of new Set(any.rows.flat())) expect(text).toSatisfy(() => hasAll(letters(text), letters(found)));
    }),
    { numRuns: 100 },
  ));

/** Whether the sorted letters of one text are among those of another. */
function hasAll(all: string, wanted: string): boolean {
  let at = -1;
  return [...wanted].every((letter) => {
    at = all.indexOf(letter, at + 1);
    return at >= 0;
  });
}

const five = (ms: number): number[] => [0.98, 0.99, 1, 1.01, 1.09].map((factor) => factor * ms);
const curve = (power: number) =>
  Object.fromEntries([128, 256, 512, 1024, 2048].map((n) => [n, five(0.01 * n ** power)]));
const FILE = makeResults({ BSBR: curve(1), LinearTransformer: curve(1.1), Softmax: curve(1.6) });

test('every table of the commands fits into 60, 80 and 100 columns', () => {
  const tables = buildTables(analyze(readMeasurements(FILE, 'file', null), null, 'file'));
  for (const width of [60, 80, 100]) {
    expect(widest(toTerminal(tables, plain, width))).toBeLessThanOrEqual(width);
    expect(widest(reportText(FILE, width))).toBeLessThanOrEqual(width);
  }
});

test('a name of thousands of characters is broken into lines by one pass', () => {
  expect(wrap('L漢'.repeat(10_000), 6).split('\n')).toEqual(Array(5_000).fill('L漢L漢'));
  const rows = [8, 16, 32].map((n) => ['L'.repeat(10_000), String(n), `${n} ms`]);
  const lines = draw({ title: 'Times', columns: ['Model', 'n', 'Time'], rows, notes: [] }, 80).split('\n');
  expect(lines.filter((line) => line.includes(' ms'))).toHaveLength(3);
});

test('intervals, units and signs stay together when a text is wrapped', () => {
  expect(wrap('1.02 [0.98, 1.05] *', 6)).toBe('1.02\n[0.98,\n1.05]\n*');
  expect(wrap('1.02 [0.98, 1.05]', 12)).toBe('1.02\n[0.98, 1.05]');
  expect(wrap('0.345 ms ± 0.005', 9)).toBe('0.345 ms\n± 0.005');
  expect(wrap('Time at n = 2,048', 12)).toBe('Time at\nn = 2,048');
});
