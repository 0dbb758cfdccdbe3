/** Numbers for readers. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesText, timeText, withInterval } from '../../src/report/format.js';

const plain = (value: number): string => timeText({ value, ci: null });
const MS_PER: Readonly<Record<string, number>> = { h: 3.6e6, s: 1e3, ms: 1, µs: 1e-3, ns: 1e-6 };

describe('a time', () => {
  test('is in the unit in which it is read best: nanoseconds below half a microsecond, hours from three on', () => {
    expect([1e-7, 4.99e-4, 5e-4, 0.0615, 0.0999, 0.1, 12.345, 9_999].map(plain)).toEqual([
      ...['0.100 ns', '499 ns', '0.500 µs', '61.5 µs', '99.9 µs', '0.100 ms', '12.3 ms', '9999 ms'],
    ]);
    expect([10_000, 43_210, 1.07e7, 1.08e7, 3.6e12].map(plain)).toEqual([
      ...['10.0 s', '43.2 s', '10700 s', '3.00 h', '1000000 h'],
    ]);
  });
  test('read back is the time, within the digits shown', () =>
    fc.assert(
      fc.property(fc.double({ min: 1e-8, max: 1e12, noNaN: true }), (ms) => {
        const [number, unit = ''] = plain(ms).split(' ');
        expect(Math.abs((Number(number) * (MS_PER[unit] ?? Number.NaN)) / ms - 1)).toBeLessThan(0.0051);
      }),
    ));
  test('has ± where its interval is even within a quarter, else both ends', () => {
    expect(timeText({ value: 13, ci: [9, 45] })).toBe('13 ms [9, 45]');
    expect(timeText({ value: 12.345, ci: [11.9, 12.7] })).toBe('12.3 ms ± 0.4');
    expect(timeText({ value: 10, ci: [9.3, 10.5] })).toBe('10.0 ms ± 0.6');
    expect(timeText({ value: 10, ci: [9.2, 10.4] })).toBe('10.0 ms [9.2, 10.4]');
    expect(timeText({ value: 10, ci: [10, 10.4] })).toBe('10.0 ms [10.0, 10.4]');
    expect(timeText({ value: 2e-4, ci: [1.9e-4, 2.1e-4] })).toBe('200 ns ± 10');
    expect(timeText({ value: 5, ci: [5, 5] })).toBe('5.000 ms ± 0.000');
  });
});

test('a ratio is never all zeros, nor a row of digits', () => {
  expect(withInterval({ value: 1.23e-7, ci: null }, 'x')).toBe('1.23e-7x');
  expect(withInterval({ value: 4.5678e12, ci: null }, 'x')).toBe('4.57e+12x');
  expect(withInterval({ value: 1.8234, ci: [1.74, 1.91] }, 'x')).toBe('1.82x [1.74, 1.91]');
});

test('bytes go up to TiB', () => {
  expect([0, 1023, 1024, 7.67 * 2 ** 20, 3 * 2 ** 30, 1.5 * 2 ** 40, null].map(bytesText)).toEqual([
    ...['0 B', '1023 B', '1.00 KiB', '7.67 MiB', '3.00 GiB', '1.50 TiB', 'not recorded'],
  ]);
});
