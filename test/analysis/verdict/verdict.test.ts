/** The verdict as text: what a reader without the tables believes. */
import { describe, expect, test } from 'vitest';
import { analyze } from '../../../src/analysis/analysis.js';
import { fromCsv } from '../../../src/analysis/from_csv.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { verdictOf } from '../../../src/analysis/verdict/verdict.js';
import type { Results } from '../../../src/results/schema.js';
import { makeResults, type Times } from '../../support/make_results.js';

const LENGTHS = [128, 256, 512, 1024, 2048];
/** Five processes, each faster or slower at all lengths alike. */
const around = (ms: number, step = 0.01): number[] => [-2, -1, 0, 1, 2].map((i) => ms * (1 + step * i));
const curve = (f: (n: number) => number, lengths = LENGTHS): Times[string] =>
  Object.fromEntries(lengths.map((n) => [n, around(f(n))]));
/** As `around`, in another order of processes. */
const shuffled = (ms: number): number[] => [1, -2, 2, 0, -1].map((i) => ms * (1 + 0.01 * i));

const verdict = (file: unknown): ReadonlyMap<string, string> => {
  const analysis = analyze(readMeasurements(file, 'file', null), null, 'file');
  return new Map(verdictOf(analysis).map(({ about, sentences }) => [about, sentences.join(' ')]));
};

describe('fastest', () => {
  test('is said at both ends, the largest length first, with how much longer the next and the slowest take', () => {
    const file = makeResults({
      Steep: curve((n) => n / 100),
      Flat: curve((n) => 10 + n / 1000),
      Slow: curve(() => 60),
    });
    expect(verdict(file).get('Fastest')).toBe(
      'At n = 2,048 Flat is the fastest with 12.0 ms ± 0.3: Steep takes 1.700 times as long [1.700, 1.700], Slow 4.980 times [4.980, 4.980]. ' +
        'At n = 128 Steep is the fastest with 1.28 ms ± 0.03: Flat takes 7.912 times as long [7.912, 7.912], Slow 46.875 times [46.875, 46.875]. ' +
        'In brackets is the 95 % interval over processes; models cannot be told apart where it comes within 0.5 % of 1.',
    );
  });

  test('is nobody where the intervals of ratios hold 1', () => {
    const file = makeResults({ A: { 64: around(10) }, B: { 64: shuffled(10.1) }, C: { 64: around(20) } });
    expect(verdict(file).get('Fastest')).toMatch(
      /^At n = 64 A \(10\.0 ms ± 0\.2\) and B cannot be told apart: B takes 1\.01 times as long \[0\.\d\d, 1\.\d\d\]; C takes 2\.000 times/,
    );
    const three = makeResults({ A: { 64: around(10) }, B: { 64: shuffled(10.1) }, C: { 64: shuffled(10.05) } });
    expect(verdict(three).get('Fastest')).toMatch(
      /^At n = 64 A \(10\.0 ms ± 0\.2\), C and B cannot be told apart\. In/,
    );
  });

  test('is not called sure of few processes, nor on a noisy machine', () => {
    expect(verdict(makeResults({ A: { 64: [10] }, B: { 64: [11] } })).get('Fastest')).toBe(
      'At n = 64 A is the fastest with 10.0 ms: B takes 1.10 times as long. Fewer than 5 processes do not tell how sure that is.',
    );
    const file = makeResults({ A: { 64: around(10) }, B: { 64: around(11) } });
    const noisy: Results = { ...file, machine: { ...file.machine, noisy: true, noise_cv: 0.2 } };
    expect(verdict(noisy).get('Fastest')).toContain('the machine was noisy: things are less sure than it says');
    expect(verdict(noisy).get('Machine')).toMatch(/^A fixed loop .* varied by 20 %: a noisy machine, where small/);
    expect(verdict(file).get('Machine')).toMatch(/^A fixed loop .* varied by 2 %: a steady machine\. Too few cells/);
  });

  test('of one model is its time alone', () => {
    expect(verdict(makeResults({ A: { 64: [10] } })).get('Fastest')).toBe('At n = 64 A takes 10.0 ms.');
  });
});

