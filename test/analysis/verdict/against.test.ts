/** What `--against` answers, as text, of curves whose cross-overs are known. */
import { describe, expect, test } from 'vitest';
import { fromCsv } from '../../../src/analysis/from_csv.js';
import { readPhases } from '../../../src/analysis/read_measurements.js';
import { againstOf, checkAgainst } from '../../../src/analysis/verdict/against.js';
import type { Cell, Results } from '../../../src/results/schema.js';
import type { Phase } from '../../../src/results/words.js';
import { makeResults, type Times, WASM } from '../../support/make_results.js';

const LENGTHS = [128, 256, 512, 1024, 2048, 4096];
/** Five processes, each faster or slower at all lengths alike. */
const around = (ms: number): number[] => [-2, -1, 0, 1, 2].map((i) => ms * (1 + 0.01 * i));
const curve = (f: (n: number) => number, lengths = LENGTHS): Times[string] =>
  Object.fromEntries(lengths.map((n) => [n, around(f(n))]));
/** t = n²: 1,024 times as long at 4,096 as at 128. */
const SOFTMAX = curve((n) => n * n * 1e-4);

const counted = (model: string, n: number) => ({
  ...{ kernels: 1, flops: n, bytes: n, state_allocated_bytes: 0, peak_activation_bytes: 2 ** 20 },
  state_bytes: model === 'Softmax' ? 1024 * n : 2 ** 15,
});
const phaseOf = (times: Times, phase: Phase = 'prefill'): Results => makeResults(times, { phase, counted });
const together = (files: readonly Results[]): Results => ({
  ...(files[0] as Results),
  models: [...new Map(files.flatMap(({ models }) => models.map((model) => [model.name, model]))).values()],
  cells: files.flatMap(({ cells }) => cells),
});
const answers = (file: unknown, against = 'Softmax'): ReadonlyMap<string, string> =>
  new Map(
    againstOf(readPhases(file, 'file'), against).map(({ about, sentences }) => [about, sentences.join(' ')] as const),
  );

describe('from which n', () => {
  test('a model is faster: the known cross-over, and 16,384 by the fits, which are exact here', () => {
    const file = phaseOf({ Softmax: SOFTMAX, Linear: curve((n) => n * 0.1) });
    const all = answers(file);
    expect(all.get('Linear against Softmax')).toBe(
      'In prefill it is faster than Softmax from n = 1,000 [1,000, 1,000] on. ' +
        'At n = 4,096 it takes 0.244 times [0.244, 0.244] as long. ' +
        'At n = 16,384, beyond what was measured, by the fits it takes 0.061 times [0.061, 0.061] as long. ' +
        'Its state takes 32.0 KiB at n = 4,096, that of Softmax 4.00 MiB.',
    );
    expect(all.get('Measured and counted')).toBe(
      'Times are measured; in brackets are 95 % intervals over processes, and one that holds 1 is no difference. States are counted from the tensors.',
    );
    expect([...all.keys()]).toEqual(['Linear against Softmax', 'Measured and counted']);
  });

  test('never, always, the same everywhere, or up to one', () => {
    const file = phaseOf({
      Softmax: SOFTMAX,
      Never: curve((n) => n * n * 3e-4),
      Always: curve((n) => n * n * 5e-5),
      Same: SOFTMAX,
      Cubic: curve((n) => n ** 3 * 1e-7),
    });
    const all = answers(file);
    const of = (name: string) => all.get(`${name} against Softmax`);
    expect(of('Never')).toContain('In prefill it is slower than Softmax at every measured n, 128 to 4,096. At n');
    expect(of('Always')).toContain('In prefill it is faster than Softmax at every measured n, 128 to 4,096. At n');
    expect(of('Same')).toContain('In prefill it is as fast as Softmax at every measured n, 128 to 4,096. At n');
    expect(of('Cubic')).toContain(
      'In prefill it is faster than Softmax up to n = 1,000 [1,000, 1,000], and slower from there on. At n',
    );
  });

  test('cannot be told of times that lie within the noise', () => {
    const close = Object.fromEntries(
      LENGTHS.map((n) => [n, [1, -2, 2, 0, -1].map((i) => n * n * 1.001e-4 * (1 + 0.01 * i))]),
    );
    expect(answers(phaseOf({ Softmax: SOFTMAX, Close: close })).get('Close against Softmax')).toMatch(
      /^In prefill it cannot be told at which n it is faster than Softmax: too close to tell\. At n = 4,096 it takes 1\.00 times \[0\.\d\d, 1\.\d\d\] as long\./,
    );
  });
});

