/** What lies behind an exponent, and where models change places. */
import { rollup } from 'd3-array';
import { exponentText, integerText, percentText, timeText } from '../../report/format.js';
import type { Table } from '../../report/table.js';
import { type Analysis, lengthsOf, type ModelAnalysis } from '../analysis.js';
import { type Crossover, crossoverLength, settledText } from '../fits/crossover.js';
import { PLAUSIBLE_DELTA } from '../fits/evidence.js';
import { MIN_LENGTHS_FOR_FLOOR } from '../fits/floor_exponent.js';
import { floorShare } from '../fits/floor_fit.js';
import type { WorkExponent } from '../fits/work.js';
import { largest, lastLength, NONE } from './shared.js';

/** Decode: what a single step costs, and the slowest of a period. */
export function stepsTable({ models }: Analysis): Table {
  return {
    title: `Single decode steps at ${lastLength(models)}`,
    columns: ['Model', 'n', 'Median step', 'Slowest step of a period'],
    rows: models.flatMap(({ name, points }) => {
      const { n, steps } = largest(points);
      if (steps === null) return [];
      const times = [steps.medianMs, steps.largestMs].map((value) => timeText({ value, ci: null }));
      return [[name, integerText(n), ...times]];
    }),
    notes: [],
  };
}

/** What lies behind the exponent. */
export function growthTable({ models }: Analysis): Table {
  return {
    title: 'Growth: what lies behind the exponent',
    columns: [
      'Model',
      'Constant part',
      'Exponent, upper half',
      'Exponent of FLOPs',
      `Classes (AICc within ${PLAUSIBLE_DELTA})`,
    ],
    rows: models
      .filter(({ points }) => points.length > 3)
      .map((model) => [
        model.name,
        constantText(model),
        model.upperHalf === null ? NONE : exponentText(model.upperHalf),
        model.flopsExponent === null ? 'not counted' : model.flopsExponent.toFixed(3),
        classesText(model),
      ]),
    notes: [],
  };
}

function constantText({ floor, points }: ModelAnalysis): string {
  if (floor === null || floor.unidentified !== null) return NONE;
  return floorShare(floor.fit, points[0]?.n ?? Number.NaN) === 0
    ? 'none'
    : timeText({ value: floor.fit.floor, ci: null });
}

function classesText({ classes, points, floor, slopes }: ModelAnalysis): string {
  if (points.length < MIN_LENGTHS_FOR_FLOOR) return `needs ${MIN_LENGTHS_FOR_FLOOR} lengths, has ${points.length}`;
  if (classes.length > 0) return classes.map(({ name }) => name).join(', ');
  const exponent = floor === null || floor.unidentified !== null ? slopes.at(-1)?.value : floor.value;
  return `none of these (exponent ${exponent?.toFixed(2)})`;
}

/** Time over counted FLOPs: with fewer lengths than the growth over n needs. */
export function workTable({ models }: Analysis): Table {
  const answerOf = ({ proportional, floor }: WorkExponent): string => {
    if (proportional !== null) return proportional ? 'yes' : 'no';
    return floor.misfit === null ? 'cannot tell' : 'no power of FLOPs fits';
  };
  return {
    title: 'Work: time as (counted FLOPs)^exponent, beside a constant',
    columns: ['Model', 'Exponent', 'In proportion to FLOPs'],
    rows: models.flatMap(({ name, work }) => (work === null ? [] : [[name, exponentText(work), answerOf(work)]])),
    notes: [],
  };
}

/** Typical error from which on a curve is not of this shape, and its parts mean nothing. */
const OTHER_SHAPE = 0.25;

/** Shares of a constant, a linear and a quadratic part of the time at the largest n. */
export function partsTable({ models }: Analysis): Table {
  return {
    title: 'Parts of the time at the largest n, by t = a + b·n + d·n²',
    columns: ['Model', 'n', 'Constant', 'Linear', 'Quadratic', 'Typical error of the fit'],
    rows: models.flatMap(({ name, points, quadratic }) => {
      const n = points.at(-1)?.n;
      if (quadratic === null || n === undefined) return [];
      const error = Math.sqrt(quadratic.rss / points.length);
      if (error > OTHER_SHAPE)
        return [[name, integerText(n), NONE, NONE, NONE, `${percentText(error)}: not this shape`]];
      const parts = [quadratic.constant, quadratic.linear * n, quadratic.quadratic * n * n];
      const whole = parts.reduce((sum, part) => sum + part, 0);
      return [[name, integerText(n), ...parts.map((part) => percentText(part / whole)), percentText(error)]];
    }),
    notes: [],
  };
}

/** Exponents between neighbouring lengths. */
export function slopesTable(analysis: Analysis): Table {
  const models = analysis.models.filter(({ slopes }) => slopes.length > 0);
  const steps = [...new Map(models.flatMap(({ slopes }) => slopes.map((one) => [`${one.from}–${one.to}`, one.to])))];
  const columns = steps.sort((a, b) => a[1] - b[1]).map(([step]) => step);
  return {
    title: 'Local slopes: exponent between neighbouring lengths',
    columns: ['n', ...models.map(({ name }) => name)],
    rows: columns.map((step) => [
      step,
      ...models.map(({ slopes }) => {
        const slope = slopes.find(({ from, to }) => `${from}–${to}` === step);
        return slope === undefined ? NONE : exponentText(slope);
      }),
    ]),
    notes: [],
  };
}

/** Where models change places. */
export function crossoverTable({ crossovers, models, reference }: Analysis): Table {
  const lengths = lengthsOf(models);
  const range = [lengths[0] ?? 0, lengths.at(-1) ?? 0];
  const pairsLeftOut = `${models.length} models: each is compared with ${reference}, the reference, alone.`;
  return {
    title: `Cross-overs: length at which two models are equally fast, n = ${range.map(integerText).join(' to ')}`,
    columns: ['Models', 'Cross-over at n', 'Faster'],
    rows: (lengths.length < 2 ? [] : crossovers).map(({ a, b, crossover }) => {
      const nameOf = (side: 'a' | 'b'): string => (side === 'a' ? a : b);
      return [`${a}, ${b}`, ...crossoverCells(crossover, nameOf, lengths)];
    }),
    notes: crossovers.length < pairCount(models) ? [pairsLeftOut] : [],
  };
}

/** Models of one file can change places. */
function pairCount(models: readonly ModelAnalysis[]): number {
  const counts = rollup(models, ({ length }) => length, ({ file }) => file).values(); // biome-ignore format: one thought
  return [...counts].reduce((sum, count) => sum + (count * (count - 1)) / 2, 0);
}

function crossoverCells(
  found: Crossover,
  nameOf: (side: 'a' | 'b') => string,
  lengths: readonly number[],
): [string, string] {
  if (found.kind === 'unclear') return ['cannot tell', found.reason];
  if (found.kind === 'settled')
    return [
      `below ${integerText(found.n)}, if any`,
      `${nameOf(found.fasterAfter)} ${settledText(found, lengths)}; before: ${found.reason}`,
    ];
  if (found.kind === 'same') return ['none', 'the same at all n'];
  if (found.kind === 'none') return ['none in range', `${nameOf(found.faster)} at all measured n`];
  return [crossoverLength(found, lengths), `${nameOf(found.fasterAfter)} from there on`];
}
