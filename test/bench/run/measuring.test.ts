import { describe, expect, test } from 'vitest';
import type { SamplingRules } from '../../../src/bench/protocol/plan.js';
import { checkClock, createRounds, measureCell, measureInTurns, toBuild } from '../../../src/bench/run/measuring.js';
import { Failure } from '../../../src/bench/run/process/connection.js';
import type { Worker } from '../../../src/bench/run/process/session.js';
import type { CellId } from '../../../src/results/cell.js';
import { SPEC } from '../../support/fake_worker.js';

const timing = (inside: number, outside: number) => ({ inside, outside });

describe('a clock is believed', () => {
  test.each([
    ['that is a message behind', [timing(10, 10.3), timing(250, 251)]],
    ['that differs by what clocks differ by', [timing(1000, 995), timing(0.5, 0.1)]],
    ['where a run was waited for long, once', [timing(10, 400), timing(10, 10.2)]],
    ['where runs are short and messages are not', [timing(1, 90), timing(1, 60)]],
  ])('%s', (_, timings) => {
    expect(() => checkClock(timings, [1])).not.toThrow();
  });
});

describe('a clock is not believed', () => {
  test.each([
    [
      'that runs ahead',
      [timing(10, 10), timing(30, 10)],
      [1],
      'its clock must not run ahead of ours, got 30 ms for what took 10 ms',
    ],
    [
      'that counts less than half, each time',
      [timing(40, 99), timing(40, 123.4)],
      [1],
      'its clock must count all of what it does, got 40 ms for what took 123 ms',
    ],
    ['that stands still', [timing(0, 10)], [0], 'its clock must tell how long a run took, got 0 ms'],
  ])('%s', (_, timings, kept, reason) => {
    expect(() => checkClock(timings, kept)).toThrow(new Failure(reason));
  });
});

describe('a cell is measured', () => {
  const { workload, rules } = SPEC;
  const [cell] = SPEC.cells as [CellId];
  /** A worker whose i-th run takes `lateMs(i)` more than the 30 ms that it says. */
  function workerOf(lateMs: (i: number) => number) {
    let [ms, runs] = [0, 0];
    const ask = async (type: string): Promise<unknown> => {
      if (type !== 'run') return { compile_ms: 0, peak_rss_bytes: 1, leaked_tensors: 0 };
      ms += 30 + lateMs(runs++);
      return { ms: 30, tokens: [1] };
    };
    const worker = { ask, load: async () => ({ period: null }) } as unknown as Worker;
    return { measured: () => measureCell(worker, cell, workload, rules, () => ms), runs: () => runs };
  }

  test('by the clock of the worker, whatever a message takes', async () => {
    const { measured, runs } = workerOf(() => 20);
    expect(await measured()).toMatchObject({ warmup_ms: [30], samples_ms: [30], batch: 1 });
    expect(runs()).toBe(2);
  });

  test('on a machine that is too busy for messages, once some calls show that it was that', async () => {
    const { measured, runs } = workerOf((i) => (i < 5 ? 400 : 0));
    expect(await measured()).toMatchObject({ samples_ms: [30] });
    expect(runs()).toBe(6);
  });

  test('by no clock that leaves out half of every call', async () => {
    const { measured, runs } = workerOf(() => 80);
    await expect(measured()).rejects.toThrow(
      new Failure('its clock must count all of what it does, got 30 ms for what took 110 ms'),
    );
    expect(runs()).toBe(12);
  });
});

describe('two workers measure a cell in turns', () => {
  const { workload, rules } = SPEC;
  const [cell] = SPEC.cells as [CellId];
  /** A worker that fails at its `failing`-th request of a kind, and what was asked of both. */
  function workersOf(failing: readonly (string | null)[]) {
    const asked: string[] = [];
    const workers = failing.map((at, i) => {
      const ask = async (type: string): Promise<unknown> => {
        asked.push(`${i} ${type}`);
        if (type === at) throw new Failure('cannot');
        return { compile_ms: 0, peak_rss_bytes: 1, leaked_tensors: 0, ms: 20 * (i + 1), tokens: [1] };
      };
      return { ask, load: async () => ({ period: null }), startOver: () => undefined } as unknown as Worker;
    });
    return { workers, asked };
  }

  test('one sample after the other', async () => {
    const { workers, asked } = workersOf([null, null]);
    let ms = 0;
    const [first, second] = await measureInTurns(workers, cell, workload, rules, () => (ms += 40));
    expect([first?.samples_ms, second?.samples_ms]).toEqual([[20], [40]]);
    const runs = ['0 run', '1 run', '0 run', '1 run']; // to warm up, and a sample
    expect(asked).toEqual(['0 prepare', '1 prepare', ...runs, '0 release', '1 release']);
  });

  test.each([
    ['prepare', 0, []],
    ['prepare', 1, ['0 release']],
    ['run', 0, ['0 release', '1 release']],
    ['run', 1, ['0 release', '1 release']],
    ['release', 1, []],
  ])(
    'where %s fails in worker %d, that one is the cause, and what is held is freed once',
    async (at, worker, freed) => {
      const { workers, asked } = workersOf([0, 1].map((i) => (i === worker ? at : null)));
      let turn = -1;
      let ms = 0;
      const onTurn = (i: number): void => {
        turn = i;
      };
      await expect(measureInTurns(workers, cell, workload, rules, () => (ms += 40), onTurn)).rejects.toThrow('cannot');
      expect(turn).toBe(worker);
      expect(asked.slice(asked.indexOf(`${worker} ${at}`) + 1)).toEqual(freed);
    },
  );
});