describe('change of places', () => {
  test('names the length with its interval, and who is faster from there on', () => {
    const file = makeResults({ Steep: curve((n) => n / 100), Flat: curve(() => 10) });
    expect(verdict(file).get('Change of places')).toBe('From n = 1,000 [1,000, 1,000] on Flat is faster than Steep.');
  });

  test('is none where the order stays, which is given; of one length nothing is said', () => {
    const file = makeResults({ B: curve((n) => n), A: curve((n) => 2 * n) });
    expect(verdict(file).get('Change of places')).toBe('None from n = 128 to 2,048: B and A, the fastest first.');
    expect(verdict(makeResults({ A: { 64: around(1) }, B: { 64: around(2) } })).has('Change of places')).toBe(false);
  });

  test('that cannot be told says why', () => {
    const close = Object.fromEntries(LENGTHS.map((n) => [n, shuffled(1.001 * n)]));
    const file = makeResults({ A: curve((n) => n), B: close });
    expect(verdict(file).get('Change of places')).toBe('Whether A or B is faster cannot be told: too close to tell.');
  });

  test('that is sure on long prompts alone says from where on', () => {
    const [short, long] = [(n: number) => n, (n: number) => (n > 500 ? 2 * n : 1.001 * n)];
    const close = Object.fromEntries(LENGTHS.map((n) => [n, shuffled(long(n))]));
    expect(verdict(makeResults({ A: curve(short), B: close })).get('Change of places')).toBe(
      'A is faster than B from n = 512 on; on shorter prompts it cannot be told.',
    );
  });

  test('of several pairs is said together: where, and why not', () => {
    const close = (scale: number) =>
      Object.fromEntries(LENGTHS.map((n) => [n, shuffled(n > 500 ? scale * n : 1.001 * n)]));
    const file = makeResults({ A: curve((n) => n), B: close(2), C: close(2), D: close(1.001) });
    expect(verdict(file).get('Change of places')).toBe(
      'A is faster than B and C from n = 512 on; on shorter prompts it cannot be told. ' +
        'Whether A or D is faster cannot be told: too close to tell.',
    );
  });
});

describe('growth', () => {
  test('names the exponents that may be believed, and the log-log line that misleads', () => {
    const text = verdict(makeResults({ Bent: curve((n) => 10 + 1e-5 * n * n), Line: curve((n) => n) })).get('Growth');
    expect(text).toMatch(
      /^Time grows as n\^c with c = 1\.000 .* \(Line\) and 2\.000 .* \(Bent\), which may be believed within the intervals/,
    );
    expect(text).toContain('A straight line on log-log axes misleads for Bent (0.');
    expect(text).toContain('in proportion to the counted FLOPs for Line, not for Bent.');
  });

  test('believes no exponent of too few lengths, says why, and gives the last slope', () => {
    const file = makeResults({ A: curve((n) => n, [128, 256, 512]), B: curve((n) => n * n, [128, 256, 512]) });
    expect(verdict(file).get('Growth')).toContain(
      'No exponent of A and B is to be believed (3 lengths, needs 5); between the two largest n time grows as n^c with c = 1.000 [1.000, 1.000] (A) and 2.000 [2.000, 2.000] (B).',
    );
    expect(verdict(makeResults({ A: curve((n) => n, [128, 256]) })).get('Growth')).toBe(
      'It takes 3 lengths to see any.',
    );
  });

  test('leaves many reasons to the table', () => {
    const at = (lengths: number[]) => curve((n) => n, lengths);
    const file = makeResults({
      A: at([128, 256, 512]),
      B: at([128, 256, 512, 1024]),
      C: at([128, 160, 256, 300, 512]),
    });
    expect(verdict(file).get('Growth')).toContain(
      'No exponent of A, B and C is to be believed (why: below the table of complexity); between the two largest n time grows as n^c with c = 1.000 [1.000, 1.000] for all.',
    );
  });
});

describe('memory', () => {
  const counted = (model: string, n: number) => ({
    ...{ kernels: 1, flops: n, bytes: n, state_allocated_bytes: 0, peak_activation_bytes: 2 ** 20 },
    state_bytes: model === 'Cache' ? 1024 * n : 2 ** 15,
  });
  test('tells the state that grows from the one that does not, and what is counted from what is measured', () => {
    const file = makeResults({ Flat: curve((n) => n), Cache: curve((n) => n) }, { counted });
    expect(verdict(file).get('Memory')).toBe(
      'At n = 2,048 the state carried to the next token is 32.0 KiB (Flat) and 2.00 MiB (Cache); it grows with n for Cache (16 times from n = 128 to 2,048) alone. ' +
        'What a call holds beside parameters and arguments peaks at 1.00 MiB for all. Parameters take 3.81 MiB for all. ' +
        'All this is counted. Measured: the largest process took 300 MiB.',
    );
  });

  test('of the original study is parameters and ids; a table has none', () => {
    const original = { time_results: { A: { '64': 1 } }, memory_results: { A: { '64': 7 } }, param_counts: { A: 1 } };
    expect(verdict(original).get('Memory')).toBe('This file has that of parameters and token ids alone.');
    expect(verdict(original).has('Machine')).toBe(false);
    const table = analyze(fromCsv('model,n,time_ms\nA,64,1\n', 'file', null), null, 'file');
    expect(verdictOf(table).map(({ about }) => about)).toEqual(['Fastest', 'Growth']);
  });
});

test('of thirty models names are counted and pairs are for the table: no paragraph is longer than a reader takes', () => {
  const names = Array.from({ length: 30 }, (_, i) => `Model${i}`);
  const file = makeResults(
    Object.fromEntries(names.map((name, i) => [name, curve((n) => 2 ** (30 - i) + n ** (1 + i / 10))])),
  );
  const paragraphs = [...verdict(file).values()];
  expect(Math.max(...paragraphs.map((text) => text.length))).toBeLessThan(1200);
  expect(verdict(file).get('Change of places')).toMatch(/So it is for \d+ more pairs in the table of cross-overs\./);
});
