import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResultsWriter } from '../../../evals/compare_models/results_writer.js';
import { readResultsJson, readUnfinished } from '../../../evals/shared/read_results.js';
import type { Finding } from '../../../src/bench/run/ledger.js';
import { parseResults } from '../../../src/results/parse.js';
import type { Results } from '../../../src/results/schema.js';
import { type Build, build } from '../../support/built.js';
import { makeResults } from '../../support/make_results.js';
import { smallDisk } from '../../support/small_disk.js';
import { temporaryFolder } from '../../support/temporary.js';

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

const whole = makeResults({ BSBR: { 128: [1, 2] } });
const [cell] = whole.cells as [Results['cells'][number]];
const { model, phase, n, engine } = cell;
const empty: Results = {
  ...whole,
  ...{ complete: false, time_results: {} },
  cells: [{ ...cell, status: 'skipped', reason: 'not measured yet', processes: [], summary: null }],
};
const measured = (run: number): Finding => ({
  type: 'measured',
  cell: { model, phase, n, engine },
  process: { ...(cell.processes[0] as Results['cells'][number]['processes'][number]), run },
});
const read = (file: string) => parseResults(JSON.parse(readFileSync(file, 'utf8')), file);
const writerOf = (file: string, replace = false) => createResultsWriter(file, replace, () => 0);
const runsIn = ({ cells }: Results) => cells[0]?.processes.map(({ run }) => run);

test('a run writes a journal, then the whole file, and nothing else stays', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'a.json');
  const writer = writerOf(file);
  writer.note({ type: 'model', model: whole.models[0] as Results['models'][number] }, () => empty);
  expect([readdirSync(folder), writer.written()]).toEqual([[], null]);
  writer.note(measured(0), () => empty);
  writer.note(measured(1), () => expect.unreachable());
  expect(readdirSync(folder)).toEqual(['a.json.journal']);
  expect(runsIn(parseResults(readResultsJson(file, 'x'), 'x'))).toEqual([0, 1]);
  writer.save(whole);
  expect(readdirSync(folder)).toEqual(['a.json']);
  expect(read(file)).toEqual(whole);
  expect(writer.written()).toBe(file);
});

test('a run that breaks off leaves a file of what it measured; one that measured nothing leaves none', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'a.json');
  writerOf(file).breakOff();
  expect(readdirSync(folder)).toEqual([]);
  const writer = writerOf(file);
  writer.note(measured(0), () => empty);
  writer.breakOff();
  expect(readdirSync(folder)).toEqual(['a.json']);
  expect([read(file).complete, runsIn(read(file))]).toEqual([false, [0]]);
});

describe('an older file', () => {
  test('is kept under the next free name, run after run', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.json');
    const said = [1, 2, 3, 4].map((seed) => {
      const writer = writerOf(file);
      writer.save({ ...whole, tool: { ...whole.tool, seed } });
      return writer.written();
    });
    const seedOf = (name: string) => read(join(folder, name)).tool.seed;
    const names = ['a.previous.json', 'a.previous-2.json', 'a.previous-3.json', 'a.json'];
    expect(names.map(seedOf)).toEqual([1, 2, 3, 4]);
    expect(readdirSync(folder)).toHaveLength(4);
    expect(said.slice(1)).toEqual(
      names.slice(0, 3).map((name) => `${file} (the older one is kept as ${join(folder, name)})`),
    );
  });

  test('that is gone on with is replaced, and its journal with it', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.json');
    writerOf(file).save(whole);
    const killed = writerOf(file, true);
    killed.note(measured(2), () => whole);
    expect(runsIn(readUnfinished(file, 'x'))).toEqual([0, 1, 2]);
    expect(runsIn(parseResults(readResultsJson(file, 'x'), 'x'))).toEqual([0, 1]); // the file that is there
    const next = writerOf(file, true);
    next.note(measured(3), () => readUnfinished(file, 'x'));
    next.breakOff();
    expect(readdirSync(folder)).toEqual(['a.json']);
    expect(runsIn(read(file))).toEqual([0, 1, 2, 3]);
  });

  test('of a run that was killed is kept as a journal, beside its file', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.json');
    writerOf(file).note(measured(0), () => empty);
    const second = writerOf(file);
    second.note(measured(1), () => empty);
    second.breakOff();
    expect(readdirSync(folder).sort()).toEqual(['a.json', 'a.previous.json.journal']);
    expect(runsIn(readUnfinished(join(folder, 'a.previous.json'), 'x'))).toEqual([0]);
  });
});

