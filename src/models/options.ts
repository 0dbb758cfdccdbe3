/**
 * What can be chosen of a model beside its shape: an entry of the registry says each with its help, its default and what it
 * changes. Flags, `--help`, expressions such as `BSBR(chunk_size=64)` and what a run writes down derive from it. Without
 * zod, so that `--help` and bad flags answer at once.
 */
import { check } from '../errors.js';
import { nearest } from '../nearest.js';
import type { ModelShape } from './model.js';

export type OptionValue = string | number;
export type OptionValues = Readonly<Record<string, OptionValue>>;

export interface ModelOption<V extends OptionValue = OptionValue> {
  readonly help: string;
  /** Whether it changes what the model computes, or how fast alone. */
  readonly effect: 'results' | 'speed';
  /** The value when none is given, or how the shape chooses it and how a person is told. */
  readonly default: V | { readonly text: string; of(shape: ModelShape): V };
  /** What a value is called in a help: a number or a word. */
  readonly placeholder: 'n' | 'word';
  /** What values must be. */
  readonly rule: string;
  /** Whether a value keeps the rule. */
  accepts(value: unknown): value is V;
  /** Of some numbers, which go with a shape. */
  readonly fits?: (shape: ModelShape) => Fit;
}

/** What numbers must be beside a shape. */
export interface Fit {
  readonly rule: string;
  accepts(value: number): boolean;
}

/** @param name of the size in the shape */
export const atMost = (most: number, name: string): Fit => ({
  rule: `at most ${name} (${most})`,
  accepts: (value) => value <= most,
});

export const divisorOf = (size: number, name: string): Fit => ({
  rule: `a divisor of ${name} (${size})`,
  accepts: (value) => size % value === 0,
});

export type ModelOptions = Readonly<Record<string, ModelOption>>;
/** The values of some options. */
export type ValuesOf<Options> = {
  readonly [Name in keyof Options]: Options[Name] extends ModelOption<infer V> ? V : never;
};

type Chosen<V extends OptionValue> = Pick<ModelOption<V>, 'help' | 'effect' | 'default' | 'fits'>;

/** A whole number of at least `min`. */
export const whole = (min: number, chosen: Chosen<number>): ModelOption<number> => ({
  ...chosen,
  placeholder: 'n',
  rule: `a whole number of at least ${min}`,
  accepts: (value): value is number => Number.isSafeInteger(value) && (value as number) >= min,
});

/** One of some words. */
export const oneOf = <const Word extends string>(
  words: readonly Word[],
  chosen: Chosen<NoInfer<Word>>,
): ModelOption<Word> => ({
  ...chosen,
  placeholder: 'word',
  rule: `one of ${words.join(', ')}`,
  accepts: (value): value is Word => words.some((word) => word === value),
});

/** @param where the text was read; @throws UserError when the option does not take it */
export function parseOption(option: ModelOption, text: string, where: string): OptionValue {
  const isNumber = option.placeholder === 'n' && /^\s*[+-]?\d+\s*$/.test(text);
  return checked(option, isNumber ? Number(text) : text, where);
}

/**
 * All options of a model: those that are given, the others by their defaults.
 * @param where an option was read
 * @throws UserError when it has no option of a name, or a value is not right for it, or not for the shape
 */
export function resolveOptions(
  options: ModelOptions,
  given: Readonly<Record<string, unknown>>,
  shape: ModelShape,
  where: (name: string) => string,
): OptionValues {
  for (const name of Object.keys(given)) checkOptionName(name, options, where(name));
  const values = Object.entries(options).map(([name, option]) => {
    const value = checked(option, given[name] ?? defaultOf(option, shape), where(name));
    const fit = option.fits?.(shape);
    check(fit?.accepts(Number(value)) ?? true, `${where(name)}: must be ${fit?.rule}, got ${value}`);
    return [name, value] as const;
  });
  return Object.fromEntries(values);
}

/** @throws UserError with the nearest one when a model has no option of that name */
export function checkOptionName(name: string, options: ModelOptions, where: string): void {
  const known = Object.keys(options);
  if (known.includes(name)) return;
  check(known.length > 0, `${where}: the model has no options, got ${name}`);
  const meant = `did you mean ${nearest(name, known)}? (${known.join(', ')})`;
  check(false, `${where}: the model has no option ${name}; ${meant}`);
}

/** The name of an option of a hybrid without the model it is of. */
export const optionName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

export const defaultText = ({ default: value }: ModelOption): string =>
  typeof value === 'object' ? value.text : String(value);

export const defaultOf = ({ default: value }: ModelOption, shape: ModelShape): OptionValue =>
  typeof value === 'object' ? value.of(shape) : value;

/** So that an empty value can be seen. */
export const shown = (value: unknown): string => (String(value).trim() === '' ? `'${value}'` : String(value));

function checked(option: ModelOption, value: unknown, where: string): OptionValue {
  check(option.accepts(value), `${where}: must be ${option.rule}, got ${shown(value)}`);
  return value;
}
