/** The tables of an analysis. */
import {
  bytesText,
  type Estimate,
  exponentText,
  integerText,
  percentText,
  timeText,
  withInterval,
} from '../report/format.js';
import { NOISY, timesText } from '../report/sentences.js';
import type { Table } from '../report/table.js';
import { max, min } from '../statistics.js';
import type { Analysis, AnalyzedPoint, ModelAnalysis } from './analysis.js';
import type { Crossover } from './fits/crossover.js';
import { PLAUSIBLE_DELTA } from './fits/evidence.js';
import { MIN_LENGTHS_FOR_FLOOR } from './fits/floor_exponent.js';
import { floorEnd, floorShare } from './fits/floor_fit.js';
import type { WorkExponent } from './fits/work.js';

const NONE = '–';

/** All tables that the measurements allow, the seed's three first. */
export function buildTables(analysis: Analysis): Table[] {
  const main = [complexityTable, slowdownTable, memoryTable];
  const detailed = [stepsTable, growthTable, workTable, partsTable, slopesTable, crossoverTable];
  const all = [...main, ...detailed].map((build) => build(analysis));
  const tag = analysis.measurements.noisy ? NOISY : '';
  return all.filter(({ rows }) => rows.length > 0).map((table) => ({ ...table, title: table.title + tag }));
}

/** What holds for all tables: what was timed, how it was summarised, what is missing. */
export function preamble(analysis: Analysis): string[] {
  const { measurements, processCounts } = analysis;
  const { kind, meaning, footer } = measurements;
  const notes = [...oneLengthNote(analysis), ...measurements.notes];
  if (kind === 'original') return [`${meaning}.`, ...notes];
  const what = kind === 'csv' ? meaning : `Phase ${meaning}`;
  return [`${what}.`, timesText(processCounts), ...new Set([...footer, ...notes])];
}

/** Of one length alone: which model is the fastest there. */
function oneLengthNote({ models }: Analysis): string[] {
  const lengths = new Set(models.flatMap(({ points }) => points.map(({ n }) => n)));
  const [n] = lengths;
  if (n === undefined || lengths.size > 1) return [];
  const timed = models.flatMap(({ name, points }) => points.map(({ ms }) => ({ name, ms })));
  const [first, second] = timed.toSorted((a, b) => a.ms.value - b.ms.value);
  if (first === undefined) return [];
  const start = `One length, n = ${integerText(n)}, shows no growth`;
  if (second === undefined) return [`${start}: ${first.name} takes ${timeText(first.ms)}.`];
  const close = first.ms.ci !== null && second.ms.ci !== null && second.ms.ci[0] <= first.ms.ci[1];
  const fastest = `${start}. The fastest is ${first.name} with ${timeText(first.ms)}`;
  return [`${fastest}, before ${second.name} with ${timeText(second.ms)}${close ? ': their intervals meet' : ''}.`];
}

/** Exponents and the time at the largest n. */
function complexityTable({ models }: Analysis): Table {
  const maxLength = largestLength(models);
  return {
    title: 'Complexity: time grows as n^exponent',
    columns: [
      'Model',
      'Exponent (log-log)',
      'R² (log space)',
      'Exponent (floor fit)',
      `Time at n = ${integerText(maxLength)}`,
    ],
    rows: models.map((model) => [
      model.name,
      model.powerLaw === null ? tooFew(model) : exponentText(model.powerLaw) + (model.biased ? ' *' : ''),
      r2Text(model),
      floorText(model),
      atLargest(model.points, maxLength, timeOrRange),
    ]),
    notes: models.flatMap((model) => [...biasNote(model), ...overlapNote(model), ...unidentifiedNote(model)]),
  };
}

function tooFew({ points }: ModelAnalysis): string {
  return `needs 3 lengths, has ${points.length}`;
}

function r2Text({ powerLaw }: ModelAnalysis): string {
  if (powerLaw === null) return NONE;
  return powerLaw.fit.r2Log === null ? 'undefined (constant)' : powerLaw.fit.r2Log.toFixed(4);
}

