import { describe, expect, test } from 'vitest';
import { exportTables } from '../../../evals/analyze_results/exports.js';
import { analyze } from '../../../src/analysis/analysis.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { buildTables, preamble } from '../../../src/analysis/tables/tables.js';
import { exponentText, timeText, withInterval } from '../../../src/report/format.js';
import type { Table } from '../../../src/report/table.js';
import { toTerminal } from '../../../src/report/terminal.js';
import type { Results } from '../../../src/results/schema.js';
import { makeResults, type Times } from '../../support/make_results.js';

const LENGTHS = [128, 256, 512, 1024, 2048];
/** Five processes, 1 % apart. */
const spread = (t: number): number[] => [0.98, 0.99, 1, 1.01, 1.02].map((factor) => t * factor);
const curve = (f: (n: number) => number, lengths = LENGTHS): Times[string] =>
  Object.fromEntries(lengths.map((n) => [n, spread(f(n))]));

const analyzed = (file: Results, reference: string | null = null) =>
  analyze(readMeasurements(file, 'file', null), reference, 'file');
const tablesOf = (file: Results, reference: string | null = null): Table[] => buildTables(analyzed(file, reference));
const find = (tables: readonly Table[], title: string): Table =>
  tables.find((table) => table.title.startsWith(title)) ?? { title: 'missing', columns: [], rows: [], notes: [] };

describe('numbers', () => {
  test('show one digit of the half-width of their interval', () => {
    expect(timeText({ value: 12.345, ci: [11.9, 12.7] })).toBe('12.3 ms ± 0.4');
    expect(withInterval({ value: 1.8234, ci: [1.74, 1.91] }, 'x')).toBe('1.82x [1.74, 1.91]');
    expect(exponentText({ value: -0.001, ci: [-0.02, 0.02] })).toBe('0.00 [-0.02, 0.02]');
  });
  test('without an interval show three significant digits, exponents three decimals', () => {
    expect(timeText({ value: 0.13456, ci: null })).toBe('0.135 ms');
    expect(timeText({ value: 43_210, ci: null })).toBe('43.2 s');
    expect(exponentText({ value: 1.23456, ci: null })).toBe('1.235');
  });
});

describe('fastest', () => {
  test('at each length, with what cannot be told from it, what is next and what is last', () => {
    const two = makeResults({ Slow: curve((n) => 0.02 * n), Fast: curve((n) => 0.01 * n) });
    expect(find(tablesOf(two), 'Fastest').rows[0]).toEqual([
      '128',
      'Fast',
      '1.28 ms ± 0.03',
      '–',
      'Slow 2.000x [2.000, 2.000]',
      '–',
    ]);
    const level = Object.fromEntries([128, 256].map((n) => [n, [1.02, 0.97, 1.01, 1, 0.99].map((k) => 0.01 * n * k)]));
    const more = makeResults({
      ...{ Slow: curve((n) => 0.02 * n, [128, 256]), Slowest: curve((n) => 0.04 * n, [128, 256]) },
      ...{ Fast: curve((n) => 0.01 * n, [128, 256]), Level: level },
    });
    expect(find(tablesOf(more), 'Fastest').rows.map(([n, , , ...rest]) => [n, ...rest])).toEqual(
      ['128', '256'].map((n) => [
        n,
        expect.stringMatching(/^(Fast|Level)$/),
        expect.stringMatching(/^Slow 2\.0/),
        expect.stringMatching(/^Slowest 4\.0/),
      ]),
    );
  });

  test('of one model there is no table', () => {
    expect(tablesOf(makeResults({ Fast: curve((n) => n) })).some(({ title }) => title.startsWith('Fastest'))).toBe(
      false,
    );
  });
});

