import { describe, expect, test } from 'vitest';
import { differences } from '../../../src/bench/gate/comparable.js';
import { complexityGate } from '../../../src/bench/gate/complexity.js';
import { countedGate } from '../../../src/bench/gate/counted.js';
import { type GateOptions, runGate, type Source, timedGate } from '../../../src/bench/gate/gate.js';
import { checkCellMargins, marginRule, parseCellMargins } from '../../../src/bench/gate/margins.js';
import { USUAL_SETS } from '../../../src/bench/gate/timed.js';
import { outcomeOf } from '../../../src/bench/gate/verdicts.js';
import type { EngineEntry, ModelEntry, Results } from '../../../src/results/schema.js';
import { makeResults } from '../../support/make_results.js';
import { bareRun, fakeMeasure, pairsOf, suiteCells } from './suites.js';

const [CELL] = suiteCells(1) as [ReturnType<typeof suiteCells>[number]];
/** Ten processes: enough for two cells, however they are judged. */
const QUIET = [10, 10.05, 10.1, 10.02, 10.07, 10.01, 10.08, 10.04, 10.06, 10.03];
const FIVE = QUIET.slice(0, 5);
/** The values times a factor, in another order: another measurement of the same. */
const times = (factor: number, values: readonly number[] = QUIET): number[] =>
  values.map((ms) => factor * ms).reverse();
const OPTIONS: GateOptions = {
  marginOf: () => 0.05,
  advisory: false,
  countedOnly: false,
  source: 'stored',
  measure: null,
  sets: USUAL_SETS,
  changesResults: () => true,
  exponents: { base: [], new: [] },
};
const run = (values: readonly number[], override: Partial<Results> = {}): Results =>
  makeResults({ Linear: { 64: values, 128: values } }, { override });
const gate = (base: Results, next: Results, options: Partial<GateOptions> = {}) =>
  runGate({ name: 'BASE', results: base }, { name: 'NEW', results: next }, { ...OPTIONS, ...options });

describe('measuring again', () => {
  const cells = suiteCells(2);
  const base = bareRun(cells, [FIVE, FIVE]);
  const tenBase = bareRun(cells, [QUIET, QUIET]);
  const gated = (
    next: Results,
    again: ReturnType<typeof fakeMeasure>,
    { sets = USUAL_SETS, from = base, source = 'pairs' }: { sets?: number; from?: Results; source?: Source } = {},
  ) => timedGate(pairsOf(from, next), () => 0.05, again, sets, source);

  test('asks for the cells that fired alone, with twice the processes', async () => {
    const again = fakeMeasure([{ base: null, new: bareRun(cells, [times(1.1), QUIET]) }]);
    const verdicts = await gated(bareRun(cells, [times(1.1), times(1)]), again, { from: tenBase, source: 'stored' });
    expect(again.asked).toEqual([['Linear decode 16 wasm', '20 runs']]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['regressed', 'not regressed']);
    expect(verdicts[0]).toMatchObject({ firings: 2, sets: 2, comparison: { newProcesses: 20 } });
  });
  test('five and five processes alone never clear a cell', async () => {
    const both = { base: tenBase, new: bareRun(cells, [times(1), times(1)]) };
    const again = fakeMeasure([both]);
    const verdicts = await gated(bareRun(cells, [times(1, FIVE), times(1, FIVE)]), again);
    expect(again.asked).toEqual([['Linear decode 16 wasm', 'Linear decode 32 wasm', '10 runs']]);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['not regressed', 'not regressed']);
  });
  test('only a second firing fails', async () => {
    const calm = { base: bareRun(cells, [QUIET, QUIET]), new: bareRun(cells, [times(1), QUIET]) };
    const verdicts = await gated(bareRun(cells, [times(1.1, FIVE), times(1, FIVE)]), fakeMeasure([calm, calm]));
    expect(verdicts[0]).toMatchObject({ firings: 1, sets: 3, verdict: 'cannot tell' });
  });
  test.each([2, 3, 5])('gives up after %d sets, each twice as large as the one before', async (sets) => {
    const near = { base: null, new: bareRun(cells, [times(1.048), QUIET]) };
    const again = fakeMeasure([near, near, near, near]);
    const twenty = [...QUIET, ...QUIET];
    const from = bareRun(cells, [twenty, twenty]);
    const verdicts = await gated(bareRun(cells, [times(1.048, FIVE), times(1, FIVE)]), again, {
      sets,
      from,
      source: 'stored',
    });
    expect(again.asked.map((asked) => asked.at(-1))).toEqual(
      ['10 runs', '20 runs', '40 runs', '80 runs'].slice(0, sets - 1),
    );
    expect(verdicts[0]).toMatchObject({ verdict: 'cannot tell', reason: 'the margin lies within the spread', sets });
  });
  test('measures nothing when all is clear', async () => {
    const again = fakeMeasure([]);
    await gated(bareRun(cells, [times(1), times(1)]), again, { from: tenBase });
    expect(again.asked).toEqual([]);
  });
  test('compares with the fresh base where both sides are measured', async () => {
    const slowMachine = times(1.3);
    const both = { base: bareRun(cells, [slowMachine, QUIET]), new: bareRun(cells, [times(1.3), QUIET]) };
    const verdicts = await gated(bareRun(cells, [times(1.1, FIVE), times(1, FIVE)]), fakeMeasure([both, both]));
    expect(verdicts[0]?.firings).toBe(1);
    expect(verdicts[0]?.verdict).not.toBe('regressed');
  });
});