describe('at 16,384 tokens', () => {
  const long = [...LENGTHS, 16_384];
  test('it is the measured ratio where both were measured there, and the state is that of there too', () => {
    const file = phaseOf({ Softmax: curve((n) => n * n * 1e-4, long), Linear: curve((n) => n * 0.1, long) });
    expect(answers(file).get('Linear against Softmax')).toMatch(
      /on\. At n = 16,384 it takes 0\.061 times \[0\.061, 0\.061\] as long\. Its state takes 32\.0 KiB at n = 16,384, that of Softmax 16\.0 MiB\.$/,
    );
  });

  test('it is said to be between lengths, or beyond those of one of the two', () => {
    const other = phaseOf({
      Softmax: curve((n) => n * n * 1e-4, [...LENGTHS, 32_768]),
      Linear: curve((n) => n * 0.1, long),
    });
    expect(answers(other).get('Linear against Softmax')).toContain(
      'At n = 16,384, between lengths that were measured, it takes 0.061 times',
    );
    const short = phaseOf({ Softmax: SOFTMAX, Linear: curve((n) => n * 0.1, long) });
    expect(answers(short).get('Linear against Softmax')).toContain(
      'At n = 16,384, beyond what was measured, by the fits it takes 0.061 times',
    );
  });

  test('nothing is said where a fit identifies no exponent, once for all phases of that reason', () => {
    const few = LENGTHS.slice(0, 4);
    const times = { Softmax: curve((n) => n * n * 1e-4, few), Linear: curve((n) => n * 0.1) };
    const text = answers(together([phaseOf(times), phaseOf(times, 'generate')])).get('Linear against Softmax');
    expect(text).toContain(
      'Nothing is said of n = 16,384, which was not measured in prefill and generate (Softmax: 4 lengths, needs 5).',
    );
    expect(text).not.toContain('by the fits');
    const flat = phaseOf({ Softmax: SOFTMAX, Flat: curve(() => 3) });
    expect(answers(flat).get('Flat against Softmax')).toContain(
      'At n = 4,096 it takes 0.002 times [0.002, 0.002] as long. Nothing is said of n = 16,384, which was not measured in prefill (Flat: no growth beyond the noise).',
    );
  });

  test('nothing is said without intervals', () => {
    const single = (f: (n: number) => number) => Object.fromEntries(LENGTHS.map((n) => [n, [f(n)]]));
    const file = phaseOf({ Softmax: single((n) => n * n), Linear: single((n) => 1000 * n) });
    expect(answers(file).get('Linear against Softmax')).toMatch(
      /^In prefill it is faster than Softmax from n = 1,000 on\. At n = 4,096 it takes 0\.244 times as long\. Nothing .* \(Linear: no interval with fewer than 5 processes\)\./,
    );
    expect(answers(file).get('Measured and counted')).toMatch(/^Times are measured; without intervals, which need 5/);
  });
});

describe('what the file has', () => {
  test('decides of which phases something is said', () => {
    const file = together([
      phaseOf({ Softmax: SOFTMAX, Linear: curve((n) => n * 0.1) }),
      phaseOf({ Linear: curve((n) => n * 0.1) }, 'decode'),
      phaseOf({ Softmax: SOFTMAX, Other: SOFTMAX }, 'generate'),
    ]);
    const all = answers(file);
    const text = all.get('Linear against Softmax');
    expect(text).toMatch(/^In prefill it is faster .* In decode Softmax was not measured\. In generate Linear was not/);
    expect(all.get('Other against Softmax')).toMatch(/^In prefill Other was not measured\. In generate it is as/);
  });

  test('each row is compared on its own engine, unless one row is named', () => {
    const on = (engine: string, factor: number, names: readonly string[]): Cell[] =>
      phaseOf(
        Object.fromEntries(names.map((name) => [name, curve((n) => factor * n * (name === 'Softmax' ? 2 : 1))])),
      ).cells.map((cell) => ({ ...cell, engine }));
    const frame = phaseOf({ Softmax: SOFTMAX, Linear: SOFTMAX });
    const file = {
      ...frame,
      engines: ['wasm', 'onnx', 'peer'].map((id) => ({ ...WASM, id })),
      cells: [
        ...on('wasm', 10, ['Softmax', 'Linear']),
        ...on('onnx', 1, ['Softmax', 'Linear']),
        ...on('peer', 1, ['Linear']),
      ],
    };
    const all = answers(file);
    expect(all.get('Linear@wasm against Softmax@wasm')).toContain('At n = 4,096 it takes 0.500 times');
    expect(all.get('Linear@onnx against Softmax@onnx')).toContain('At n = 4,096 it takes 0.500 times');
    expect(all.get('Linear@peer against Softmax')).toBe('Softmax was not measured on peer.');
    const toOne = answers(file, 'Softmax@wasm');
    expect(toOne.get('Linear@onnx against Softmax@wasm')).toContain('it takes 0.050 times');
    expect(toOne.get('Softmax@onnx against Softmax@wasm')).toContain('it takes 0.100 times');
  });

  test('a model that is not there is refused with the rows that are; alone it has nothing beside it', () => {
    const phases = readPhases(phaseOf({ Softmax: SOFTMAX, Linear: SOFTMAX }), 'file');
    expect(() => checkAgainst(phases, 'softmax', '--against')).toThrow(
      '--against: must be a model that was measured (Softmax, Linear), got softmax',
    );
    expect(() => checkAgainst(phases, 'Softmax', '--against')).not.toThrow();
    expect(answers(phaseOf({ Softmax: SOFTMAX })).get('Against Softmax')).toBe('Nothing else was measured.');
    expect(answers(phaseOf({ Linear: SOFTMAX })).get('Against Softmax')).toBe('Softmax was not measured.');
  });

  test('a table without phases and states says so', () => {
    const rows = LENGTHS.flatMap((n) => [`Softmax,${n},${n * n}`, `Linear,${n},${1000 * n}`]);
    const table = fromCsv(['model,n,time_ms', ...rows].join('\n'), 'file', null);
    const [first, last] = againstOf([table], 'Softmax');
    expect(first?.sentences.join(' ')).toMatch(
      /^It is faster than Softmax from n = 1,000 on\. .* Nothing is said of n = 16,384, which was not measured \(Linear: no interval/,
    );
    expect(last?.sentences.at(-1)).toBe('There is nothing on states in the file.');
  });
});
