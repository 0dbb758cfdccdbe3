/** Which models share a panel: files side by side, and of many rows engines too, have panels of their own. */
import { group } from 'd3-array';
import type { ModelAnalysis } from '../analysis.js';

/** More rows than these in one panel are hard to follow. */
export const CROWDED = 7;

/** The models of one panel, named as in the key. */
export interface Group {
  /** Empty where there is no other group. */
  readonly title: string;
  readonly models: readonly (ModelAnalysis & { /** What tables call it. */ readonly row: string })[];
}

/** By file, and by engine where one panel would be crowded; else one group with all models. */
export function groupsOf(models: readonly ModelAnalysis[]): Group[] {
  const crowded = [...group(models, ({ file }) => file).values()].some((own) => own.length > CROWDED);
  const byEngine = crowded && new Set(models.map(({ engine }) => engine)).size > 1;
  const titleOf = ({ file, engine }: ModelAnalysis): string =>
    [file, byEngine ? engine : ''].filter((part) => part !== '').join(' · ');
  const nameOf = ({ name, file, model }: ModelAnalysis): string => {
    if (byEngine) return model;
    return file === '' ? name : name.slice(0, -` · ${file}`.length);
  };
  return [...group(models, titleOf)].map(([title, own]) => ({
    title,
    models: own.map((one) => ({ ...one, row: one.name, name: nameOf(one) })),
  }));
}

/** Every name of a key once, in the order of the models. */
export function namesOf(groups: readonly Group[]): string[] {
  return [...new Set(groups.flatMap(({ models }) => models.map(({ name }) => name)))];
}

/** A panel's place: what is drawn in it, and with what it shares its axes and its colours. */
export interface Frame {
  readonly group: Group;
  /** Of all panels. */
  readonly models: readonly ModelAnalysis[];
  /** Of the key. */
  readonly names: readonly string[];
  readonly width: number | 'container';
  readonly height: number;
}