describe('measuring again, where something is missing', () => {
  test('a cell that is lost is an error that names it', async () => {
    const cells = suiteCells(2);
    const base = bareRun(cells, [FIVE, FIVE]);
    const lost = { base: null, new: { ...base, cells: [] } };
    const slow = bareRun(cells, [times(1.1, FIVE), times(1, FIVE)]);
    await expect(timedGate(pairsOf(base, slow), () => 0.05, fakeMeasure([lost]), USUAL_SETS, 'pairs')).rejects.toThrow(
      'measuring again: Linear decode 16 wasm must be ok, got no such cell',
    );
  });
  test('a stored base of too few processes is not measured against: no number of new ones would help', async () => {
    const again = fakeMeasure([]);
    const cells = suiteCells(2);
    const base = bareRun(cells, [FIVE, FIVE]);
    const slow = bareRun(cells, [times(1.3), times(1.3)]);
    const verdicts = await timedGate(pairsOf(base, slow), () => 0.05, again, USUAL_SETS, 'stored');
    expect(again.asked).toEqual([]);
    expect(verdicts[0]).toMatchObject({ verdict: 'cannot tell', processesNeeded: 10, sets: 1 });
  });
});

describe('runs that cannot be judged are errors that name file and field', () => {
  const good = run(QUIET);
  const first = good.cells[0]!;
  const withFirst = (change: object): Results => ({ ...good, cells: [{ ...first, ...change }, good.cells[1]!] });
  test.each([
    [
      'an unfinished file',
      { ...good, complete: false },
      'NEW: complete: must be true, got false; resume the run to complete it',
    ],
    ['no cells', { ...good, cells: [] }, 'NEW: cells: must hold at least one'],
    ['a missing cell', { ...good, cells: [first] }, 'NEW: cells: needs Linear generate 128 wasm as in BASE, got none'],
    [
      'a cell twice',
      { ...good, cells: [first, first] },
      'NEW: cells: every cell once, got Linear generate 64 wasm twice',
    ],
    ['a lost cell', withFirst({ status: 'timeout', reason: '120 s' }), 'must be ok as in BASE, got timeout (120 s)'],
    ['no processes', withFirst({ processes: [] }), 'Linear generate 64 wasm: processes: must hold at least one'],
    [
      'a summary that is not of its samples',
      withFirst({ summary: { ...first.summary, value_ms: 99 } }),
      'summary.value_ms: must be the median over processes of the minimum over samples, 10.045, got 99',
    ],
  ])('%s', async (_, bad, message) => {
    await expect(gate(good, bad as Results)).rejects.toThrow(message);
  });
  test('a cell that the base lacks', async () => {
    await expect(gate({ ...good, cells: [first] }, good)).rejects.toThrow(
      'BASE: cells: needs Linear generate 128 wasm',
    );
  });
});

