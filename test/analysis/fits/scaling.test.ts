import { randomNormal } from 'd3-random';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyze } from '../../../src/analysis/analysis.js';
import { replicate } from '../../../src/analysis/fits/bootstrap.js';
import { findCrossover, fitScaling, type Observation } from '../../../src/analysis/fits/scaling.js';
import { workExponent } from '../../../src/analysis/fits/work.js';
import { readMeasurements } from '../../../src/analysis/read_measurements.js';
import { buildTables } from '../../../src/analysis/tables/tables.js';
import { UserError } from '../../../src/errors.js';
import { random } from '../../../src/random.js';
import { makeResults } from '../../support/make_results.js';
import { measure } from './measure.js';

const LENGTHS = [128, 256, 512, 1024, 2048, 4096];

const curve = (f: (n: number) => number): Observation[] => LENGTHS.map((n) => ({ n, t: f(n) }));

/** Five processes within 1 %. */
function measured(f: (n: number) => number, seed = ''): Observation[] {
  const normal = randomNormal.source(random(1, seed).float)();
  return LENGTHS.map((n) => ({ n, t: Array.from({ length: 5 }, () => f(n) * Math.exp(0.01 * normal())) }));
}

describe('fits of any {n, t}', () => {
  test('recover factor and exponent of a power, and floor and exponent beside one', () => {
    const half = { noNaN: true, noDefaultInfinity: true };
    const parts = fc.record({
      factor: fc.double({ min: 1e-6, max: 1e6, ...half }),
      exponent: fc.double({ min: 0.5, max: 2.5, ...half }),
      share: fc.double({ min: 0.1, max: 3, ...half }),
    });
    fc.assert(
      fc.property(parts, ({ factor, exponent, share }) => {
        const bare = fitScaling(curve((n) => factor * n ** exponent));
        expect(bare.powerLaw.value).toBeCloseTo(exponent, 8);
        expect(bare.powerLaw.fit.factor / factor).toBeCloseTo(1, 6);
        const floor = share * factor * 512 ** exponent;
        const { floor: found } = fitScaling(curve((n) => floor + factor * n ** exponent));
        expect(found?.value).toBeCloseTo(exponent, 2);
        expect((found?.fit.floor ?? 0) / floor).toBeCloseTo(1, 1);
      }),
      { numRuns: 30 },
    );
  });

  test('have intervals with five processes, and none with one value or with four', () => {
    const five = measured((n) => n);
    expect(fitScaling(five).powerLaw.ci).not.toBeNull();
    expect(fitScaling(five.map(({ n, t }) => ({ n, t: (t as number[]).slice(1) }))).powerLaw.ci).toBeNull();
    expect(fitScaling(curve((n) => n)).floor).toMatchObject({ ci: null, unidentified: null });
  });

  test('do not depend on the order of the lengths', () => {
    const data = measured((n) => 50 + n);
    expect(fitScaling([...data].reverse())).toEqual(fitScaling(data));
  });

  test('are what analyze says of a results file with the same times', () => {
    const data = measured((n) => 50 + n);
    const times = Object.fromEntries(data.map(({ n, t }) => [n, t as number[]]));
    const measurements = readMeasurements(makeResults({ A: times }), 'file', null);
    const [model] = analyze(measurements, null, 'file').models;
    expect(model).toMatchObject(fitScaling(data, { seed: measurements.seed }));
  });

  test('see the slope, the class and the bias that a floor hides from the power law', () => {
    const { biased, classes, slopes, upperHalf, powerLaw } = fitScaling(measured((n) => 100 + 1e-4 * n * n));
    expect(biased).toBe(true);
    expect(classes[0]?.name).toBe('n²');
    expect(powerLaw.value).toBeLessThan(upperHalf?.value ?? 0);
    expect(slopes.at(-1)).toMatchObject({ from: 2048, to: 4096, value: expect.closeTo(Math.log2(1777.7 / 519.4), 1) });
  });

  test('of three lengths have an exponent alone', () => {
    const { floor, classes, quadratic } = fitScaling(curve((n) => n).slice(3));
    expect({ floor, classes, quadratic }).toEqual({ floor: null, classes: [], quadratic: null });
  });

  test('of a process without a value at a length use the others', () => {
    const gap = measured((n) => n).map(({ n, t }, i) => ({ n, t: i === 2 ? [null, ...(t as number[])] : t }));
    expect(fitScaling(gap).powerLaw.value).toBeCloseTo(1, 1);
  });
});

describe('bad data are refused by the name of the data and the length', () => {
  test.each<[string, Observation[], string]>([
    ['two lengths', curve((n) => n).slice(4), 'mine: needs at least 3 lengths, got 2'],
    ['no length', [], 'mine: needs at least 3 lengths, got 0'],
    ['a length twice', [...curve((n) => n), { n: 512, t: 1 }], 'mine: every length once, got 512 twice'],
    ['a length of 0', [...curve((n) => n), { n: 0, t: 1 }], 'mine: length must be positive, got 0'],
    ['a time of 0', [...curve((n) => n), { n: 64, t: 0 }], 'mine at n = 64: time must be positive, got 0'],
    ['one NaN of five', [{ n: 64, t: [1, 1, Number.NaN, 1, 1] }], 'mine at n = 64: time must be positive, got NaN'],
    ['an infinite time', [{ n: 64, t: [1, Infinity] }], 'mine at n = 64: time must be positive, got Infinity'],
    ['no value', [{ n: 64, t: [null] }], 'mine at n = 64: needs a value, got none'],
  ])('%s', (_, data, message) => {
    expect(() => fitScaling(data, { where: 'mine' })).toThrow(message);
  });
});

