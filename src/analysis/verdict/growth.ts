/** How time grows with length, and why an exponent is to be believed or not. */
import { group } from 'd3-array';
import { type Estimate, exponentText } from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import type { Analysis, ModelAnalysis } from '../analysis.js';
import { MIN_LENGTHS } from '../fits/fit.js';
import { MIN_LENGTHS_FOR_FLOOR } from '../fits/floor_exponent.js';
import { type Quantity, spreadText } from './spread.js';

export function growthTexts({ models }: Analysis): string[] {
  const fitted = models.filter(({ powerLaw }) => powerLaw !== null);
  if (fitted.length === 0) return [`It takes ${MIN_LENGTHS} lengths to see any.`];
  const known = fitted.filter((model) => doubtAbout(model) === null);
  const doubted = fitted.filter((model) => doubtAbout(model) !== null);
  return [...knownTexts(known), ...doubtTexts(doubted), ...workTexts(fitted)];
}

/** Why its exponent is not to be believed; null where it is. */
function doubtAbout({ floor, points }: ModelAnalysis): string | null {
  return floor === null ? `${points.length} lengths, needs ${MIN_LENGTHS_FOR_FLOOR}` : floor.unidentified;
}

function knownTexts(models: readonly ModelAnalysis[]): string[] {
  if (models.length === 0) return [];
  const exponents = models.flatMap(({ name, floor }) => (floor === null ? [] : [quantity(name, floor)]));
  const bent = models.flatMap(({ name, biased, powerLaw }) =>
    biased && powerLaw !== null ? [`${name} (${powerLaw.value.toFixed(2)})`] : [],
  );
  return [
    `Time grows as n^c with c = ${spreadText(exponents)}, which may be believed within the intervals: a constant and a power of n fit all lengths.`,
    ...(bent.length === 0
      ? []
      : [`A straight line on log-log axes misleads for ${namesText(bent)}: a constant bends it.`]),
  ];
}

/** More reasons than these are for the table. */
const MOST_REASONS = 2;

function doubtTexts(models: readonly ModelAnalysis[]): string[] {
  const reasons = group(models, doubtAbout);
  if (reasons.size > MOST_REASONS) return [doubtText('why: below the table of complexity', models)];
  return [...reasons].map(([reason, these]) => doubtText(reason ?? '', these));
}

/** The slope that the data still show. */
function doubtText(reason: string, models: readonly ModelAnalysis[]): string {
  const slopes = models.flatMap(({ name, slopes: all }) => all.slice(-1).map((slope) => quantity(name, slope)));
  const names = namesText(models.map(({ name }) => name));
  return `No exponent of ${names} is to be believed (${reason}); between the two largest n time grows as n^c with c = ${spreadText(slopes)}.`;
}

const quantity = (name: string, exponent: Estimate): Quantity => ({
  name,
  value: exponent.value,
  text: exponentText(exponent),
});

/** Whether what was counted explains what was timed. */
function workTexts(models: readonly ModelAnalysis[]): string[] {
  const namesOf = (answer: boolean): string[] =>
    models.flatMap(({ name, work }) => (work?.proportional === answer ? [name] : []));
  const [explained, others] = [namesOf(true), namesOf(false)];
  if (explained.length + others.length === 0) return [];
  const proportion = 'in proportion to the counted FLOPs';
  if (explained.length === 0) return [`Beside a constant, time is not ${proportion} for ${namesText(others)}.`];
  const not = others.length === 0 ? '' : `, not for ${namesText(others)}`;
  return [`Beside a constant, time is ${proportion} for ${namesText(explained)}${not}.`];
}
