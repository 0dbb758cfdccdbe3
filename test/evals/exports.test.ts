/** Every export as its consumer reads it. */

import { Ajv } from 'ajv';
import { csvParse } from 'd3-dsv';
import { parse as parseJunit } from 'junit2json';
import { describe, expect, test } from 'vitest';
import { exportGate } from '../../evals/check_regressions/exports.js';
import { exportResults } from '../../evals/compare_models/exports.js';
import { EXPORT_FORMATS, exportFileName, parseFormats } from '../../evals/shared/formats.js';
import type { GateReport, TimedVerdict } from '../../src/bench/gate/verdicts.js';
import { toJunit } from '../../src/report/junit.js';
import type { Results } from '../../src/results/schema.js';
import { makeResults } from '../support/make_results.js';

const RUN: Results = makeResults({ BSBR: { 64: [5, 5.1, 5.2, 5.3, 5.4], 128: [9, 9.1, 9.2, 9.3, 9.4] } });
const FAILED: Results = {
  ...RUN,
  cells: [
    RUN.cells[0]!,
    { ...RUN.cells[1]!, status: 'timeout', reason: 'over <120> s & "ended"', processes: [], summary: null },
  ],
};

const timed = (n: number, verdict: TimedVerdict['verdict'], ratio: number): TimedVerdict => ({
  cell: { model: 'BSBR', phase: 'generate', n, engine: 'wasm' },
  margin: 0.05,
  verdict,
  reason: verdict === 'regressed' ? 'confirmed by 2 sets of processes' : 'the margin is excluded',
  comparison: {
    baseMs: 5,
    newMs: 5 * ratio,
    ratio,
    interval: [ratio - 0.02, ratio + 0.02],
    baseProcesses: 5,
    newProcesses: 15,
  },
  firings: verdict === 'regressed' ? 2 : 0,
  sets: 2,
  detectable: 0.07,
  processesNeeded: null,
});
const REPORT: GateReport = {
  differences: [],
  advisory: false,
  timed: [timed(64, 'regressed', 1.2), timed(128, 'not regressed', 1), timed(256, 'cannot tell', 1.04)],
  counted: [
    { what: 'BSBR', quantity: 'params', base: 10, new: 10, verdict: 'not regressed', reason: 'unchanged' },
    { what: 'BSBR decode 64 wasm', quantity: 'kernels', base: 100, new: 101, verdict: 'regressed', reason: '1 more' },
  ],
  complexity: [
    {
      series: 'BSBR generate',
      base: { exponent: 1, ci: [0.9, 1.1] },
      new: { exponent: 1.02, ci: [0.9, 1.1] },
      verdict: 'not regressed',
      reason: 'the intervals meet',
    },
  ],
};

describe('csv', () => {
  test('has a row for every sample, and the samples are those of the file', () => {
    const rows = csvParse(exportResults(RUN, 'csv'));
    const samples = RUN.cells.flatMap(({ processes }) => processes.flatMap(({ samples_ms }) => samples_ms));
    expect(rows.map(({ ms }) => Number(ms))).toEqual(samples);
    expect(rows[0]).toMatchObject({ model: 'BSBR', phase: 'generate', n: '64', run: '0', sample: '0' });
  });
  test('has a row for every verdict', () => {
    const rows = csvParse(exportGate(REPORT, RUN, 'csv'));
    expect(rows.map(({ gate, verdict }) => `${gate} ${verdict}`)).toEqual([
      'time regressed',
      'time not regressed',
      'time cannot tell',
      'count not regressed',
      'count regressed',
      'exponent not regressed',
    ]);
    expect(rows[0]).toMatchObject({ base: '5', new: '6', ratio: '1.2', margin: '0.05' });
  });
});

