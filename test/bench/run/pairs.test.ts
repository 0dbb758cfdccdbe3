/** Pairs of processes, with fake engines. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pairRatios } from '../../../src/bench/gate/paired_cells.js';
import { type Both, both, measurePairs, type PairsSpec } from '../../../src/bench/run/pairs.js';
import { NOT_PINNED, type PinnableCpus, pinnableCpus } from '../../../src/bench/run/process/pinning.js';
import type { Progress } from '../../../src/bench/run/run.js';
import { cellKey } from '../../../src/results/cell.js';
import type { Results } from '../../../src/results/schema.js';
import { type FakeEngine, fakeEngine, plainLife, SPEC } from '../../support/fake_worker.js';
import { makeResults } from '../../support/make_results.js';
import { temporaryFolder } from '../../support/temporary.js';

const { schema_version, created_at, tool, git, config, config_hash } = makeResults({ A: { 8: [1] } });
const label = { schema_version, created_at, tool, git, config, config_hash };
const RULES = { ...SPEC.rules, samples: { minCount: 3, minMs: 0, maxMs: 1000 } };
const PLAN: PairsSpec = { ...SPEC, cells: SPEC.cells.slice(0, 3), rules: RULES, runs: [0, 1], seed: 1 };

/** Measures pairs of two fake engines. @returns also how much was done of how much, as it went on */
async function measured(
  engines: Both<FakeEngine>,
  plan: Partial<PairsSpec> = {},
  { cpus = NOT_PINNED, cellTimeoutMs = 60_000 }: { cpus?: PinnableCpus; cellTimeoutMs?: number } = {},
) {
  const progress: string[] = [];
  const folder = temporaryFolder();
  const host = {
    ...plainLife(),
    ...cpus,
    ...{ cellTimeoutMs, startTimeoutMs: 60_000 },
    now: () => performance.now(),
    temporaryFile: (name: string) => join(folder, name),
    onProgress: ({ done, total, heard }: Progress) =>
      void (heard.type === 'measured' && progress.push(`${heard.process.run}: ${done} of ${total}`)),
  };
  const versions = both((side) => ({ name: `${side} dir`, engines: [engines[side]], label }));
  return { ...(await measurePairs({ ...PLAN, ...plan }, versions, host)), progress };
}

const statuses = ({ cells }: Results) => Object.fromEntries(cells.map((cell) => [cellKey(cell), cell.status]));