describe('a full disk', () => {
  test('is one error, and the older file has its name again', (context) => {
    const folder = smallDisk(32, context);
    const file = join(folder, 'a.json');
    writerOf(file).save(whole);
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(20 * 1024));
    const big = { ...empty, tool: { ...empty.tool, argv: ['x'.repeat(20_000)] } };
    const writer = writerOf(file);
    expect(() => writer.note(measured(0), () => big)).toThrow(/^--output: cannot write \S+a\.json \(ENOSPC[^\n]+\)$/);
    writer.breakOff();
    expect(readdirSync(folder).sort()).toEqual(['a.json', 'ballast']);
    expect(read(file)).toEqual(whole);
  });

  test('while a run goes on leaves its journal, which can be read and gone on with', (context) => {
    const folder = smallDisk(32, context);
    const file = join(folder, 'a.json');
    const writer = writerOf(file);
    let runs = 0;
    const fill = () => {
      while (runs < 1000) writer.note(measured(runs++), () => empty);
    };
    expect(fill).toThrow(
      /ENOSPC[^\n]+; what was measured is in \S+a\.json\.journal: make room, then --resume \S+a\.json goes on$/,
    );
    writer.breakOff();
    expect(readdirSync(folder)).toEqual(['a.json.journal']);
    expect(runsIn(readUnfinished(file, 'x'))).toEqual(Array.from({ length: runs - 1 }, (_, run) => run));
  });

  test('at the end of a run leaves its journal', (context) => {
    const folder = smallDisk(64, context);
    const file = join(folder, 'a.json');
    const writer = writerOf(file);
    writer.note(measured(0), () => empty);
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(48 * 1024));
    const big = { ...whole, tool: { ...whole.tool, argv: ['x'.repeat(20_000)] } };
    expect(() => writer.save(big)).toThrow('ENOSPC');
    expect(readdirSync(folder).sort()).toEqual(['a.json.journal', 'ballast']);
    rmSync(join(folder, 'ballast'));
    writer.save(big);
    expect(read(file)).toEqual(big);
  });
});

const isLinux = process.platform === 'linux';
test.skipIf(!isLinux)('what a run writes grows as what it measures (skipped where /proc does not count bytes)', () => {
  const file = join(temporaryFolder(), 'a.json');
  const bytesOf = (cells: number) =>
    Number(
      built.run(`
        import { readFileSync } from 'node:fs';
        import { createResultsWriter } from './dist/evals/compare_models/results_writer.js';
        const written = () => Number(/wchar: (\\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
        const { empty, finding } = ${JSON.stringify({ empty, finding: measured(0) })};
        const writer = createResultsWriter(${JSON.stringify(file)}, false, () => performance.now());
        const before = written();
        const cells = Array.from({ length: ${cells} }, (_, i) => ({ ...empty.cells[0], n: i + 1 }));
        for (const { n } of cells) writer.note({ ...finding, cell: { ...finding.cell, n } }, () => ({ ...empty, cells }));
        writer.breakOff();
        console.log(written() - before);`),
    );
  const [few, many] = [bytesOf(200), bytesOf(2000)];
  expect(many / few).toBeLessThan(11);
  expect(many).toBeLessThan(3 * readFileSync(file).length);
});
