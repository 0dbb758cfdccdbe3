/** Runs of several engines, ours and someone else's. */
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/engines/engine.js';
import { cellsOf, fakeEngine, SPEC } from '../../support/fake_worker.js';
import { run, runsOf, statuses } from './run_support.js';

const LENGTHS = [8, 16];
const on = (id: string) => cellsOf(['A'], LENGTHS).map((cell) => ({ ...cell, engine: id }));
const specOf = (...ids: string[]) => ({ ...SPEC, cells: ids.flatMap(on) });
const peer = (onCell = '', replies = '', first = ''): Engine & ReturnType<typeof fakeEngine> => ({
  ...fakeEngine(onCell, { id: 'mine', replies, first }),
  command: 'mine --fast',
});

describe('two engines of ours', () => {
  test('are both checked, counted by the first, and measured in one process a run each', async () => {
    const checks = `check: ({ name, tokens }) => { note('check ' + name + ' ' + tokens[0].length ); return { type: 'checked' }; },`;
    const [first, second] = [
      fakeEngine('', { replies: checks }),
      fakeEngine('', { id: 'tensorflow', replies: checks }),
    ];
    const { last, error } = await run({ engine: first, others: [second], spec: specOf('wasm', 'tensorflow') });
    expect(error).toBeNull();
    expect(last.engines.map(({ id }) => id)).toEqual(['wasm', 'tensorflow']);
    expect(runsOf(last)).toEqual(Array(8).fill([0, 1]));
    expect(last.cells.every(({ counted }) => counted !== null)).toBe(true);
    const kinds = (engine: typeof first) => engine.asked().map((line) => line.split(' ')[0]);
    expect(kinds(first)).toEqual(['check', ...Array(4).fill('count'), ...Array(8).fill('measure')]);
    expect(kinds(second)).toEqual(['check', ...Array(8).fill('measure')]);
  });

  test('take turns in an order that the seed decides for each run', async () => {
    const turns: string[] = [];
    const onProgress = ({ heard }: Parameters<NonNullable<Parameters<typeof run>[0]['onProgress']>>[0]): void => {
      if (heard.type === 'ready') turns.push(heard.engine);
    };
    const others = [fakeEngine('', { id: 'tensorflow' })];
    await run({ engine: fakeEngine(), others, spec: { ...specOf('wasm', 'tensorflow'), runs: 6 }, onProgress });
    const pairs = Array.from({ length: 6 }, (_, i) => turns.slice(2 + 2 * i, 4 + 2 * i).join(' '));
    expect(new Set(pairs)).toEqual(new Set(['wasm tensorflow', 'tensorflow wasm']));
  });

  test('a model that fails its check on the second is measured on the first alone', async () => {
    const replies = `check: () => { throw new Error('A: logits must be finite'); },`;
    const others = [fakeEngine('', { id: 'tensorflow', replies })];
    const { last } = await run({ engine: fakeEngine(), others, spec: specOf('wasm', 'tensorflow') });
    const failed = Object.entries(statuses(last)).filter(([, status]) => status !== 'ok');
    expect(failed.map(([key]) => key.split(' ')[3])).toEqual(Array(4).fill('tensorflow'));
  });
});

const both = specOf('wasm', 'mine');

