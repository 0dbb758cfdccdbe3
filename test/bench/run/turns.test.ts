/** Processes that build their graphs side by side, and measure alone. */
import { expect, test } from 'vitest';
import { createPace } from '../../../src/bench/run/pace.js';
import { pinnableCpus } from '../../../src/bench/run/process/pinning.js';
import type { Heard } from '../../../src/bench/run/process/session.js';
import type { Progress } from '../../../src/bench/run/run.js';
import type { CellId } from '../../../src/results/cell.js';
import { cellsOf, type FakeEngine, fakeEngine, SPEC } from '../../support/fake_worker.js';
import { run, runsOf, statuses } from './run_support.js';

const cpus = pinnableCpus(1);
const withSpare = test.skipIf(cpus.spareCpu === null);
const spec = { ...SPEC, cells: cellsOf(['A'], [8, 16]), runs: 3 };
/** Times of prefill never agree. */
const NOISE = `if (cell.phase === 'prefill') return 1 + 0.3 * (times % 2);`;

/**
 * An engine that builds, whose processes note what they are asked for and the CPU that they may use: `PID prepare 1`.
 * @param before what is done first, an async function's body of (type, asked), asked being how often that was so far
 */
const builder = (before = '', { onCell = '', first = '' } = {}): FakeEngine =>
  fakeEngine(onCell, {
    builds: true,
    first: `
      const lines = () => readFileSync(log, 'utf8').split('\\n');
      const until = async (isSo) => { while (!isSo()) await new Promise((done) => setTimeout(done, 10)); };
      const cpuOf = () => /^Cpus_allowed_list:\\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
      ${first}
      const before = async (type, asked) => { ${before} };
      for (const type of ['count', 'prepare', 'run', 'release']) {
        const reply = replies[type];
        let asked = 0;
        replies[type] = async (request) => {
          asked += 1;
          note([process.pid, type, cpuOf()].join(' '));
          await before(type, asked);
          return reply(request);
        };
      }`,
  });

interface Note {
  readonly pid: string;
  readonly what: string;
  readonly cpu: number;
}
const notesOf = (engine: FakeEngine): Note[] =>
  engine.asked().flatMap((line) => {
    const [pid = '', what = '', cpu] = line.split(' ');
    return /^\d+$/.test(pid) ? [{ pid, what, cpu: Number(cpu) }] : [];
  });
const pidsOf = (notes: readonly Note[]): string[] => [...new Set(notes.map(({ pid }) => pid))];

/** Waits, with its first work, until another process has begun as well: for ever where they do not work side by side. */
const MEETING = `
  if (asked > 1 || !['count', 'prepare'].includes(type)) return;
  note('begun');
  await until(() => lines().filter((line) => line === 'begun').length % 2 === 0);`;

withSpare('two get ready side by side, the one that checks being one of the first two', async () => {
  const engine = builder(MEETING);
  const { last, error } = await run({ engine, spec, cpus, cellTimeoutMs: 20_000 });
  expect(error).toBeNull();
  expect(runsOf(last)).toEqual(Array(4).fill([0, 1, 2]));
  const notes = notesOf(engine);
  const cpusOf = (pid: string) => [...new Set(notes.filter((note) => note.pid === pid).map(({ cpu }) => cpu))];
  const all = pidsOf(notes).map(cpusOf);
  const { pinnedCpu, spareCpu } = cpus;
  // the one that checks, two that begin where they measure, and one that is moved there
  expect(all.toSorted()).toEqual([[spareCpu], [spareCpu, pinnedCpu], [pinnedCpu], [pinnedCpu]].toSorted());
  expect(last.machine).toMatchObject({ pinned_cpu: pinnedCpu, spare_cpu: spareCpu });
});

withSpare('from its first run to its last a process is alone, on the CPU where all measure', async () => {
  const engine = builder();
  await run({ engine, spec, cpus });
  const notes = notesOf(engine);
  const measuring = pidsOf(notes.filter(({ what }) => what === 'run'));
  expect(measuring).toHaveLength(3);
  for (const pid of measuring) {
    const isRun = (note: Note): boolean => note.pid === pid && note.what === 'run';
    const during = notes.slice(notes.findIndex(isRun), 1 + notes.findLastIndex(isRun));
    expect(pidsOf(during)).toEqual([pid]);
    expect(during.every(({ cpu }) => cpu === cpus.pinnedCpu)).toBe(true);
    const own = notes.filter((note) => note.pid === pid).map(({ what }) => what);
    expect(own.slice(0, own.indexOf('run'))).toEqual([...Array(4).fill(['prepare', 'release']).flat(), 'prepare']);
  }
});

