/** What memory models take, and what of that is counted and what measured. */
import { bytesText, integerText } from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import { max } from '../../statistics.js';
import type { Analysis, ModelAnalysis } from '../analysis.js';
import type { MemoryBytes } from '../measurements.js';
import { type Quantity, spreadText } from './spread.js';

/** At the largest length that most models share. None of files that do not record it. */
export function memoryTexts({ models, rankings, measurements }: Analysis): string[] {
  const n = rankings.at(-1)?.n ?? 0;
  const of = (kind: keyof MemoryBytes): Quantity[] =>
    models.flatMap(({ name, points }) => {
      const value = points.find((point) => point.n === n)?.memory[kind] ?? null;
      return value === null ? [] : [{ name, value, text: bytesText(value) }];
    });
  const [states, activations, parameters, rss] = [of('state'), of('peakActivation'), of('parameters'), of('peakRss')];
  if (measurements.kind === 'original') return ['This file has that of parameters and token ids alone.'];
  return [
    ...(states.length === 0
      ? []
      : [
          `At n = ${integerText(n)} the state carried to the next token is ${spreadText(states)}${growthText(models)}.`,
        ]),
    ...(activations.length === 0
      ? []
      : [`What a call holds beside parameters and arguments peaks at ${spreadText(activations)}.`]),
    ...(parameters.length === 0 ? [] : [`Parameters take ${spreadText(parameters)}.`]),
    ...(rss.length === 0
      ? []
      : [`All this is counted. Measured: the largest process took ${bytesText(max(rss.map(({ value }) => value)))}.`]),
  ];
}

/** Whose state grows along its lengths, and how much. */
function growthText(models: readonly ModelAnalysis[]): string {
  const several = models.filter(({ points }) => points.length > 1);
  const growing = several.flatMap(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    const [least, most] = [first?.memory.state ?? 0, last?.memory.state ?? 0];
    if (first === undefined || last === undefined || most <= least) return [];
    return [
      `${name} (${integerText(Number((most / least).toPrecision(2)))} times from n = ${integerText(first.n)} to ${integerText(last.n)})`,
    ];
  });
  if (several.length === 0) return '';
  if (growing.length === 0) return ', the same at every n';
  return `; it grows with n for ${namesText(growing)}${growing.length < several.length ? ' alone' : ''}`;
}