describe('unlike runs', () => {
  const base = run(QUIET);
  const other: Results = {
    ...run(times(2)),
    machine: { ...base.machine, cpu_model: 'Other CPU', threads: 2 },
    config_hash: 'other',
    config: { ...base.config, options: { chunk_size: 64 } },
  };
  test('are refused with every differing field, and judged in nothing', async () => {
    const report = await gate(base, other);
    expect(report.differences.map(({ field }) => field)).toEqual([
      'machine.cpu_model',
      'machine.threads',
      'config_hash',
      'config.options',
    ]);
    expect(report.timed).toEqual([]);
    expect(outcomeOf(report)).toBe('cannot tell');
  });
  test('are compared with advisory, and never fail', async () => {
    const report = await gate(base, other, { advisory: true });
    expect(report.timed[0]?.verdict).toBe('regressed');
    expect(outcomeOf(report)).toBe('pass');
  });
  test('the commit and the version of this package are what is compared, not a difference', () => {
    const later = { ...base, git: { commit: 'ffff', dirty: true }, tool: { ...base.tool, version: '9.9.9' } };
    expect(differences(base, later, () => true)).toEqual([]);
  });
  const fieldsOf = (next: Results, scope?: 'work') =>
    differences(base, next, () => true, scope).map(({ field }) => field);
  test('another version, or other native code, of an engine is a difference, unless they are measured side by side', () => {
    const [engine] = base.engines as [EngineEntry];
    const on = (change: Partial<EngineEntry>): Results => ({ ...base, engines: [{ ...engine, ...change }] });
    expect(fieldsOf(on({ versions: { tfjs: '5.0.0' } }))).toEqual(['engines.wasm.versions.tfjs']);
    expect(fieldsOf(on({ native_code: ['causal_attention'] }))).toEqual(['engines.wasm.native_code']);
    expect(fieldsOf(on({ env: { OMP_NUM_THREADS: '1' } }))).toEqual([]);
    expect(fieldsOf(on({ versions: { tfjs: '5.0.0' } }), 'work')).toEqual([]);
    expect(fieldsOf(on({ id: 'torch' }), 'work')).toEqual(['engines']);
  });
  test('models are the same by each of their options that changes results', () => {
    const [model] = base.models as [ModelEntry];
    const withOptions = (options: ModelEntry['options']): Results => ({ ...base, models: [{ ...model, options }] });
    const own = withOptions({ chunk_size: 32, scan_chunk: 32 });
    const fields = (options: ModelEntry['options']) =>
      differences(own, withOptions(options), (option) => option !== 'scan_chunk', 'work').map(({ field }) => field);
    expect(fields({ chunk_size: 64, scan_chunk: 64 })).toEqual(['models.Linear.chunk_size']);
    expect(fields({ chunk_size: 32, scan_chunk: 64 })).toEqual([]);
    expect(fields({ chunk_size: 32, window: 8 })).toEqual([]); // the older one does not know of it
  });
  test('quick and full sampling are not comparable', () => {
    const quick = { ...base, config: { ...base.config, quick: true } };
    expect(differences(base, quick, () => true).map(({ field }) => field)).toEqual(['config.quick']);
  });
  test('counts may be compared across machines', async () => {
    const moved = { ...run(times(2)), machine: { ...base.machine, cpu_model: 'Other CPU' } };
    const report = await gate(base, moved, { countedOnly: true });
    expect(outcomeOf(report)).toBe('pass');
    expect(report.counted.length).toBeGreaterThan(0);
  });
});