function floorText({ floor, powerLaw }: ModelAnalysis): string {
  if (floor !== null && floor.unidentified === null) return exponentText(floor);
  return powerLaw === null ? NONE : 'not identified';
}

function biasNote({ name, powerLaw, floor, points, slopes, biased }: ModelAnalysis): string[] {
  if (!biased || powerLaw === null || floor === null) return [];
  const logLog = `* ${name}: log-log reads ${powerLaw.value.toFixed(2)}`;
  if (floor.unidentified !== null) {
    const [first, last] = [slopes[0]?.value ?? Number.NaN, slopes.at(-1)?.value ?? Number.NaN];
    return [
      `${logLog}, but the points bend: slope ${first.toFixed(2)} at the smallest n, ${last.toFixed(2)} at the largest.`,
    ];
  }
  const share = floorShare(floor.fit, points[0]?.n ?? Number.NaN);
  const constant = `${timeText({ value: floor.fit.floor, ci: null })} (${percentText(share)} of the time at the smallest n)`;
  return [
    `${logLog}, the floor fit ${floor.value.toFixed(2)}: a constant ${constant} bends the line; believe the floor fit.`,
  ];
}

/** Where a floor that overlaps the work ends: on a GPU, where launches stop being the bound. */
function overlapNote({ name, floor, points }: ModelAnalysis): string[] {
  if (floor === null || floor.unidentified !== null || floor.fit.kind !== 'overlapped') return [];
  const end = Number(floorEnd(floor.fit).toPrecision(2));
  if (end <= (points[0]?.n ?? 0)) return [];
  const constant = timeText({ value: floor.fit.floor, ci: null });
  return [
    `${name}: a constant ${constant} hides the growth below n = ${integerText(end)} (on a GPU: bound by launches).`,
  ];
}

function unidentifiedNote({ name, floor, points, powerLaw, slopes, biased }: ModelAnalysis): string[] {
  if (powerLaw === null) return [];
  const reason = floor === null ? `${points.length} lengths, needs ${MIN_LENGTHS_FOR_FLOOR}` : floor.unidentified;
  const top = slopes.at(-1);
  // With a star the slopes are in its note.
  const slope = biased || top === undefined || floor === null ? '' : `; slope at the largest n ${exponentText(top)}`;
  return reason === null ? [] : [`${name}: exponent not identified by the floor fit (${reason})${slope}.`];
}

/** Ratios to the reference. */
function slowdownTable({ models, reference }: Analysis): Table {
  const maxLength = largestLength(models);
  const text = (value: Estimate): string => withInterval(value, 'x');
  return {
    title: `Slowdown: time over ${reference}'s at the same n`,
    columns: ['Model', 'Average', 'Min', 'Max', `At n = ${integerText(maxLength)}`],
    rows: models.map(({ name, slowdown, points }) => {
      if (name === reference) return [name, '1x', '1x', '1x', 'the reference'];
      if (slowdown === null) return [name, NONE, NONE, NONE, `no length shared with ${reference}`];
      const shared = points.filter((point) => point.slowdown !== null);
      const last = atLargest(shared, maxLength, (point) => (point.slowdown === null ? NONE : text(point.slowdown)));
      return [name, text(slowdown.average), text(slowdown.least), text(slowdown.most), last];
    }),
    notes: [],
  };
}

/** Four numbers that are never added up; for the original's files the one they have. */
function memoryTable({ models, measurements }: Analysis): Table {
  const title = `Memory at ${lastLength(models)}`;
  if (measurements.kind === 'original') {
    return {
      title,
      columns: ['Model', 'n', 'Parameters', "Parameters + ids (the original's “memory”)"],
      rows: models.map((model) => {
        const { n, memory } = largest(model.points);
        return [model.name, integerText(n), bytesText(memory.parameters), bytesText(memory.parametersAndIds)];
      }),
      notes: [],
    };
  }
  return {
    title,
    columns: ['Model', 'n', 'Parameters', 'State', 'Peak activations', 'Process peak RSS'],
    rows: (measurements.kind === 'csv' ? [] : models).map((model) => {
      const { n, memory } = largest(model.points);
      const { parameters, state, peakActivation, peakRss } = memory;
      return [model.name, integerText(n), ...[parameters, state, peakActivation, peakRss].map(bytesText)];
    }),
    notes: ['RSS is of the whole process, which ran all cells: an upper bound, the same order for all models.'],
  };
}