describe('junit', () => {
  test('is read by a JUnit parser: a test case for every cell, a lost one with its reason', async () => {
    const suites = (await parseJunit(exportResults(FAILED, 'junit'))) as Awaited<ReturnType<typeof parseJunit>> & {
      testsuite: { testcase: object[] }[];
    };
    expect(suites).toMatchObject({ tests: 2, failures: 0, errors: 1 });
    expect(suites.testsuite[0]).toMatchObject({
      name: 'compare-models',
      tests: 2,
      skipped: 0,
      timestamp: RUN.created_at,
    });
    expect(suites.testsuite[0]?.testcase).toMatchObject([
      { classname: 'BSBR.generate', name: 'n=64 wasm', time: 0.0052 },
      { name: 'n=128 wasm', error: [{ message: 'over <120> s & "ended"' }] },
    ]);
    expect(suites.testsuite[0]?.testcase[0]).not.toHaveProperty('error');
  });
  test('fails what regressed and skips what cannot be told', async () => {
    const suites = await parseJunit(exportGate(REPORT, RUN, 'junit'));
    expect(suites).toMatchObject({
      tests: 6,
      failures: 2,
      errors: 0,
      testsuite: [
        {
          testcase: [
            { classname: 'time.BSBR.generate', failure: [{ message: '1.200x: confirmed by 2 sets of processes' }] },
            { name: 'n=128 wasm' },
            { skipped: [{ message: '1.040x: the margin is excluded' }] },
            { classname: 'count.params' },
            { classname: 'count.kernels', failure: [{ message: '1 more' }] },
            { classname: 'exponent' },
          ],
        },
      ],
    });
  });
  test('passes what is faster, and every export names it', async () => {
    const faster = { ...REPORT, timed: [{ ...timed(64, 'faster', 0.187), reason: 'by more than the margin' }] };
    const suites = await parseJunit(exportGate({ ...faster, counted: [], complexity: [] }, RUN, 'junit'));
    expect(suites).toMatchObject({ tests: 1, failures: 0, errors: 0 });
    expect(exportGate(faster, RUN, 'junit')).not.toContain('skipped message');
    expect(csvParse(exportGate(faster, RUN, 'csv'))[0]).toMatchObject({ verdict: 'faster', ratio: '0.187' });
    expect(exportGate(faster, RUN, 'md')).toContain('1 regressed, 0 cannot tell, 1 faster, 2 not regressed.');
    expect(exportGate(faster, RUN, 'md')).toMatch(/0\.187x.*\| faster +\| by more than the margin/);
  });
  test('has no character that XML forbids', async () => {
    const outcome = { kind: 'failure', message: 'a\u0000b\u001b[31mc' } as const;
    const text = toJunit('s', 't', [{ classname: 'c', name: 'n', timeMs: null, outcome }]);
    expect(text).not.toMatch(/\p{Cc}(?<![\n\t])/u);
    expect(await parseJunit(text)).toMatchObject({
      testsuite: [{ testcase: [{ failure: [{ message: 'a\\x00b\\x1b[31mc' }] }] }],
    });
  });
});

describe('gab', () => {
  test('is customSmallerIsBetter: name, unit, value, and range and extra as text', () => {
    const list = JSON.parse(exportResults(RUN, 'gab')) as Record<string, unknown>[];
    expect(list).toHaveLength(3);
    expect(list[0]).toEqual({
      name: 'BSBR generate 64 wasm',
      unit: 'ms',
      value: 5.2,
      range: expect.stringMatching(/^± [\d.]+$/),
      extra: expect.stringContaining('5 processes'),
    });
  });
  test('leaves out cells without a value but counts them, and takes the new run of a gate', () => {
    const count = (value: number) => ({ name: 'cells not measured', unit: 'cells', value });
    expect(JSON.parse(exportResults(RUN, 'gab'))[2]).toEqual(count(0));
    const list = JSON.parse(exportGate(REPORT, FAILED, 'gab')) as object[];
    expect(list).toHaveLength(2);
    expect(list[1]).toEqual(count(1));
  });
});

