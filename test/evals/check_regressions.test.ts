import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { main as calibrate } from '../../evals/calibrate.js';
import { compareCheckouts } from '../../evals/check_regressions/checkouts.js';
import { openLaboratory } from '../../evals/check_regressions/laboratory.js';
import { main } from '../../evals/check_regressions.js';
import { flagsOf, narrowed } from '../../evals/compare_models/rerun.js';
import { boldOn } from '../../evals/shared/bold.js';
import { timedGate } from '../../src/bench/gate/gate.js';
import type { Results } from '../../src/results/schema.js';
import { pairsOf } from '../bench/gate/suites.js';
import { plainLife } from '../support/fake_worker.js';
import { makeResults } from '../support/make_results.js';
import { fakeCheckout, fakeVersion, writeCheckout } from './fake_checkout.js';

type FakeVersion = ReturnType<typeof fakeVersion>;

/** Ten processes: the gate needs nine for two cells. */
const QUIET = [10, 10.05, 10.1, 10.02, 10.07, 10.01, 10.08, 10.04, 10.06, 10.03];
const run = (factor: number, values: readonly number[] = QUIET): Results => {
  const times = values.map((ms) => ms * factor).reverse();
  return makeResults({ BSBR: { 64: times, 128: times } }, { phase: 'decode' });
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gate-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

async function call(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const streams = {
    stdout: { write: (words: string) => (text.out += words) },
    stderr: { write: (words: string) => (text.err += words) },
  };
  const command = argv[0] === 'calibrate' ? calibrate : main;
  const code = await command(argv[0] === 'calibrate' ? argv.slice(1) : argv, streams);
  return { code, ...text };
}

const pair = (base: unknown, next: unknown, ...flags: string[]) =>
  call(file('base.json', base), file('new.json', next), ...flags);

describe('two files', () => {
  test('a file against itself is 0, with a row for every cell', async () => {
    const path = file('base.json', run(1));
    const { code, out, err } = await call(path, path);
    expect(code).toBe(0);
    expect(out).toContain('BSBR decode 64 wasm');
    expect(out).toContain('BSBR decode 128 wasm');
    expect(out).toContain('1.000x');
    expect(err).toBe('');
  });
  test('codes for bold reach terminals alone, also where colours are forced', () => {
    expect(boldOn({ write: () => true })('Times')).toBe('Times');
    expect(boldOn({ write: () => true, isTTY: true })).toBe(pc.bold);
  });
  test('one process against itself is 0', async () => {
    const path = file('base.json', run(1, [10]));
    expect((await call(path, path)).code).toBe(0);
  });
  test('a slow-down by 20 % is 1, a speed-up is 0', async () => {
    const slower = await pair(run(1), run(1.2));
    expect(slower.code).toBe(1);
    expect(slower.out).toContain('2 regressed');
    const faster = await pair(run(1), run(0.187));
    expect(faster.code).toBe(0);
    expect(faster.out).toContain('0 regressed, 0 cannot tell, 2 faster, ');
  });
  test.each([1, 2, 3, 4, 5])('%d processes a side are 3, however far apart, with what to do', async (size) => {
    const few = QUIET.slice(0, size);
    for (const factor of [0.5, 1.01, 1.2, 3]) {
      const { code, out } = await pair(run(1, few), run(factor, few));
      expect(code).toBe(3);
      expect(out).toContain('too few processes: 9 a side could');
      expect(out).toContain(
        'Too few processes in 2 cells: 9 a side could. Measure each run with compare-models --runs 9 ',
      );
      expect(out.trimEnd().split('\n').at(-1)).toMatch(/^0 regressed, 2 cannot tell, /);
    }
  });
  test('a cell within the spread says what helps', async () => {
    const { code, out } = await pair(run(1), run(1.049));
    expect(code).toBe(3);
    expect(out).toContain('Within the spread in 2 cells. What helps: --confirm, more --runs of compare-models, ');
  });
  test('the margin is a percentage, and that of a cell goes before it', async () => {
    expect((await pair(run(1), run(1.2), '--margin', '30')).code).toBe(0);
    const { code, out } = await pair(run(1), run(1.2), '--cell-margin', 'BSBR:decode:64=30');
    expect(code).toBe(1);
    expect(out).toContain('1 regressed, 0 cannot tell');
  });
  test('a --cell_margin of no cell of the runs is 2, with the nearest', async () => {
    const { code, err } = await pair(run(1), run(1), '--cell_margin', 'BSRB:decode=30');
    expect(code).toBe(2);
    expect(err).toBe('error: --cell_margin: no cell is called BSRB:decode; did you mean BSBR:decode?\n');
  });
});

describe('beside the times of two files', () => {
  test('one kernel more is 1, whatever the times', async () => {
    const counted = makeResults(
      { BSBR: { 64: QUIET, 128: QUIET } },
      { phase: 'decode', counted: (_, n) => ({ ...run(1).cells[0]!.counted!, kernels: n }) },
    );
    const base = run(1);
    const grown = { ...base, cells: base.cells.map((cell, i) => ({ ...cell, counted: counted.cells[i]!.counted })) };
    const { code, out } = await pair(base, grown);
    expect(code).toBe(1);
    expect(out).toContain('28 more');
  });
  test('an exponent that grew is 1 even where every cell is within its margin', async () => {
    const lengths = [64, 128, 256, 512, 1024, 2048];
    const curve = (exponent: number) =>
      makeResults({
        BSBR: Object.fromEntries(
          lengths.map((n) => [n, QUIET.map((ms, i) => (ms + i / 100) * (n / 2048) ** exponent)]),
        ),
      });
    const { code, out } = await pair(curve(1), curve(1.3));
    expect(code).toBe(1);
    expect(out).toContain('grew by 0.30');
  });
  test('another machine is 3, with the field; advisory compares and is 0', async () => {
    const base = run(1);
    const moved = { ...run(1.2), machine: { ...base.machine, cpu_model: 'Other CPU' } };
    const refused = await pair(base, moved);
    expect(refused.code).toBe(3);
    expect(refused.err).toBe('not comparable: machine.cpu_model: Test CPU -> Other CPU\n');
    const advised = await pair(base, moved, '--advisory');
    expect(advised.code).toBe(0);
    expect(advised.out).toContain('regressed');
    expect(advised.err).toContain('warning: machine.cpu_model');
    expect((await pair(base, moved, '--counted_only')).code).toBe(0);
  });
});

describe('exports', () => {
  test('are written to files of their format', async () => {
    const output = join(folder, 'out');
    const { err } = await pair(run(1), run(1.2), '--export', 'csv,md,junit,gab,bmf', '--output_dir', output);
    const names = ['bmf.json', 'csv', 'gab.json', 'junit.xml', 'md'].map((end) => `regressions.${end}`);
    expect(readdirSync(output).sort()).toEqual(names);
    expect(err).toContain(join(output, 'regressions.md'));
  });
  test('for github go after what the step summary holds', async () => {
    process.env['GITHUB_STEP_SUMMARY'] = file('summary.md', 'before\n');
    try {
      await pair(run(1), run(1.2), '--export', 'github');
    } finally {
      delete process.env['GITHUB_STEP_SUMMARY'];
    }
    expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toMatch(/^before\n## check-regressions/);
    expect((await pair(run(1), run(1), '--export', 'github')).err).toContain('$GITHUB_STEP_SUMMARY');
  });
});

describe('bad input is 2, with one line that names file and field', () => {
  const good = run(1);
  const cell = good.cells[0]!;
  const withSample = (ms: unknown) => ({
    ...good,
    cells: [{ ...cell, processes: [{ ...cell.processes[0], samples_ms: [ms] }] }, good.cells[1]],
  });
  test.each([
    ['empty', '', 'is empty'],
    ['cut short', JSON.stringify(good).slice(0, 500), 'is not JSON or was cut short'],
    ['not JSON', 'times', 'is not JSON'],
    ['NaN', JSON.stringify(withSample(-7)).replace('-7', 'NaN'), 'samples_ms.0: must be a number, got NaN'],
    ['of a newer schema', { ...good, schema_version: 3 }, 'schema_version must be at most 2, got 3'],
    ['of an older schema', { ...good, schema_version: 1 }, 'schema_version must be 2 to compare or go on, got 1'],
    ['with a negative time', withSample(-1), 'cells.0.processes.0.samples_ms.0'],
    ['with no time', withSample(null), 'cells.0.processes.0.samples_ms.0'],
    ['without a cell', { ...good, cells: [cell] }, 'cells: needs BSBR decode 128 wasm'],
    ['without cells', { ...good, cells: [] }, 'cells: must hold at least one'],
    ['not finished', { ...good, complete: false }, 'complete: must be true'],
    ['an array', [], 'NEW'],
  ])('a new file that is %s', async (_, content, message) => {
    const path = file('new.json', content);
    const { code, err, out } = await call(file('base.json', good), path);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).toContain(path);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  });
  test('a file that is not there', async () => {
    const { code, err } = await call(join(folder, 'none.json'), file('new.json', good));
    expect(code).toBe(2);
    expect(err).toContain(`BASE: cannot read ${join(folder, 'none.json')}`);
  });
  test.each([
    [['a.json'], 'needs BASE and NEW, got 1 of 2'],
    [['a', 'b', 'c'], 'needs 2 files, got 3'],
    [['a', 'b', '--margin', 'x'], '--margin: must be a number above 0, got x'],
    [['a', 'b', '--margin', '-1'], '--margin: must be a number above 0, got -1'],
    [['a', 'b', '--cell_margin', 'x'], '--cell_margin: must read like'],
    [['a', 'b', '--cell_margin', 'BSBR=1e4'], 'a percentage is above 0 and below 1000'],
    [['a', 'b', '--export', 'xml'], '--export: must be of'],
    [['a', 'b', '--calibration', 'none.json'], '--calibration: needs a file'],
    [['a', 'b', '--ab', '--confirm'], '--confirm: is part of --ab'],
    [['a', 'b', '--ab'], 'a: must be a checkout with a package.json'],
    [['--nonsense'], '--nonsense'],
  ])('%j', async (argv, message) => {
    const { code, err } = await call(...argv);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

const SMALL = ['--quick', '--engines', 'wasm', '--models', 'Softmax', '--seq_lengths', '64', '--exact_lengths'];
const checkout = (name: string, onCell = '') => fakeVersion(join(folder, name), onCell);

describe('two checkouts in pairs of processes', () => {
  const compared = (head: FakeVersion, ...flags: string[]) =>
    call('--ab', checkout('base').folder, head.folder, ...flags, '--', ...SMALL);

  test('identical code is 0', async () => {
    const { code, out, err } = await compared(checkout('head'), '--runs', '10', '--sets', '2');
    expect(out).toContain('0 regressed, 0 cannot tell');
    expect(code).toBe(0);
    expect(err).toContain('measuring: 10 pairs of processes, 3 cells');
    expect(err).toMatch(/^2[0-9] of 30 measured, .* left$/m);
  });
  test('a slow-down by 20 % is 1, after a second firing of fresh processes', async () => {
    const { code, out, err } = await compared(checkout('head', 'return 1.2'));
    expect(code).toBe(1);
    expect(out).toContain('1.200x [1.200, 1.200]');
    expect(out).toContain('confirmed by 2 sets of processes');
    expect(err).toContain('measuring: 5 pairs of processes, 3 cells');
  });
  test('further sets are of the cells that are asked for, with numbers of their own', async () => {
    const [base, head] = [checkout('base'), checkout('head')];
    const streams = { stdout: { write: () => 0 }, stderr: { write: () => 0 } };
    const folders = { base: base.folder, new: head.folder };
    const { cells, measure } = await compareCheckouts(folders, SMALL, 1, plainLife(), streams);
    const decode = cells.filter(({ phase }) => phase === 'decode');
    await measure(1);
    const again = await measure(2, decode);
    for (const side of [again.base, again.new]) {
      expect(side.cells.map(({ phase, processes }) => [phase, processes.map(({ run }) => run)])).toEqual([
        ['decode', [1, 2]],
      ]);
    }
    for (const { asked } of [base, head])
      expect(asked().filter((line) => line.includes('measure'))).toHaveLength(3 + 2);
  });
  test('too few pairs after the last set are 3, with what to do', async () => {
    const { code, out } = await compared(checkout('head', 'return 1.2'), '--runs', '1', '--sets', '2');
    expect(code).toBe(3);
    expect(out).toContain('Too few processes in 3 cells: 10 a side could. Add --runs or --sets.');
  });
  test('a new side that cannot do what the base does is 2, with the cell and the reason', async () => {
    const head = checkout('head', "if (task === 'measure' && cell.phase === 'decode') throw new Error('no room')");
    const { code, err } = await compared(head, '--runs', '1');
    expect(code).toBe(2);
    expect(err).toContain('Softmax decode 64 wasm: must be ok as in BASE');
    expect(err).toContain('got failed (no room)');
  });
});

describe('two checkouts that cannot be compared', () => {
  test.each([
    [
      ['--cell_margin', 'Softmax:decode:46=9'],
      [],
      'no cell is called Softmax:decode:46; did you mean Softmax:decode:64?',
    ],
    [[], ['--models', 'Sofmax'], 'Sofmax'],
    [[], ['--peer', 'mine=cat'], '--peer: is no part of a checkout, got mine'],
    [[], ['--output', 'x.json'], 'unknown flag --output'],
    [
      ['--process_timeout', '9'],
      [],
      '--process_timeout: is for --confirm; with --ab each cell has its --cell_timeout, got 9',
    ],
  ])('%j and %j are 2, before anything is measured', async (own, flags, message) => {
    const [base, head] = [checkout('base'), checkout('head')];
    const { code, err } = await call('--ab', base.folder, head.folder, ...own, '--', ...SMALL, ...flags);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect([...base.asked(), ...head.asked()]).toEqual([]);
  });
  test('a checkout that is not built is 2', async () => {
    const base = checkout('base');
    rmSync(join(base.folder, 'dist'), { recursive: true });
    const { code, err } = await call('--ab', base.folder, base.folder);
    expect(code).toBe(2);
    expect(err).toContain('must be built (npm run build), got no dist/evals/compare_worker.js');
  });
  test('a checkout whose engines speak no protocol is 2, with their last words', async () => {
    writeCheckout(
      join(folder, 'old'),
      'dist/evals/compare_worker.js',
      "console.error('error: no order'); process.exit(2)",
    );
    const { code, err } = await call('--ab', join(folder, 'old'), checkout('head').folder, '--', ...SMALL);
    expect(code).toBe(2);
    expect(err).toMatch(/error: \S+old: wasm: its process ended with exit code 2; .*no order/);
  });
});

describe('confirming a stored run', () => {
  const measuredBy = async (slowdown: number) => {
    const own = fakeCheckout(join(folder, 'own'), run(1, [10]), slowdown);
    const next = run(1.2);
    const life = plainLife();
    const streams = { stdout: { write: () => 0 }, stderr: { write: () => 0 } };
    using laboratory = openLaboratory(streams, life, {}, own.folder);
    const again = laboratory.measureHere(next);
    const verdicts = await timedGate(pairsOf(run(1), next), () => 0.05, again, 2, 'stored');
    return { verdicts: verdicts.map(({ verdict }) => verdict), calls: own.calls() };
  };
  test('fails what fires again', async () => {
    const { verdicts, calls } = await measuredBy(1.2);
    expect(verdicts).toEqual(['regressed', 'regressed']);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.join(' ')).toContain('--runs 20 --max_time 0');
  });
  test('does not fail what does not', async () => {
    expect((await measuredBy(1)).verdicts).not.toContain('regressed');
  });
  test('that cannot be measured is an error with the last words', async () => {
    await expect(measuredBy(101)).rejects.toThrow('compare-models: must measure, got exit code 2: error: no room');
  });
  test('a base of too few processes is named, and nothing is measured in vain', async () => {
    const { code, out, err } = await pair(run(1, QUIET.slice(0, 5)), run(1.2), '--confirm');
    expect(code).toBe(3);
    expect(out).toContain('Too few processes in 2 cells: 10 a side could. The base is stored and stays as it is: ');
    expect(err).not.toContain('measuring');
  });
  test('repeats the run with its own flags, for the open cells alone', () => {
    const flags = narrowed(flagsOf(run(1)), [{ model: 'BSBR', phase: 'decode', n: 128, engine: 'wasm' }]);
    const valueAfter = (flag: string): string | undefined => flags[flags.indexOf(flag) + 1];
    expect(valueAfter('--hidden_dim')).toBe('128');
    expect(valueAfter('--engines')).toBe('wasm');
    expect(flags.slice(flags.indexOf('--models'))).toEqual(['--models', 'BSBR', '--seq_lengths', '128']);
    expect(flags.filter((flag) => flag === '--seq_lengths')).toHaveLength(1);
  });
  test('asks again for the options of models that were asked for', () => {
    const base = run(1);
    const options = { scan_chunk: 16, retrieval_norm: 'l2' };
    const flags = flagsOf({ ...base, config: { ...base.config, options } }).join(' ');
    expect(flags).toContain('--scan_chunk 16 --retrieval_norm l2');
    expect(flagsOf(base).join(' ')).not.toContain('--scan_chunk');
  });
  test('needs the prompt of a run that had one', () => {
    const base = run(1);
    const prompted = { ...base, config: { ...base.config, prompt: 'abc' } };
    expect(() => flagsOf(prompted)).toThrow('NEW: tool.argv: needs the --prompt of this run');
    const flags = flagsOf({ ...prompted, tool: { ...base.tool, argv: ['--prompt=a.txt'] } });
    expect(flags.slice(-2)).toEqual(['--prompt', 'a.txt']);
  });
});

describe('calibrate', () => {
  test('writes what check-regressions reads', async () => {
    const many = Array.from({ length: 20 }, (_, i) => 10 + (i % 5) / 50);
    const [stored, output] = [file('many.json', run(1, many)), join(folder, 'calibration.json')];
    const made = await call('calibrate', '--results_file', stored, '--output', output, '--suites', '100');
    expect(made.code).toBe(0);
    expect(made.out).toContain('Recommended: --runs 5 --margin 3, which finds ≥ ');
    expect(existsSync(output)).toBe(true);
    const next = file('new.json', run(1.04));
    const { code, out } = await call(file('base.json', run(1)), next, '--calibration', output);
    expect(code).toBe(1);
    expect(out).toContain('3 %');
  });
  test('a goal that no rule finds is 1, with the best that can be had', async () => {
    const many = Array.from({ length: 20 }, (_, i) => 10 + (i % 5) / 50);
    const [stored, output] = [file('many.json', run(1, many)), join(folder, 'calibration.json')];
    const flags = ['--output', output, '--suites', '100', '--detect', '1'];
    const { code, out } = await call('calibrate', '--results_file', stored, ...flags);
    expect(code).toBe(1);
    expect(out).toContain('Nothing to recommend: no rule with few false alarms finds 1 %. The best is --runs ');
  });
  test('too few processes are 2', async () => {
    const { code, err } = await call('calibrate', '--results_file', file('few.json', run(1)));
    expect(code).toBe(2);
    expect(err).toContain('needs 20 processes, got 10');
  });
});
