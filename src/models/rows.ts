/** Models as a person asks for them: by name, or by expressions such as `BSBR(chunk_size=64)`, each a row of results. */
import { check } from '../errors.js';
import type { ModelShape } from './model.js';
import {
  checkOptionName,
  type ModelOption,
  type ModelOptions,
  type OptionValues,
  parseOption,
  resolveOptions,
  shown,
} from './options.js';
import { findModelName, modelOptions, ownOptions } from './registry.js';

/** A model as a row of results: under its own name, or that of an expression such as `BSBR(chunk_size=64)`. */
export interface ModelRow {
  readonly name: string;
  readonly model: string;
  /** All that the model has, by name. */
  readonly options: OptionValues;
}

/**
 * The row that an expression asks for.
 * @param given options of any models that hold where the expression does not say another
 * @param where the expression was read; @param whereGiven an option of those given was read
 * @throws UserError for no expression, no model, no option of it, or a value that is not right for it
 */
export function parseRow(
  expression: string,
  given: OptionValues,
  shape: ModelShape,
  where: string,
  whereGiven: (option: string) => string,
): ModelRow {
  const [, name = '', , list = ''] = /^\s*([^()\s]+)\s*(\(([^()]*)\))?\s*$/.exec(expression) ?? [];
  check(name !== '', `${where}: must be MODEL or MODEL(option=value,…), got ${shown(expression)}`);
  const model = findModelName(name, where);
  const options = modelOptions(model);
  const own = parseList(list, options, `${where}: ${model}`);
  const all = resolveOptions(options, { ...ownOptions(model, given), ...own }, shape, (option) =>
    Object.hasOwn(own, option) ? `${where}: ${model}: ${option}` : whereGiven(option),
  );
  const said = Object.keys(options).filter((option) => Object.hasOwn(own, option));
  const suffix = said.map((option) => `${option}=${all[option]}`).join(',');
  return { name: suffix === '' ? model : `${model}(${suffix})`, model, options: all };
}

/** @param list `option=value,…`, or nothing */
function parseList(list: string, options: ModelOptions, where: string): OptionValues {
  const values = new Map<string, OptionValues[string]>();
  for (const part of list.trim() === '' ? [] : list.split(',')) {
    const [, word = '', text = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    check(word !== '', `${where}: must be option=value, got ${shown(part)}`);
    const name = word.replaceAll('-', '_');
    checkOptionName(name, options, where);
    check(!values.has(name), `${where}: ${name}: must be given once, got it again`);
    values.set(name, parseOption(options[name] as ModelOption, text, `${where}: ${name}`));
  }
  return Object.fromEntries(values);
}

/** Expressions between commas, but for those in parentheses. */
export const splitExpressions = (words: readonly string[]): string[] =>
  words.flatMap((word) => word.split(/,(?![^(]*\))/));