describe('bmf', () => {
  /** Bencher's own schema, https://bencher.dev/docs/reference/bencher-metric-format, closed against unknown fields. */
  const number = { type: 'number' };
  const metric = {
    type: 'object',
    properties: { value: number, lower_value: number, upper_value: number },
    required: ['value'],
    additionalProperties: false,
  };
  const measures = { type: 'object', minProperties: 1, additionalProperties: metric };
  const valid = new Ajv().compile({ type: 'object', minProperties: 1, additionalProperties: measures });

  test("obeys Bencher's schema, with latency in nanoseconds within its limits", () => {
    const bmf = JSON.parse(exportResults(RUN, 'bmf')) as Record<string, Record<string, Record<string, number>>>;
    expect(valid(bmf), JSON.stringify(valid.errors)).toBe(true);
    const latency = bmf['BSBR generate 64 wasm']?.['latency'];
    expect(latency?.['value']).toBeCloseTo(5.2e6, 3);
    expect(latency?.['lower_value']).toBeLessThan(5.2e6);
    expect(latency?.['upper_value']).toBeGreaterThan(5.2e6);
  });
  test('counts the cells that were not measured', () => {
    const bmf = JSON.parse(exportResults(FAILED, 'bmf')) as object;
    expect(valid(bmf)).toBe(true);
    expect(bmf).toHaveProperty(['cells not measured', 'cells', 'value'], 1);
  });
  test('has no limits where there is no interval', () => {
    const two = makeResults({ BSBR: { 64: [5, 6] } });
    const bmf = JSON.parse(exportResults(two, 'bmf')) as Record<string, { latency: object }>;
    expect(valid(bmf)).toBe(true);
    expect(bmf['BSBR generate 64 wasm']?.latency).toEqual({ value: 5.5e6 });
  });
});

describe.each(['md', 'github'] as const)('%s', (format) => {
  const rowsOf = (text: string): string[][] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
  test('is a table whose rows all have its columns, a row for every cell', () => {
    const rows = rowsOf(exportResults(FAILED, format));
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([6]));
    expect(rows).toHaveLength(2 + FAILED.cells.length);
    expect(rows[3]?.[3]?.trim()).toBe('timeout: over &lt;120> s & "ended"');
  });
  test('says how many cells were not measured', () => {
    expect(exportResults(FAILED, format)).toContain('**1 of 2 cells were not measured.**');
    expect(exportResults(RUN, format)).not.toContain('not measured');
  });
  test('opens with how many regressed', () => {
    const text = exportGate(REPORT, RUN, format);
    expect(text).toMatch(/^## check-regressions\n\n\*\*2 regressed, 1 cannot tell, 3 not regressed\.\*\*/);
    expect(text).toContain('BSBR generate 64 wasm');
    expect(text).toContain('could have seen a slow-down of 7 % or more');
  });
  test('names what makes two runs not comparable', () => {
    const differences = [{ field: 'machine.cpu_model', base: 'A', new: 'B' }];
    const text = exportGate({ ...REPORT, differences, timed: [], counted: [], complexity: [] }, RUN, format);
    expect(text).toContain('Not comparable');
    expect(text).toContain('`machine.cpu_model`: A → B');
  });
});

describe('formats', () => {
  test('are named on the command line with commas', () => {
    expect(parseFormats('csv,junit', EXPORT_FORMATS)).toEqual(['csv', 'junit']);
    expect(parseFormats(' csv, JUnit ,CSV', EXPORT_FORMATS)).toEqual(['csv', 'junit']);
    const rule = '--export: must be of csv, md, junit, gab, bmf, github, got ';
    expect(() => parseFormats('csv,xml', EXPORT_FORMATS)).toThrow(`${rule}xml`);
    expect(() => parseFormats('csv,', EXPORT_FORMATS)).toThrow(`${rule}''`);
  });
  test('have file names, but for the step summary', () => {
    expect(exportFileName('regressions', 'junit')).toBe('regressions.junit.xml');
    expect(exportFileName('regressions', 'github')).toBeNull();
  });
});
