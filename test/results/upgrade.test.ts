/** Files of schema 1: those in results/showcase are some. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { differences } from '../../src/bench/gate/comparable.js';
import { configHash } from '../../src/results/config_hash.js';
import { parseCurrent, parseResults } from '../../src/results/parse.js';
import type { Results } from '../../src/results/schema.js';

const SHOWCASE = join(import.meta.dirname, '../../results/showcase');
const read = (file: string) => JSON.parse(readFileSync(join(SHOWCASE, file), 'utf8'));
const old = () => read('protocol/before.json');

describe('a file of schema 1', () => {
  const file = parseResults(old(), 'old.json');
  test('is read as one of schema 2, its engine by what it ran on and how', () => {
    expect([file.schema_version, file.tool.node, file.config.options]).toEqual([2, 'v20.20.2', {}]);
    expect(file.engines).toMatchObject([
      {
        ...{ id: 'tensorflow', command: null, threads: 1, runtime: 'tfjs-node', device: 'cpu', way: 'compiled' },
        versions: { tfjs: '4.22.0', tensorflow: '2.15.1' },
      },
    ]);
    expect(new Set(file.cells.map(({ engine }) => engine))).toEqual(new Set(['tensorflow']));
  });
  test('keeps every time, count and key of the original study', () => {
    const { cells, time_results, memory_results, param_counts } = old() as Results;
    const timesOf = (all: Results['cells']) => all.map(({ summary, counted }) => ({ summary, counted }));
    expect(timesOf(file.cells)).toEqual(timesOf(cells));
    expect(file).toMatchObject({ time_results, memory_results, param_counts });
  });
  test('says what its models were, and over how many steps decode was timed', () => {
    const chunk = { options: { chunk_size: 32, compression_factor: 2, retrieval_norm: 'none' }, period: 32 };
    expect(file.models[0]).toMatchObject({ name: 'BSBR', model: 'BSBR', ...chunk });
    const steps = (phase: string) => file.cells.find((cell) => cell.phase === phase)?.processes[0]?.steps;
    expect([steps('decode'), steps('prefill')]).toEqual([32, null]);
  });
  test('names the options that were not the default, and they change its hash', () => {
    const given = old();
    Object.assign(given.config, { chunk_size: 24, retrieval_norm: 'l2' });
    const other = parseResults(given, 'other.json');
    expect(other.config.options).toEqual({ chunk_size: 24, retrieval_norm: 'l2' });
    expect(other.cells.find(({ phase }) => phase === 'decode')?.processes[0]?.steps).toBe(48);
    expect(other.config_hash).not.toBe(file.config_hash);
  });
  test.each([
    ['tensorflow', 'compiled', 'tensorflow'],
    ['tensorflow', 'eager', 'tensorflow-eager'],
    ['wasm', 'eager', 'wasm'],
  ])('of %s, %s, is of engine %s', (backend, mode, engine) => {
    const given = old();
    given.runtime.backend = backend;
    for (const cell of given.cells) cell.mode = mode;
    const { engines, cells } = parseResults(given, 'old.json');
    expect(engines.map(({ id, way }) => [id, way])).toEqual([[engine, mode]]);
    expect(cells.every((cell) => cell.engine === engine)).toBe(true);
  });
});

test('a file of schema 1 with a wrong field is refused by its name', () => {
  const broken = (change: (given: ReturnType<typeof old>) => void) => () => {
    const given = old();
    change(given);
    parseResults(given, 'old.json');
  };
  const refused = (change: Parameters<typeof broken>[0], message: string) =>
    expect(broken(change)).toThrow(`old.json: ${message}`);
  refused((given) => delete given.runtime.tfjs, 'runtime.tfjs: must be a string, got undefined');
  refused((given) => {
    given.cells[0].n = 0;
  }, 'cells.0.n: must be at least 1, got 0');
  refused((given) => {
    given.cells[0].mode = 'fast';
  }, 'cells.0.mode: ');
});
test('a file of schema 1 is not compared and not gone on with', () => {
  expect(() => parseCurrent(old(), 'BASE old.json')).toThrow(
    'BASE old.json: schema_version must be 2 to compare or go on, got 1 of an older attnscale: measure again',
  );
});

const results = readdirSync(SHOWCASE, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.json') && 'cells' in read(file) && 'schema_version' in read(file),
);
test('an older checkout that is measured in turns is compared: its work is told by the same fields', () => {
  const file = parseResults(old(), 'old.json');
  const changesResults = (option: string) => option !== 'scan_chunk';
  const now = { ...file, config_hash: configHash(file.config, changesResults) };
  const [engine] = file.engines as [Results['engines'][number]];
  const next = { ...now, engines: [{ ...engine, versions: { tfjs: '5.0.0' } }] };
  expect(differences(file, next, changesResults, 'work')).toEqual([]);
});

test.each(results)('%s of the showcase is read', (file) => {
  expect(parseResults(read(file), file).cells.length).toBeGreaterThan(0);
});
