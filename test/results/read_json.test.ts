import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { main } from '../../evals/analyze_results.js';
import { fromOriginal } from '../../src/analysis/from_original.js';
import { readJson } from '../../src/results/json.js';
import { parseResults } from '../../src/results/parse.js';
import { makeResults } from '../support/make_results.js';
import { temporaryFolder } from '../support/temporary.js';

let file = '';
beforeEach(() => {
  file = join(temporaryFolder(), 'a.json');
});
const readBytes = (content: string | Buffer) => {
  writeFileSync(file, content);
  return readJson(file, '--x');
};
const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
const utf32le = (text: string) => Buffer.concat([...text].map((one) => Buffer.from([one.charCodeAt(0), 0, 0, 0])));

describe('a JSON file', () => {
  test('may begin with the byte order mark of UTF-8', () => {
    expect(readBytes('\ufeff{"größe": 1}')).toEqual({ größe: 1 });
  });

  test.each<[string, Buffer, string]>([
    ['UTF-16 with a mark', Buffer.from('\ufeff{"a": 1}', 'utf16le'), 'UTF-16 (little-endian)'],
    ['UTF-16 without a mark', Buffer.from('{"a": 1}', 'utf16le'), 'UTF-16 (little-endian)'],
    ['big-endian UTF-16 with a mark', utf16be('\ufeff{"a": 1}'), 'UTF-16 (big-endian)'],
    ['big-endian UTF-16 without a mark', utf16be('{"a": 1}'), 'UTF-16 (big-endian)'],
    ['UTF-32', utf32le('{"a": 1}'), 'UTF-32'],
    ['Latin-1', Buffer.from('{"größe": 1}', 'latin1'), 'another encoding'],
    ['a picture', Buffer.from('89504e470d0a1a0a', 'hex'), 'another encoding'],
  ])('in %s is refused by the name of its encoding', (_, bytes, encoding) => {
    expect(() => readBytes(bytes)).toThrow(`--x: ${file} must be UTF-8, got ${encoding}; save it as UTF-8`);
  });

  test('that is no JSON, or is hostile, shows nothing that a terminal obeys', async () => {
    let said = '';
    const stream = {
      write(text: string) {
        said += text;
      },
    };
    const contents = ['\u001b[2Jx', '\0\0\0\0', '{"a": \u009b31m}', '{"\\u001b[2J": 1, "\\u001b[2J": 2}'];
    for (const content of contents) {
      said = '';
      writeFileSync(file, content);
      expect(await main(['--results_file', file], { stdout: stream, stderr: stream })).toBe(2);
      expect(said).toMatch(/^error: --results_file: [^\p{Cc}\p{Cf}]+\n$/u);
    }
  });

  test.each<[string, string]>([
    ['{"time_results": {"BSBR": {"128": 1, "256": 2, "128": 1}}}', 'time_results.BSBR.128'],
    ['{"a": [{"b": 1}, {"b": 1, "b": 2}]}', 'a.1.b'],
    ['{"a": 1, "\\u0061": 2}', 'a'],
    ['{"__proto__": 1, "x": {"y": [1, ",", "{"]}, "__proto__": 2}', '__proto__'],
  ])('that has a name twice is refused by it: %s', (content, name) => {
    expect(() => readBytes(content)).toThrow(`--x: ${file}: each name must be there once, got ${name} twice`);
  });

  test('may have a name again in another object, and in strings', () => {
    const content = '{"a": {"a": "{\\"a\\": 1, \\"a\\": 2}"}, "b": [{"a": ":"}, {"a": 1}]}';
    expect(readBytes(content)).toEqual(JSON.parse(content));
  });
});

describe('a results file', () => {
  const whole = () => makeResults({ BSBR: { 128: [1, 2], 256: [2, 3] } });
  const broken = (change: (file: ReturnType<typeof whole>) => object) => () =>
    parseResults({ ...whole(), ...change(whole()) }, 'NEW a.json');

  test('with a cell, a process or a length twice is refused by its name', () => {
    expect(broken(({ cells }) => ({ cells: [...cells, cells[1]] }))).toThrow(
      'NEW a.json: cells: each must be there once, got BSBR generate 256 wasm twice',
    );
    const twice = broken(({ cells: [first] }) => ({
      cells: [{ ...first, processes: [...(first?.processes ?? []), first?.processes[1]] }],
    }));
    expect(twice).toThrow('NEW a.json: cells: BSBR generate 128 wasm: each run must be there once, got 1 twice');
    expect(broken(() => ({ time_results: { BSBR: { '128': 1, '0128': 2 } } }))).toThrow(
      'NEW a.json: time_results.BSBR: each length must be there once, got 128 twice',
    );
    expect(broken(() => ({ memory_results: { BSBR: { '128': 1, '1.28e2': 2 } } }))).toThrow('memory_results.BSBR');
  });

  test('with an engine or a model twice is refused by its name', () => {
    expect(broken(({ engines }) => ({ engines: [...engines, ...engines] }))).toThrow(
      'NEW a.json: engines: each must be there once, got wasm twice',
    );
    expect(broken(({ models }) => ({ models: [...models, ...models] }))).toThrow(
      'NEW a.json: models: each must be there once, got BSBR twice',
    );
  });

  test('may have keys that begin with $ or x_ at any level, and they are left out', () => {
    const { cells, ...rest } = whole();
    const [first, second] = cells;
    const noted = {
      ...{ $schema: 'results.schema.json', x_note: { deep: [1] }, ...rest },
      machine: { ...rest.machine, x_rack: 7 },
      cells: [{ ...first, $comment: 'odd' }, second],
    };
    expect(parseResults(noted, 'x')).toEqual(whole());
    expect(noted.machine.x_rack).toBe(7); // what was given stays as it is
  });

  test('has names that begin so among its data', () => {
    const time_results = { $model: { 128: 1 }, x_model: { 128: 2 } };
    expect(broken(() => ({ time_results }))().time_results).toEqual(time_results);
  });

  test('with any other key is refused by its name', () => {
    expect(broken(() => ({ note: 'x', x_note: 'y' }))).toThrow('NEW a.json: file: Unrecognized key: "note"');
    expect(broken(({ machine }) => ({ machine: { ...machine, 'ra\u001bck': 7 } }))).toThrow(
      'NEW a.json: machine: Unrecognized key: "ra\u001bck"',
    );
  });
});

test('a length that a file of the original project has twice is named with its model', () => {
  const value = { time_results: { BSBR: { '128': 1, '256': 2, '0128': 3 } } };
  expect(() => fromOriginal(value, '--results_file: a.json')).toThrow(
    '--results_file: a.json: time_results.BSBR: each length must be there once, got 128 and 0128',
  );
});