/** Decode: what a single step costs, and the slowest of a chunk. */
function stepsTable({ models }: Analysis): Table {
  return {
    title: `Single decode steps at ${lastLength(models)}`,
    columns: ['Model', 'n', 'Median step', 'Slowest step of a chunk'],
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
function growthTable({ models }: Analysis): Table {
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
function workTable({ models }: Analysis): Table {
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
function partsTable({ models }: Analysis): Table {
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
function slopesTable({ models }: Analysis): Table {
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
function crossoverTable({ crossovers, models, reference }: Analysis): Table {
  const lengths = models.flatMap(({ points }) => points.map(({ n }) => n));
  const range = [min(lengths), max(lengths)] as const;
  const pairsLeftOut = `${models.length} models: each is compared with ${reference} alone; --reference NAME takes another.`;
  return {
    title: `Cross-overs: length at which two models are equally fast, n = ${range.map(integerText).join(' to ')}`,
    columns: ['Models', 'Cross-over at n', 'Faster'],
    rows: (range[0] === range[1] ? [] : crossovers).map(({ a, b, crossover }) => {
      const nameOf = (side: 'a' | 'b'): string => (side === 'a' ? a : b);
      return [`${a}, ${b}`, ...crossoverCells(crossover, nameOf, range)];
    }),
    notes: crossovers.length < (models.length * (models.length - 1)) / 2 ? [pairsLeftOut] : [],
  };
}

function crossoverCells(
  found: Crossover,
  nameOf: (side: 'a' | 'b') => string,
  range: readonly [number, number],
): [string, string] {
  if (found.kind === 'unclear') return ['cannot tell', found.reason];
  if (found.kind === 'same') return ['none', 'the same at all n'];
  if (found.kind === 'none') return ['none in range', `${nameOf(found.faster)} at all measured n`];
  const end = (n: number): string => {
    if (n === 0) return `below ${integerText(range[0])}`;
    return n === Infinity ? `above ${integerText(range[1])}` : integerText(Math.round(n));
  };
  const interval = found.ci === null ? '' : ` [${end(found.ci[0])}, ${end(found.ci[1])}]`;
  return [end(found.n) + interval, `${nameOf(found.fasterAfter)} from there on`];
}

function largest(points: readonly AnalyzedPoint[]): AnalyzedPoint {
  return points.at(-1) as AnalyzedPoint; // a series has at least one point
}

/** The last point of a model; n only where it is not the last of all. */
function atLargest(
  points: readonly AnalyzedPoint[],
  maxLength: number,
  text: (point: AnalyzedPoint) => string,
): string {
  const point = points.at(-1);
  if (point === undefined) return NONE;
  return text(point) + (point.n === maxLength ? '' : ` (n = ${integerText(point.n)})`);
}

/** For titles: which n a row is of, where all are of one. */
function lastLength(models: readonly ModelAnalysis[]): string {
  const [n, ...others] = new Set(models.flatMap(({ points }) => points.map((point) => point.n)));
  return n === undefined || others.length > 0 ? 'the largest n' : `n = ${integerText(n)}`;
}

function largestLength(models: readonly ModelAnalysis[]): number {
  return max(models.flatMap(({ points }) => points.map(({ n }) => n)));
}

/** With a range where there are processes, but too few for an interval. */
function timeOrRange({ ms, rangeMs, processCount }: AnalyzedPoint): string {
  if (ms.ci !== null || processCount === 1) return timeText(ms);
  const [low, high] = rangeMs.map((value) => timeText({ value, ci: null }));
  return `${timeText(ms)} (range ${low} to ${high})`;
}
