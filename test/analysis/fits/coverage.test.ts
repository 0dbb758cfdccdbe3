/**
 * How often the interval of an exponent holds the truth, and how often a wrong shape is told from a true one.
 * The tables of docs/decisions/004-fits.md: FITS_REPEATS=100 npx vitest run test/analysis/fits/coverage.test.ts
 */
import { describe, expect, test } from 'vitest';
import { type ReplicatedPoint, type Replicates, replicate } from '../../../src/analysis/fits/bootstrap.js';
import { type FloorExponent, floorExponent } from '../../../src/analysis/fits/floor_exponent.js';
import { FLOOR_KINDS, type FloorKind } from '../../../src/analysis/fits/floor_fit.js';
import { measure } from './measure.js';

const REPEATS = Number(process.env['FITS_REPEATS'] ?? 4);
const RESAMPLES = 200;
const EXPONENTS = [0.5, 1, 1.5, 2, 3];
/** Shares of the floor in the smallest time. */
const SHARES = [0, 0.3, 0.6, 0.9];
const SMALLEST = 128;

/** Time 1 at the smallest length, of which the floor has this share; it hides the rest where it overlaps. */
function truth(kind: FloorKind, c: number, share: number): (n: number) => number {
  const grown = (n: number): number => (n / SMALLEST) ** c;
  if (kind === 'added') return (n) => share + (1 - share) * grown(n);
  return (n) => (share ** 8 + (1 - share ** 8) * grown(n) ** 8) ** (1 / 8);
}

function fitted(data: ReplicatedPoint[], seed: number): FloorExponent {
  return floorExponent(replicate([data], seed, RESAMPLES)[0] as Replicates);
}

const share = (hits: readonly boolean[]): number => hits.filter(Boolean).length / hits.length;

describe.each(FLOOR_KINDS)('the exponent beside a floor that is %s', (kind) => {
  test.each([5, 10])(
    'is held by its interval in 93 to 99 % of runs of %i processes, and its shape fits',
    (processes) => {
      const runs = EXPONENTS.flatMap((c) =>
        SHARES.flatMap((part) =>
          Array.from({ length: REPEATS }, (_, repeat) => {
            const noise = { processes, own: 0.03, shared: 0.05, seed: `${kind} ${c} ${part} ${repeat}` };
            const { ci, unidentified, misfit } = fitted(measure(truth(kind, c, part), noise), repeat);
            const holds = ci !== null && ci[0] <= c && c <= ci[1];
            return { holds, identified: unidentified === null, flagged: misfit !== null };
          }),
        ),
      );
      const identified = runs.filter((run) => run.identified);
      const figures = [runs.map((run) => run.holds), identified.map((run) => run.holds)].map(share);
      const rates = [runs.map((run) => run.identified), runs.map((run) => run.flagged)].map(share);
      if (process.env['FITS_REPEATS']) console.log(kind, processes, runs.length, ...figures, ...rates);
      const margin = 2.6 * Math.sqrt((0.95 * 0.05) / runs.length); // of chance
      expect(figures[0]).toBeGreaterThan(0.95 - margin);
      expect(figures[1]).toBeGreaterThan(0.95 - margin);
      expect(rates[0]).toBeGreaterThan(0.8);
      expect(rates[1]).toBeLessThanOrEqual(0.01);
    },
  );
});