describe('tables of a results file', () => {
  const file = makeResults({ Slow: curve((n) => 0.02 * n), Fast: curve((n) => 0.01 * n) });
  const tables = tablesOf(file);

  test('complexity: exponents, R² labelled as of log space, time at the largest n', () => {
    const { columns, rows, notes } = find(tables, 'Complexity');
    expect(columns).toEqual([
      'Model',
      'Exponent (log-log)',
      'R² (log space)',
      'Exponent (floor fit)',
      'Time at n = 2,048',
    ]);
    expect(rows[0]).toEqual(['Slow', '1.000 [1.000, 1.000]', '1.0000', '1.000 [1.000, 1.000]', '41.0 ms ± 0.9']);
    expect(notes).toEqual([]);
  });

  test('slowdown is over the fastest at the largest n, or over the chosen model', () => {
    expect(find(tables, 'Slowdown').title).toBe('Slowdown: time over that of Fast at the same n');
    const ratio = '2.000x [2.000, 2.000]';
    expect(find(tables, 'Slowdown').rows).toEqual([
      ['Slow', ratio, ratio, ratio, ratio],
      ['Fast', '1x', '1x', '1x', 'the reference'],
    ]);
    expect(find(tablesOf(file, 'Slow'), 'Slowdown').rows[1]?.[1]).toBe('0.500x [0.500, 0.500]');
  });

  test('memory keeps its four numbers apart', () => {
    const { columns, rows } = find(tables, 'Memory');
    expect(columns).toEqual(['Model', 'n', 'Parameters', 'State', 'Peak activations', 'Process peak RSS']);
    expect(rows[0]).toEqual(['Slow', '2,048', '3.81 MiB', '127 KiB', '8.00 MiB', '300 MiB']);
  });

  test('growth names the class and the exponent of the counted FLOPs', () => {
    const { rows } = find(tables, 'Growth');
    expect(rows[0]).toEqual(['Slow', 'none', '1.000 [1.000, 1.000]', '1.000', 'n']);
    expect(find(tables, 'Parts').rows[0]).toEqual(['Slow', '2,048', '0 %', '100 %', '0 %', '0 %']);
    expect(find(tables, 'Cross-overs').rows).toEqual([['Slow, Fast', 'none in range', 'Fast at all measured n']]);
  });

  test('the terminal has no colour unless it is asked for', () => {
    const text = toTerminal(tables, (title) => title);
    expect(text).not.toContain('\u001b');
    expect(text).toContain('│ Slow  │');
    expect(toTerminal(tables, (title) => `<b>${title}</b>`)).toContain('<b>Complexity');
  });
});

test('of a curve of another shape there are no parts, and no class', () => {
  const tables = tablesOf(makeResults({ Steep: curve((n) => 1e-9 * n ** 4), Line: curve((n) => n) }));
  const { rows } = find(tables, 'Parts');
  expect(rows[0]).toEqual(['Steep', '2,048', '–', '–', '–', expect.stringMatching(/^\d\d(\.\d)? %: not this shape$/)]);
  expect(rows[1]?.slice(2)).toEqual(['0 %', '100 %', '0 %', '0 %']);
  expect(find(tables, 'Growth').rows[0]?.[4]).toBe('none of these (exponent 4.00)');
});

test('of one length the titles say which', () => {
  const titles = tablesOf(makeResults({ A: curve((n) => n, [512]), B: curve((n) => n, [512]) })).map(
    ({ title }) => title,
  );
  expect(titles).toContain('Memory at n = 512');
  expect(titles.join()).not.toContain('at the largest n');
});

test('models that lack the same lengths share a note, long lists are counted', () => {
  const many = Array.from({ length: 20 }, (_, i) => `M${i}`);
  const longer = LENGTHS.map((n) => 8 * n);
  const all = [128, 256, 512, ...longer.slice(2)];
  const file = makeResults({
    ...Object.fromEntries(many.map((name) => [name, curve((n) => n, [128, 256, 512])])),
    Whole: curve((n) => n, all),
    Long: curve((n) => n, longer),
  });
  const notes = preamble(analyzed(file)).filter((line) => line.includes('has no') || line.includes('have no'));
  expect(notes).toEqual([
    'M0, M1, M2, M3, M4, M5 and 14 more have no time at n = 1024, 2048, 4096, 8192, 16384: left out of their fits.',
    'Whole has no time at n = 1024, 2048: left out of its fits.',
    'Long has no time at n = 128, 256, 512: left out of its fits.',
  ]);
});