describe('the cross-over of two curves', () => {
  test('is where they are equal, with an interval that holds it', () => {
    const found = findCrossover(
      measured((n) => 3 + 2e-3 * n, 'a'),
      measured((n) => 5e-3 * n, 'b'),
    );
    expect(found).toMatchObject({ kind: 'one', fasterAfter: 'a', n: expect.closeTo(1000, -2) });
    const [low, high] = (found.kind === 'one' ? found.ci : null) ?? [0, 0];
    expect(low).toBeLessThan(1000);
    expect(high).toBeGreaterThan(1000);
  });

  test('needs no more than two lengths, and names the curve that has fewer', () => {
    const two = curve((n) => n).slice(0, 2);
    expect(
      findCrossover(
        two,
        curve(() => 200),
      ),
    ).toMatchObject({ kind: 'one', fasterAfter: 'b' });
    expect(() => findCrossover(two, two.slice(1))).toThrow('findCrossover: b: needs at least 2 lengths, got 1');
  });
});

describe('what plain JavaScript passes is refused by a UserError that names it', () => {
  const good = curve((n) => n);
  const at64 = (t: unknown): unknown => [...good, { n: 64, t }];
  const cases: [string, unknown, string][] = [
    ['no points', undefined, 'mine: must be an array of { n, t }, got undefined'],
    ['a null', null, 'mine: must be an array of { n, t }, got null'],
    ['an object', { n: 1, t: 2 }, 'mine: must be an array of { n, t }, got an object'],
    ['a null point', [...good, null], 'mine: point 7 must be { n, t }, got null'],
    ['a hole', Array(2), 'mine: point 1 must be { n, t }, got undefined'],
    ['a number as a point', [3], 'mine: point 1 must be { n, t }, got 3'],
    ['a length as text', [{ n: '128', t: 1 }], 'mine: length must be positive, got the text "128"'],
    ['a length as a bigint', [{ n: 128n, t: 1 }], 'mine: length must be positive, got the bigint 128n'],
    ['a missing length', [{ t: 1 }], 'mine: length must be positive, got undefined'],
    ['an infinite length', [{ n: Infinity, t: 1 }], 'mine: length must be positive, got Infinity'],
    ['a missing time', at64(undefined), 'mine at n = 64: time must be positive, got undefined'],
    ['a null time', at64(null), 'mine at n = 64: time must be positive, got null'],
    ['a time as text', at64('1.5'), 'mine at n = 64: time must be positive, got the text "1.5"'],
    ['one bigint of several', at64([1, 2n]), 'mine at n = 64: time must be positive, got the bigint 2n'],
    ['one text of several', at64([1, '2']), 'mine at n = 64: time must be positive, got the text "2"'],
    ['an undefined of several', at64([1, undefined]), 'mine at n = 64: time must be positive, got undefined'],
    ['an object as a time', at64({}), 'mine at n = 64: time must be positive, got an object'],
    ['a function as a time', at64(() => 1), 'mine at n = 64: time must be positive, got a function'],
    ['no times', at64([]), 'mine at n = 64: needs a value, got none'],
  ];
  test.each(cases)('%s', (_, data, message) => {
    const refused = (call: () => unknown): unknown => {
      try {
        return call();
      } catch (error) {
        return error;
      }
    };
    const bad = data as Observation[];
    expect(refused(() => fitScaling(bad, { where: 'mine' }))).toEqual(new UserError(message));
    const cross = refused(() => findCrossover(good, bad, { where: 'mine' }));
    expect(cross).toBeInstanceOf(UserError);
    expect(String(cross)).toContain(message.replace('mine', 'mine: b'));
  });

  test('typed arrays of times are as good as plain ones', () => {
    const five = measured((n) => n);
    const typed = five.map(({ n, t }) => ({ n, t: Float64Array.from(t as number[]) as unknown as number[] }));
    expect(fitScaling(typed)).toEqual(fitScaling(five));
  });
});

describe('many lengths', () => {
  test('a thousand of five processes are grouped for the fits, and read as a few are', () => {
    const normal = randomNormal.source(random(1, 'many').float)();
    const points = Array.from({ length: 1000 }, (_, i) => ({
      n: 16 * (i + 1),
      t: Array.from({ length: 5 }, () => (300 + 16 * (i + 1)) * Math.exp(0.01 * normal())),
    }));
    const { floor, classes, slopes } = fitScaling(points);
    expect(floor).toMatchObject({ value: expect.closeTo(1, 1), unidentified: null, fit: { kind: 'added' } });
    expect(floor?.fit.floor).toBeCloseTo(300, -2);
    expect(classes[0]?.name).toBe('n');
    expect(slopes).toHaveLength(999);
  });

  test('200,000 spread no list into a call', () => {
    const points = Array.from({ length: 200_000 }, (_, i) => ({ n: i + 1, t: 5 + i }));
    expect(fitScaling(points).floor?.value).toBeCloseTo(1, 1);
    expect(findCrossover(points, points)).toEqual({ kind: 'same' });
  });
});