describe("what someone else's engine computes", () => {
  const comparisonsOf = async (replies: string) =>
    (await run({ engine: fakeEngine(), others: [peer('', replies)], spec: both })).last.comparisons;

  test('is asked for no check and no count, and measured beside ours', async () => {
    const other = peer();
    const { last, error } = await run({ engine: fakeEngine(), others: [other], spec: both });
    expect(error).toBeNull();
    expect(last.engines[1]).toMatchObject({ id: 'mine', command: 'mine --fast' });
    expect(runsOf(last)).toEqual(Array(8).fill([0, 1]));
    expect(other.asked().every((line) => line.startsWith('measure'))).toBe(true);
    expect(last.cells.every(({ counted }) => counted !== null)).toBe(true);
  });

  test('has the FLOPs and the state of its model, and no counts of our kernels and buffers', async () => {
    const { last } = await run({ engine: fakeEngine(), others: [peer()], spec: both });
    const ours = { kernels: 1, flops: 2, bytes: 3, state_bytes: 4, state_allocated_bytes: 5, peak_activation_bytes: 6 };
    for (const { engine, counted } of last.cells) {
      const own = engine === 'mine' ? { kernels: null, bytes: null, peak_activation_bytes: null } : {};
      expect(counted).toEqual({ ...ours, ...own });
    }
  });

  test('loads our weights, and is compared once', async () => {
    const load = `load: ({ weights }) => { if (!weights.endsWith('.safetensors')) throw new Error('no weights'); return { type: 'loaded', period: null, same_weights: true }; },`;
    expect(await comparisonsOf(load)).toEqual([{ model: 'A', engine: 'mine', relative_error: 0 }]);
  });

  test.each([
    [
      'almost our results',
      `logits: () => ({ type: 'logits', logits: [[1, 2, 3.001]] }),`,
      expect.closeTo(0.001 / Math.sqrt(14), 9),
    ],
    ['weights of its own', `load: () => ({ type: 'loaded', period: null, same_weights: false }),`, null],
    ['no logits', `logits: () => { throw new Error('not here'); },`, null],
  ])('with %s is measured, and it is said', async (_, replies, error) => {
    expect(await comparisonsOf(replies)).toEqual([{ model: 'A', engine: 'mine', relative_error: error }]);
  });

  test.each([
    ['of another size', '[[1, 2]]', 'logits: must be 3 + 3 numbers, got 2 + 2'],
    ['that are not ours', '[[1, 2, 4]]', 'logits: must be ours to a relative error of 0.001, got 0.27'],
  ])('with logits %s is not measured', async (_, logits, reason) => {
    const other = peer('', `logits: () => ({ type: 'logits', logits: ${logits} }),`);
    const { last, error } = await run({ engine: fakeEngine(), others: [other], spec: both });
    expect(error).toBeNull();
    const reasons = last.cells.filter(({ status }) => status === 'failed').map(({ reason }) => reason);
    expect(reasons).toEqual(Array(2).fill(reason));
  });
});

describe("someone else's engine", () => {
  test('that is refused fails its own cells and none of ours', async () => {
    const { last, error } = await run({
      engine: fakeEngine(),
      others: [peer('', '', 'process.exit(127);')],
      spec: both,
    });
    expect(error).toBeNull();
    for (const { engine, status, reason } of last.cells) {
      expect(status).toBe(engine === 'mine' ? 'failed' : 'ok');
      expect(reason).toBe(engine === 'mine' ? 'mine: its process ended with exit code 127; it said nothing' : null);
    }
  });

  test('whose clock runs ahead fails those cells', async () => {
    const other = peer('', `run: () => ({ type: 'ran', ms: 1e6, tokens: [1] }),`);
    const { last, error } = await run({ engine: fakeEngine(), others: [other], spec: both });
    expect(error).toBeNull();
    expect(last.cells.find(({ engine, status }) => engine === 'mine' && status === 'failed')?.reason).toMatch(
      /^its clock must not run ahead of ours, got 1000000 ms for what took \d+ ms$/,
    );
  });

  test('that dies in a cell costs that series its longer cells, and nothing else', async () => {
    const other = peer(`if (cell.phase === 'generate' && cell.n === 8) process.exit(1);`);
    const { last } = await run({ engine: fakeEngine(), others: [other], spec: both });
    const lost = Object.entries(statuses(last)).filter(([, status]) => status !== 'ok');
    expect(lost).toEqual([
      ['A generate 8 mine', 'failed'],
      ['A generate 16 mine', 'skipped'],
    ]);
  });

  test('is compared again by no run that goes on', async () => {
    const first = await run({ engine: fakeEngine(), others: [peer()], spec: both });
    const other = peer('', `logits: () => { throw new Error('asked again'); },`);
    const { last } = await run({
      engine: fakeEngine(),
      others: [other],
      spec: { ...both, runs: 3 },
      previous: first.last,
    });
    expect(last.comparisons).toEqual([{ model: 'A', engine: 'mine', relative_error: 0 }]);
    expect(runsOf(last)).toEqual(Array(8).fill([0, 1, 2]));
  });
});