test.each([
  ['an engine that builds nothing', fakeEngine, cpus],
  ['no CPU to spare', builder, { ...cpus, spareCpu: null }],
])('with %s each gets ready as it measures', async (_, make, given) => {
  const engine = make();
  const { last } = await run({ engine, spec, cpus: given });
  expect(runsOf(last)).toEqual(Array(4).fill([0, 1, 2]));
  expect(engine.asked().filter((line) => line.startsWith('measure'))).toHaveLength(12);
  expect(last.machine.spare_cpu).toBeNull();
});

withSpare.each([
  [21.5, 5],
  [22.5, 6],
  [24.5, 7],
  [1000, 15],
])('as many are added as one by one: within %d s %d measure what is not precise', async (maxTimeS, expected) => {
  let ms = 0;
  let started = 0;
  const onProgress = ({ heard }: Progress): void => {
    if (heard.type !== 'start') return;
    started += 1;
    if (started > spec.cells.length) ms += 1000; // none while they are counted, beside what gets ready
  };
  // five processes take 20 s, a process of the two open cells 2 s
  const adaptive = { ...spec, runs: 5, maxTimeS };
  const engine = fakeEngine(NOISE, { builds: true });
  const { last } = await run({ engine, spec: adaptive, cpus, now: () => ms, onProgress });
  expect(runsOf(last).map(({ length }) => length)).toEqual([expected, expected, 5, 5]);
});

withSpare.each([
  ['as it builds', `if (type === 'prepare' && asked === 2) { note('gone'); process.exit(1); }`],
  [
    'as it waits for its turn',
    `if (type === 'release' && asked === 4) setTimeout(() => { note('gone'); process.exit(1); }, 50);`,
  ],
])('the second of two that is lost %s is begun afresh, and no cell fails', async (_, onSpareCpu) => {
  const engine = builder(`
    if (cpuOf() === '${cpus.spareCpu}') { ${onSpareCpu} }
    // the first of the two measures no sooner
    else if (type === 'run' && lines().some((line) => line.endsWith('prepare ${cpus.spareCpu}'))) {
      await until(() => lines().includes('gone'));
    }`);
  const { last, error } = await run({ engine, spec, cpus });
  expect(error).toBeNull();
  expect(Object.values(statuses(last))).toEqual(Array(4).fill('ok'));
  expect(runsOf(last)).toEqual(Array(4).fill([0, 1, 2]));
  expect(pidsOf(notesOf(engine))).toHaveLength(5);
});

withSpare('a cell that cannot be built fails in its turn, once', async () => {
  const onCell = `if (task === 'measure' && cell.phase === 'prefill' && cell.n === 8) throw new Error('broken');`;
  const failures: string[] = [];
  const onProgress = ({ heard }: Progress): void => {
    if (heard.type === 'failed') failures.push(heard.reason);
  };
  const { last, error } = await run({ engine: builder('', { onCell }), spec, cpus, onProgress });
  expect(error).toBeNull();
  expect(failures).toEqual(['broken']);
  expect(Object.values(statuses(last))).toEqual(['failed', 'skipped', 'ok', 'ok']);
});

withSpare('a model that fails its check is not measured, though its graphs were built meanwhile', async () => {
  const first = `replies.check = () => { throw new Error('A: logits must be finite'); };`;
  const engine = builder('', { first });
  const { last } = await run({ engine, spec, cpus });
  expect(Object.values(statuses(last))).toEqual(['failed', 'skipped', 'failed', 'skipped']);
  expect(notesOf(engine).filter(({ what }) => what === 'run')).toEqual([]);
});

withSpare('an engine that is refused ends what is done beside it', async () => {
  const first = `
    replies.count = forever;
    if (cpuOf() === '${cpus.pinnedCpu}') {
      await until(() => lines().some((line) => / count /.test(line)));
      process.exit(4);
    }`;
  const { error } = await run({ engine: builder('', { first }), spec, cpus });
  expect((error as Error).message).toBe('wasm: its process ended with exit code 4; it said nothing');
});

test('what is expected of two processes has what they do side by side once', () => {
  let ms = 0;
  const pace = createPace(() => ms);
  const [cell] = spec.cells as [CellId];
  const after = (time: number, heard: object): void => {
    ms += time;
    pace.hear(heard as Heard);
  };
  after(100, { type: 'ready', engine: 'wasm' });
  after(0, { type: 'built', cell, ms: 1000 });
  after(10, { type: 'measured', cell });
  expect(pace.expectedMs([cell])).toBe(1110);
  expect(pace.expectedMs([cell, cell])).toBe(1120);
});