describe('two versions of an engine', () => {
  test('are timed in turns, a sample each, as many of both, now one first and now the other', async () => {
    const log = join(temporaryFolder(), 'log');
    writeFileSync(log, '');
    const noting = (name: string) => ({
      replies: `run: ({ repeats }) => {
        appendFileSync('${log}', '${name}');
        return { type: 'ran', ms: repeats * 0.1, tokens: [1] };
      },`,
    });
    const engines = { base: fakeEngine('', noting('b')), new: fakeEngine('', noting('n')) };
    const { base, new: next } = await measured(engines, { cells: PLAN.cells.slice(0, 1), runs: [1, 2, 3, 4, 5] });
    // one to warm up and three samples, of which the first two are there and back again
    expect(new Set(readFileSync(log, 'utf8').match(/.{8}/g))).toEqual(new Set(['bnbnnbbn', 'nbnbbnnb']));
    for (const { cells } of [base, next]) expect(cells[0]?.processes[0]?.samples_ms).toHaveLength(3);
  });

  test('come out as two runs, whose processes of one number are a pair', async () => {
    const engines = { base: fakeEngine('return 1'), new: fakeEngine('return 1.5') };
    const { base, new: next, progress } = await measured(engines);
    const runOf = (done: number): number => (done < 3 ? 0 : 1);
    expect([...new Set(progress)]).toEqual([0, 1, 2, 3, 4, 5].map((done) => `${runOf(done)}: ${done} of 6`));
    for (const [i, cell] of next.cells.entries()) {
      for (const ratio of pairRatios(base.cells[i]!, cell)) expect(ratio).toBeCloseTo(1.5, 9);
      expect(cell.processes.map(({ run }) => run)).toEqual([0, 1]);
    }
    for (const { complete, models } of [base, next]) {
      expect(complete).toBe(true);
      expect(models.map(({ name }) => name)).toEqual(['A']);
    }
  });

  test('are counted once, with the first pair', async () => {
    const engines = both(() => fakeEngine());
    const counts = (engine: FakeEngine) => engine.asked().filter((line) => line.startsWith('count')).length;
    await measured(engines);
    expect([counts(engines.base), counts(engines.new)]).toEqual([3, 3]);
    const { base } = await measured(engines, { runs: [2, 3, 4] });
    expect(counts(engines.base)).toBe(3);
    expect(base.cells.map(({ processes }) => processes.map(({ run }) => run))).toEqual(Array(3).fill([2, 3, 4]));
  });

  test.runIf(pinnableCpus(1).spareCpu !== null)('get ready side by side where there is a CPU to spare', async () => {
    const engines = both(() => fakeEngine('', { builds: true }));
    const { base, new: next } = await measured(engines, { runs: [1] }, { cpus: pinnableCpus(1) });
    for (const { cells } of [base, next]) expect(cells.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
    const prepared = engines.new.asked().filter((line) => line === 'measure A prefill 8');
    expect(prepared).toHaveLength(2); // to build its graphs, and to be measured
  });
});

describe('where one of the two', () => {
  const fails = "if (task === 'measure' && cell.n === 16)";
  test('fails at a cell, that is told of it alone, and longer ones are spared', async () => {
    const engines = { base: fakeEngine(), new: fakeEngine(`${fails} throw new Error('no room')`) };
    const { base, new: next } = await measured(engines);
    expect(Object.values(statuses(next))).toEqual(['ok', 'failed', 'skipped']);
    expect(next.cells[1]?.reason).toBe('no room');
    expect(base.cells.map(({ processes }) => processes.length)).toEqual([2, 1, 0]); // so that it is known which one cannot
  });

  test('is lost, both are begun afresh for what is left', async () => {
    const engines = { base: fakeEngine(`${fails} process.exit(3)`), new: fakeEngine() };
    const cells = SPEC.cells.filter(({ n }) => n !== 32);
    const { base, new: next } = await measured(engines, { cells });
    expect(base.cells.filter(({ n }) => n === 16).map(({ status }) => status)).toEqual(Array(4).fill('failed'));
    expect(base.cells.find(({ n }) => n === 16)?.reason).toContain('exit code 3');
    for (const { cells } of [base, next]) {
      expect(cells.filter(({ n }) => n === 8).map(({ processes }) => processes.length)).toEqual([2, 2, 2, 2]);
    }
  });

  test('takes longer than a cell may, it is ended, and the other is not', async () => {
    const engines = { base: fakeEngine(), new: fakeEngine(`${fails} await forever()`) };
    const { base, new: next } = await measured(engines, { runs: [0] }, { cellTimeoutMs: 1500 });
    expect(Object.values(statuses(next))).toEqual(['ok', 'timeout', 'skipped']);
    expect(next.cells[1]?.reason).toBe('took longer than 1.5 s');
    expect(base.cells.map(({ processes }) => processes.length)).toEqual([1, 1, 0]);
  });

  test('fails and the other is lost, both are told of', async () => {
    const engines = {
      base: fakeEngine(`${fails} { if (times > 0 || cell.phase === 'generate') process.exit(3); }`),
      new: fakeEngine(`${fails} throw new Error('no room')`),
    };
    const { base, new: next } = await measured(engines, { cells: SPEC.cells.slice(0, 2), runs: [1] });
    expect(Object.values(statuses(next))).toEqual(['ok', 'failed']);
    expect(Object.values(statuses(base))).toEqual(['ok', 'failed']);
  });

  test.each(['base', 'new'] as const)('cannot be used, which is %s, it is named', async (side) => {
    const old = fakeEngine('', { replies: "hello: () => ({ type: 'failed', reason: 'no runtime' })," });
    const engines = both((one) => (one === side ? old : fakeEngine()));
    await expect(measured(engines)).rejects.toThrow(`${side} dir: wasm: no runtime`);
  });
});
