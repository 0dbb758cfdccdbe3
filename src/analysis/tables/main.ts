/** Exponents, slowdowns and memory: the seed's tables. */
import {
  bytesText,
  type Estimate,
  exponentText,
  integerText,
  percentText,
  timeText,
  withInterval,
} from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import type { Table } from '../../report/table.js';
import type { Analysis, AnalyzedPoint, ModelAnalysis } from '../analysis.js';
import { MIN_LENGTHS_FOR_FLOOR } from '../fits/floor_exponent.js';
import { floorEnd, floorShare } from '../fits/floor_fit.js';
import { mayBeFirst, type Place } from '../ranking.js';
import { atLargest, largest, largestLength, lastLength, NONE } from './shared.js';

/** Exponents and the time at the largest n. */
export function complexityTable({ models }: Analysis): Table {
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
export function slowdownTable({ models, reference }: Analysis): Table {
  const maxLength = largestLength(models);
  const text = (value: Estimate): string => withInterval(value, 'x');
  return {
    title: `Slowdown: time over that of ${reference} at the same n`,
    columns: ['Model', 'Average', 'Min', 'Max', `At n = ${integerText(maxLength)}`],
    rows: models.map(({ name, isReference, slowdown, points }) => {
      if (isReference) return [name, '1x', '1x', '1x', 'the reference'];
      if (slowdown === null) return [name, NONE, NONE, NONE, `no length shared with ${reference}`];
      const shared = points.filter((point) => point.slowdown !== null);
      const last = atLargest(shared, maxLength, (point) => (point.slowdown === null ? NONE : text(point.slowdown)));
      return [name, text(slowdown.average), text(slowdown.least), text(slowdown.most), last];
    }),
    notes: [],
  };
}

/** Who is the fastest at each length, and who is behind. */
export function fastestTable({ rankings }: Analysis): Table {
  const behind = (place: Place | undefined): string =>
    place === undefined ? NONE : `${place.name} ${withInterval(place.ratio, 'x')}`;
  const compared = rankings.filter(({ places }) => places.length > 1);
  return {
    title: 'Fastest at each n, and times over it',
    columns: ['n', 'Fastest', 'Time', 'Cannot be told apart', 'Next', 'Slowest'],
    rows: compared.map(({ n, places }) => {
      const [first, ...others] = places as [Place, ...Place[]];
      const level = others.filter(mayBeFirst).map(({ name }) => name);
      const later = others.filter((place) => !mayBeFirst(place));
      const last = later.length > 1 ? later.at(-1) : undefined;
      return [integerText(n), first.name, timeText(first.ms), namesText(level) || NONE, behind(later[0]), behind(last)];
    }),
    notes: [],
  };
}

/** Four numbers that are never added up; for the original's files the one they have. */
export function memoryTable({ models, measurements }: Analysis): Table {
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

/** With a range where there are processes, but too few for an interval. */
function timeOrRange({ ms, rangeMs, processCount }: AnalyzedPoint): string {
  if (ms.ci !== null || processCount === 1) return timeText(ms);
  const [low, high] = rangeMs.map((value) => timeText({ value, ci: null }));
  return `${timeText(ms)} (range ${low} to ${high})`;
}