describe('an analysis of a file', () => {
  const seconds = (times: Record<string, Record<number, number>>) =>
    analyze(readMeasurements({ time_results: times }, 'file', null), null, 'file');
  const line = Object.fromEntries([128, 256, 512, 1024, 2048].map((n) => [n, n / 1e5]));

  test('takes names of Object.prototype for names', () => {
    const times = JSON.parse(`{"constructor": ${JSON.stringify(line)}, "__proto__": ${JSON.stringify(line)}}`);
    const { models, crossovers } = seconds(times);
    expect(models.map(({ name, powerLaw }) => [name, powerLaw?.value])).toEqual(
      ['constructor', '__proto__'].map((name) => [name, expect.closeTo(1, 9)]),
    );
    expect(crossovers).toEqual([{ a: 'constructor', b: '__proto__', crossover: { kind: 'same' } }]);
  });

  test('compares up to 20 models with each other, more of them with the reference, and says so', () => {
    const named = (count: number) =>
      seconds(Object.fromEntries(Array.from({ length: count }, (_, i) => [`M${i}`, line])));
    const notesOf = (analysis: ReturnType<typeof seconds>) => buildTables(analysis).find(isCrossovers)?.notes;
    const isCrossovers = ({ title }: { readonly title: string }) => title.startsWith('Cross-overs');
    expect(named(20).crossovers.length).toBe(190);
    expect(notesOf(named(20))).toEqual([]);
    const many = named(500);
    expect(many.crossovers.map(({ a, b }) => [a, b].includes(many.reference))).toEqual(new Array(499).fill(true));
    expect(notesOf(many)).toEqual(['500 models: each is compared with M0, the reference, alone.']);
  });

  test('goes on beside models of one and two lengths, and of none in common with the reference', () => {
    const analysis = seconds({
      Full: line,
      Two: { 128: 1, 256: 2 },
      One: { 512: 1 },
      Apart: { 100: 1, 200: 2, 300: 3 },
    });
    const rows = (title: string) => buildTables(analysis).find((table) => table.title.startsWith(title))?.rows ?? [];
    expect(rows('Complexity').map((row) => row.slice(0, 2))).toEqual([
      ['Full', '1.000'],
      ['Two', 'needs 3 lengths, has 2'],
      ['One', 'needs 3 lengths, has 1'],
      ['Apart', '1.000'],
    ]);
    expect(rows('Slowdown')[3]).toContain('no length shared with Full');
    expect(
      rows('Cross-overs')
        .find(([pair]) => pair === 'Full, Apart')
        ?.slice(1),
    ).toEqual(['cannot tell', 'no length in common']);
  });
});

describe('time over counted FLOPs', () => {
  const flops = (n: number): number => 1e6 * n + 2e3 * n * n;
  const LENGTHS_OF = { three: [256, 1024, 4096], four: [256, 512, 1024, 2048] };

  test.each(Object.entries(LENGTHS_OF))(
    'of %s lengths holds 1 in its interval where time is in proportion',
    (_, lengths) => {
      const runs = Array.from({ length: 60 }, (_, repeat) => {
        const time = (n: number): number => 1 + 1e-9 * flops(n);
        const [own] = replicate(
          [measure(time, { own: 0.03, shared: 0.05, seed: `work ${repeat}` }, lengths)],
          repeat,
          200,
        );
        return workExponent(own!, lengths.map(flops)); // biome-ignore format: one thought
      });
      expect(runs.filter((work) => work!.ci![0] <= 1 && 1 <= work!.ci![1]).length).toBeGreaterThanOrEqual(55);
      expect(runs.filter((work) => work!.proportional === false).length).toBeLessThanOrEqual(3);
    },
  );

  test('is not in proportion where time grows by another power of them', () => {
    const lengths = [128, 256, 512, 1024, 2048];
    const data = measure((n) => 1e-15 * flops(n) ** 1.5, { own: 0.01 }, lengths);
    const work = workExponent(replicate([data], 1)[0]!, lengths.map(flops)); // biome-ignore format: one thought
    expect(work).toMatchObject({ value: expect.closeTo(1.5, 1), proportional: false });
  });

  test('needs work that grows, counted at three lengths', () => {
    const [own] = replicate([measure((n) => n)], 1);
    expect(workExponent(own!, [1, 2, null, null, null, null])).toBeNull();
    expect(workExponent(own!, [5, 5, 5, 5, 5, 5])).toBeNull();
    expect(workExponent(own!, [1, null, 4, null, 16, 32])?.floor.fit.exponent).toBeGreaterThan(0);
  });
});