describe('the deterministic gate', () => {
  const base = run(QUIET);
  const [pair] = pairsOf(base, base);
  const counted = pair!.base.counted!;
  const against = (change: Partial<typeof counted>) =>
    countedGate(base, base, [{ ...pair!, new: { ...pair!.new, counted: { ...counted, ...change } } }]);
  test('one kernel more is a regression', () => {
    expect(against({ kernels: counted.kernels! + 1 }).filter(({ verdict }) => verdict === 'regressed')).toMatchObject([
      { quantity: 'kernels', reason: '1 more' },
    ]);
  });
  test('fewer bytes are not', () => {
    expect(against({ bytes: counted.bytes! - 1 }).every(({ verdict }) => verdict === 'not regressed')).toBe(true);
  });
  test('a count that is no longer made cannot be told', () => {
    expect(against({ flops: null }).find(({ quantity }) => quantity === 'flops')?.verdict).toBe('cannot tell');
  });
  test('one parameter more is a regression', () => {
    const grown = { ...base, models: base.models.map((model) => ({ ...model, params: model.params + 1 })) };
    expect(countedGate(base, grown, []).map(({ verdict }) => verdict)).toEqual(['regressed']);
  });
  test('a leaked tensor is a regression even if the base leaked too', () => {
    const leaking = { ...pair!.new, processes: pair!.new.processes.map((one) => ({ ...one, leaked_tensors: 1 })) };
    const verdicts = countedGate(base, base, [{ ...pair!, base: leaking, new: leaking }]);
    expect(verdicts.find(({ quantity }) => quantity === 'leaked_tensors')?.verdict).toBe('regressed');
  });
});

describe('the complexity gate', () => {
  type Exponent = readonly [low: number, value: number, high: number];
  const series = ([low, value, high]: Exponent) => [
    { series: 'a', exponent: value, interval: () => [low, high] as const },
  ];
  const verdict = (old: Exponent, next: Exponent) => complexityGate(series(old), series(next))[0]?.verdict;
  test('regressed when the intervals are apart and the exponent grew by more than 0.15', () => {
    expect(verdict([0.95, 1, 1.05], [1.9, 2, 2.1])).toBe('regressed');
  });
  test('not when it grew by less, or the intervals meet', () => {
    expect(verdict([0.99, 1, 1.01], [1.09, 1.1, 1.11])).toBe('not regressed');
    expect(verdict([0.8, 1, 1.6], [1.5, 1.7, 1.9])).toBe('not regressed');
  });
  test('intervals that do not quite meet are not enough where there are many series: one in forty misses', () => {
    const many = (exponent: Exponent, count: number) =>
      Array.from({ length: count }, (_, i) => ({ ...series(exponent)[0]!, series: `${i}` }));
    const verdicts = (count: number) =>
      complexityGate(many([0.999, 1, 1.001], count), many([1.02, 1.2, 1.4], count)).map(({ verdict }) => verdict);
    expect(new Set(verdicts(36))).toEqual(new Set(['not regressed']));
    expect(verdict([0.999, 1, 1.001], [1.1, 1.2, 1.3])).toBe('regressed');
  });
  test('an exponent that is not identified is no failure', () => {
    const vague = [{ series: 'a', exponent: 1, interval: () => null }];
    const found = complexityGate(vague, series([1.9, 2, 2.1]));
    expect(found).toMatchObject([{ verdict: null, reason: 'exponent not identified' }]);
  });
  test('asks for no interval where the exponent did not grow', () => {
    const costly = { series: 'a', exponent: 1, interval: () => expect.unreachable() };
    expect(complexityGate([costly], [costly])[0]?.verdict).toBe('not regressed');
  });
});

