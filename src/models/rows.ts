/**
 * Models as a person asks for them: by name, or by expressions such as `BSBR(chunk_size=64)` or `3*DeltaNet+Softmax`, each
 * a row of results.
 */
import { check } from '../errors.js';
import { expressionOf, fillLayers, layersIn, prefixesOf } from './hybrid.js';
import type { ModelShape } from './model.js';
import {
  checkOptionName,
  type ModelOption,
  type ModelOptions,
  type OptionValue,
  type OptionValues,
  optionName,
  parseOption,
  resolveOptions,
  shown,
} from './options.js';
import { fileHashesOf, findModelName, modelOptions, ownOptions } from './registry.js';

/** A model as a row of results: under its own name, or that of an expression such as `BSBR(chunk_size=64)`. */
export interface ModelRow {
  readonly name: string;
  /** A registered one, or a hybrid of some. */
  readonly model: string;
  /** All that the model has, by name. */
  readonly options: OptionValues;
  /** Hashes of the files of one's own that it is made of, by the names of their models; absent without any. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * The row that an expression asks for.
 * @param given options of any models that hold where the expression does not say another
 * @param where the expression was read; @param whereGiven an option or a size of those given was read
 * @throws UserError for no expression, no model, no option of it, a value that is not right for it, or layers that do not
 * divide those that there are
 */
export function parseRow(
  expression: string,
  given: OptionValues,
  shape: ModelShape,
  where: string,
  whereGiven: (option: string) => string,
): ModelRow {
  const layers = layersIn(expression, where).map(({ count, of }) => ({ count, ...parseModel(of, where) }));
  const model = expressionOf(layers.map(({ count, model: of }) => ({ count, of })));
  const prefixes = prefixesOf(layers.map((each) => each.model));
  const own = layers.flatMap(({ own }, i) => own.map(([name, value]) => [`${prefixes[i]}${name}`, value] as const));
  const said = Object.fromEntries(own);
  const all = resolveOptions(modelOptions(model), { ...ownOptions(model, given), ...said }, shape, (option) =>
    Object.hasOwn(said, option) ? `${where}: ${model}: ${option}` : whereGiven(optionName(option)),
  );
  const name = expressionOf(layers.map(({ count, name: of }) => ({ count, of })));
  fillLayers(
    layers.map(({ count }) => ({ count, of: null })),
    shape.numLayers,
    `${where}: ${name}`,
    whereGiven('num_layers'),
  );
  const files = fileHashesOf(model);
  return { name, model, options: all, ...(Object.keys(files).length > 0 && { files }) };
}

/** A registered model, the options that its expression says, and the name of a row of it. */
function parseModel(expression: string, where: string) {
  const [, word = '', , list = ''] = /^\s*([^()\s]+)\s*(\(([^()]*)\))?\s*$/.exec(expression) ?? [];
  check(word !== '', `${where}: must be MODEL or MODEL(option=value,…), got ${shown(expression)}`);
  const model = findModelName(word, where);
  const options = modelOptions(model);
  const values = parseList(list, options, `${where}: ${model}`);
  const own = Object.keys(options).flatMap((name) => {
    const value = values.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const said = own.map(([name, value]) => `${name}=${value}`).join(',');
  return { model, own, name: said === '' ? model : `${model}(${said})` };
}

/** @param list `option=value,…`, or nothing */
function parseList(list: string, options: ModelOptions, where: string): ReadonlyMap<string, OptionValue> {
  const values = new Map<string, OptionValue>();
  for (const part of list.trim() === '' ? [] : list.split(',')) {
    const [, word = '', text = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    check(word !== '', `${where}: must be option=value, got ${shown(part)}`);
    const name = word.replaceAll('-', '_');
    checkOptionName(name, options, where);
    check(!values.has(name), `${where}: ${name}: must be given once, got it again`);
    values.set(name, parseOption(options[name] as ModelOption, text, `${where}: ${name}`));
  }
  return values;
}

/** Expressions between commas, but for those in parentheses. */
export const splitExpressions = (words: readonly string[]): string[] =>
  words.flatMap((word) => word.split(/,(?![^(]*\))/));