test('a floor that bends the log-log line is named, with the exponent to believe', () => {
  const { rows, notes } = find(tablesOf(makeResults({ Bent: curve((n) => 10 + 1e-5 * n * n) })), 'Complexity');
  expect(rows[0]?.[1]).toMatch(/ \*$/);
  expect(rows[0]?.[3]).toMatch(/^2\.000/);
  expect(notes[0]).toMatch(/^\* Bent: log-log reads 0\.\d\d, the floor fit 2\.00: a constant 10\.00? ms \(98\.4 % of/);
});

test('too few lengths give a word instead of an exponent', () => {
  const short = [128, 256];
  const three = [128, 256, 512];
  const { rows, notes } = find(
    tablesOf(makeResults({ Two: curve((n) => n, short), Three: curve((n) => n, three) })),
    'Complexity',
  );
  expect(rows.map((row) => row.slice(1, 4))).toEqual([
    ['needs 3 lengths, has 2', '–', '–'],
    ['1.000 [1.000, 1.000]', '1.0000', 'not identified'],
  ]);
  expect(rows[0]?.[4]).toBe('256 ms ± 6 (n = 256)');
  expect(notes).toEqual(['Three: exponent not identified by the floor fit (3 lengths, needs 5).']);
});

test('fewer than 5 processes give ranges and no interval, said once', () => {
  const file = makeResults({ A: Object.fromEntries(LENGTHS.map((n) => [n, [n, 1.1 * n]])) });
  expect(preamble(analyzed(file)).filter((line) => line.includes('no intervals'))).toHaveLength(1);
  const { rows } = find(tablesOf(file), 'Complexity');
  expect(rows[0]).toEqual(['A', '1.000', '1.0000', '1.000', '2150 ms (range 2048 ms to 2253 ms)']);
});

test('constant times have exponent 0, no R² and no identified exponent', () => {
  const { rows } = find(tablesOf(makeResults({ Flat: curve(() => 3) })), 'Complexity');
  expect(rows[0]?.slice(1, 4)).toEqual(['0.000 [0.000, 0.000]', 'undefined (constant)', 'not identified']);
});

test('noise is in every title', () => {
  const clean = makeResults({ A: curve((n) => n) });
  const noisy: Results = { ...clean, machine: { ...clean.machine, noisy: true, noise_cv: 0.2 } };
  for (const { title } of tablesOf(noisy)) expect(title).toMatch(/ \[NOISY MACHINE\]$/);
});

test('more threads than cores read as such', () => {
  const file = makeResults({ A: curve((n) => n) });
  const busy: Results = { ...file, machine: { ...file.machine, threads: 64, cores: 2 } };
  expect(preamble(analyzed(busy)).join('\n')).toContain(', 64 threads on 2 cores, ');
});

test('a partial file and cells that were not measured are said and left out', () => {
  const full = makeResults({ A: curve((n) => n), B: curve((n) => n) });
  const cells = full.cells.map((cell) =>
    cell.model === 'A' && cell.n === 2048
      ? { ...cell, status: 'timeout' as const, reason: 'more than 5 s', processes: [], summary: null, counted: null }
      : cell,
  );
  const file = { ...full, complete: false, cells: cells.filter(({ model, n }) => model !== 'B' || n !== 128) };
  const remarks = preamble(analyzed(file));
  expect(remarks).toContain('The run was not finished: the file is partial; resume the run to complete it.');
  expect(remarks).toContain('A at n = 2048 is left out: timeout (more than 5 s).');
  expect(remarks).toContain('B has no time at n = 128: left out of its fits.');
  expect(find(tablesOf(file), 'Complexity').rows[0]?.[4]).toContain('(n = 1,024)');
});

test('a model measured on two engines is two rows', () => {
  const one = makeResults({ A: curve((n) => n) });
  const file = { ...one, cells: [...one.cells, ...one.cells.map((cell) => ({ ...cell, engine: 'tensorflow' }))] };
  expect(find(tablesOf(file), 'Complexity').rows.map(([name]) => name)).toEqual(['A@wasm', 'A@tensorflow']);
});

test('a peer whose results were not compared is named', () => {
  const one = makeResults({ A: curve((n) => n) });
  const noted = (relative_error: number | null): string => {
    const cells = [...one.cells, ...one.cells.map((cell) => ({ ...cell, engine: 'torch' }))];
    const file = { ...one, cells, comparisons: [{ model: 'A', engine: 'torch', relative_error }] };
    return preamble(analyzed(file)).join('\n');
  };
  expect(noted(null)).toContain('Results were not compared with ours: A@torch.');
  expect(noted(1e-7)).not.toContain('compared');
});

describe('exports', () => {
  const tables: Table[] = [{ title: 'T "1"', columns: ['Model', 'x|y'], rows: [['a,b', '1 < 2']], notes: ['* note'] }];
  test('Markdown escapes what would break a table', () => {
    const text = exportTables(tables, ['remark'], 'md');
    expect(text).toContain('## Scaling analysis\n\nremark\n\n### T "1"\n');
    expect(text).toMatch(/\| Model +\| x\\\|y +\|\n/);
    expect(text).toMatch(/\| a,b +\| 1 &lt; 2 +\|\n\n\\\* note\n$/);
  });
});