describe('margins', () => {
  test('the most special one holds', () => {
    const rule = marginRule(parseCellMargins(['BSBR=7', 'BSBR:decode:64=20', 'BSBR:decode=10'], 'margins'), 3, null);
    const cell = { ...CELL, model: 'BSBR', n: 64 };
    expect(rule(cell)).toBe(0.2);
    expect(rule({ ...cell, n: 128 })).toBe(0.1);
    expect(rule({ ...cell, phase: 'prefill' })).toBe(0.07);
    expect(rule(CELL)).toBe(0.03);
    expect(marginRule([], undefined, null)(CELL)).toBe(0.05);
  });
  test('of an engine holds there, before that of all engines', () => {
    const rule = marginRule(
      parseCellMargins(['BSBR@wasm:decode=20', 'BSBR:decode=10', 'BSBR@torch=7', 'BSBR@onnx:op:decode=4'], 'margins'),
      3,
      null,
    );
    const cell = { ...CELL, model: 'BSBR', n: 64 };
    const marginOn = (engine: string, phase = cell.phase) => rule({ ...cell, engine, phase });
    expect([marginOn('wasm'), marginOn('tensorflow')]).toEqual([0.2, 0.1]);
    expect([marginOn('torch'), marginOn('torch', 'prefill')]).toEqual([0.1, 0.07]);
    expect([marginOn('onnx:op'), marginOn('onnx'), marginOn('onnx:op', 'prefill')]).toEqual([0.04, 0.1, 0.03]);
  });
  test.each(['BSBR', 'BSBR=', '=5', 'BSBR=-5', 'BSBR=x', 'BSBR=5%', 'BSBR=1000', 'BSBR:decode:64:x=5', 'BSBR::64=5'])(
    '%s is refused',
    (text) => {
      expect(() => parseCellMargins([text], 'margins')).toThrow(
        `margins: must read like BSBR:decode:4096=10, got ${text}`,
      );
    },
  );
  test.each([
    ['BSRB', 'BSBR'],
    ['bsbr:decode', 'BSBR:decode'],
    ['BSBR:decod', 'BSBR:decode'],
    ['BSBR:prefil:64', 'BSBR:prefill:64'],
    ['BSBR:decode:65', 'BSBR:decode:64'],
    ['BSBR:decode:0064', 'BSBR:decode:64'],
    ['constructor', 'BSBR'],
    ['BSBR@wsm:decode', 'BSBR@wasm:decode'],
  ])('%s, which is no cell of the runs, is refused with the nearest', (text, nearest) => {
    const cells = ['BSBR', 'Linear'].flatMap((model) =>
      (['prefill', 'decode'] as const).flatMap((phase) => [64, 1024].map((n) => ({ ...CELL, model, phase, n }))),
    );
    expect(() => checkCellMargins(parseCellMargins([`${text}=7`], 'margins'), cells, 'margins')).toThrow(
      `margins: no cell is called ${text}; did you mean ${nearest}?`,
    );
    expect(() => checkCellMargins(parseCellMargins([`${nearest}=7`], 'margins'), cells, 'margins')).not.toThrow();
  });
});

describe('exit codes', () => {
  test('a regression outweighs what cannot be told', async () => {
    const base = bareRun(suiteCells(2), [QUIET, [10]]);
    const next = bareRun(suiteCells(2), [times(1.2), [10.1]]);
    expect(outcomeOf(await gate(base, next))).toBe('regressed');
  });
  test('what cannot be told is 3', async () => {
    expect(outcomeOf(await gate(run([10, 11]), run([10.5, 10.6])))).toBe('cannot tell');
  });
  test('a cell measured in neither run is 3, with the reason', async () => {
    const run = bareRun(suiteCells(2), [QUIET, QUIET]);
    const failed = { ...run.cells[1]!, status: 'timeout' as const, reason: '120 s', processes: [] };
    const report = await gate({ ...run, cells: [run.cells[0]!, failed] }, { ...run, cells: [run.cells[0]!, failed] });
    expect(report.timed[1]).toMatchObject({
      verdict: 'cannot tell',
      reason: 'not measured in either run: timeout (120 s)',
    });
    expect(outcomeOf(report)).toBe('cannot tell');
  });
  test('all clear is 0', async () => {
    expect(outcomeOf(await gate(run(QUIET), run(times(1))))).toBe('pass');
  });
});