const decode: CellId = { ...(SPEC.cells[0] as CellId), phase: 'decode' };
const IN_ROUNDS: SamplingRules = { ...SPEC.rules, samples: { minCount: 6, minMs: 0, maxMs: 12_000 }, rounds: 3 };
/** A worker whose i-th run takes 3200 + 32 i ms for 32 steps, and a cell `readyMs` to get ready but for its graphs. */
function slowWorker(readyMs: number, compileMs = 70) {
  const asked: string[] = [];
  let [ms, runs, releases] = [0, 0, 0];
  const ask = async (type: string): Promise<unknown> => {
    asked.push(type);
    if (type === 'prepare') ms += readyMs + compileMs;
    if (type === 'steps') ms += 32;
    if (type !== 'run') {
      const released = { peak_rss_bytes: 10 + releases, leaked_tensors: 1 };
      if (type === 'release') releases++;
      return { compile_ms: compileMs, ms: Array(32).fill(1), ...released };
    }
    const took = 3200 + 32 * runs++;
    ms += took;
    return { ms: took, tokens: [1] };
  };
  const worker = { ask, load: async () => ({ period: null }) } as unknown as Worker;
  return { worker, asked, measure: createRounds(SPEC.workload, IN_ROUNDS, () => ms) };
}

describe('a process measures a cell in rounds', () => {
  test('with a share of the samples in each, warmed up and stepped in the first', async () => {
    const { worker, asked, measure } = slowWorker(20);
    const first = await measure(worker, decode);
    expect(first).toMatchObject({ warmup_ms: [100], samples_ms: [101, 102], peak_rss_bytes: 10, leaked_tensors: 1 });
    await measure(worker, decode);
    const whole = await measure(worker, decode);
    expect(whole).toEqual({
      ...{ ...first, samples_ms: [101, 102, 103, 104, 105, 106], peak_rss_bytes: 12, leaked_tensors: 3 },
    });
    expect(whole).toMatchObject({ steps: 32, steps_ms: Array(32).fill(1), batch: 32, compile_ms: 70 });
    const round = ['prepare', 'run', 'run', 'release'];
    expect(asked).toEqual(['prepare', 'run', 'run', 'run', 'steps', 'release', ...round, ...round]);
  });

  test('each cell for itself', async () => {
    const { worker, measure } = slowWorker(20);
    await measure(worker, decode);
    expect((await measure(worker, { ...decode, n: 77 })).samples_ms).toHaveLength(2);
    expect((await measure(worker, decode)).samples_ms).toHaveLength(4);
  });

  test('but one that takes half a second to get ready, which is sampled at once', async () => {
    const { worker, asked, measure } = slowWorker(500);
    const first = await measure(worker, decode);
    expect(first.samples_ms).toEqual([101, 102, 103, 104]); // no more begin after 12 s
    const before = asked.length;
    expect(await measure(worker, decode)).toBe(first);
    expect(asked).toHaveLength(before);
  });

  test('or one whose graphs are built again, once that shows', async () => {
    const { worker, measure } = slowWorker(20, 480);
    expect((await measure(worker, decode)).samples_ms).toHaveLength(2);
    const whole = await measure(worker, decode);
    expect(whole.samples_ms).toHaveLength(2 + 4);
    expect(await measure(worker, decode)).toBe(whole);
  });
});

test('a decode cell builds the graphs of the prefill and the generate of its length', () => {
  const cellsOf = (n: number, ...phases: CellId['phase'][]): CellId[] =>
    phases.map((phase) => ({ model: 'A', phase, n, engine: 'tensorflow' }));
  const [all, some] = [cellsOf(8, 'prefill', 'decode', 'generate', 'recompute'), cellsOf(16, 'generate', 'prefill')];
  expect(toBuild([...all, ...some])).toEqual([...cellsOf(8, 'decode', 'recompute'), ...some]);
  expect(toBuild(all.map((cell, i) => (i === 1 ? { ...cell, engine: 'onnx' } : cell)))).toHaveLength(4);
});
