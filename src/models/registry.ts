/** The models, by name: the one place that knows them all. Loads a model, and TensorFlow.js, when it is asked for. */
import { check } from '../errors.js';
import { nearest } from '../nearest.js';
import { expressionOf, fillLayers, layersIn, prefixesOf } from './hybrid.js';
import type { AnyMixer } from './mixer.js';
import type { ModelShape, Runner, SequenceModel } from './model.js';
import {
  atMost,
  divisorOf,
  type ModelOption,
  type ModelOptions,
  oneOf,
  optionName,
  resolveOptions,
  type ValuesOf,
  whole,
} from './options.js';
import type { TransformerOptions } from './transformer.js';

interface Entry<Options = ModelOptions> {
  readonly name: string;
  /** The name in fixture files and in the PyTorch peer. */
  readonly fixtureName: string;
  readonly options: Options;
  readonly load: () => Promise<(shape: ModelShape, options: ValuesOf<Options>) => AnyMixer>;
  /** Of one that is no mixer in the block of all models. */
  readonly whole?: (shape: ModelShape, options: ValuesOf<Options>, run: Runner) => SequenceModel;
  /** Of the file of a model of one's own. */
  readonly sha256?: string;
}
/** Proves that a model takes the options of its entry. */
const entry = <Options extends ModelOptions>(model: Entry<Options>): Entry => model as unknown as Entry;

/**
 * Tokens in a chunk of prefill of models whose result does not depend on it; models that halve chunks take the next power
 * of two. Fastest of 16 to 128 for LinearTransformer and DeltaNet, measured for head dims of 16 to 128 (docs/compiled.md);
 * for the others, of 16 to 64, fastest or near it. Products within a chunk cost C, those with its state D a token.
 */
const SCAN_CHUNK = whole(1, {
  help: 'tokens in a chunk of prefill, for speed alone',
  effect: 'speed',
  default: { text: 'by head dim', of: ({ hiddenDim, numHeads }) => (hiddenDim / numHeads < 64 ? 32 : 64) },
});

/** Grouped queries. */
const KV_HEADS = whole(1, {
  help: 'heads of keys and values, each for as many heads of queries',
  effect: 'results',
  default: { text: 'num_heads', of: ({ numHeads }) => numHeads },
  fits: ({ numHeads }) => divisorOf(numHeads, 'num_heads'),
});

const REGISTRY: readonly Entry[] = [
  entry({
    name: 'BSBR',
    fixtureName: 'bsbr',
    options: {
      chunk_size: whole(1, { help: 'C, tokens in a chunk', effect: 'results', default: 32 }),
      compression_factor: whole(0, {
        help: 'chunk states are compressed to d / factor; 0 for none',
        effect: 'results',
        default: 2,
        fits: ({ hiddenDim }) => atMost(hiddenDim, 'hidden_dim'),
      }),
      retrieval_norm: oneOf(['none', 'l2'], {
        help: 'norm of what is retrieved: none or l2',
        effect: 'results',
        default: 'none',
      }),
    },
    load: async () => (await import('./mixers/bsbr.js')).bsbrMixer,
  }),
  entry({
    name: 'LinearTransformer',
    fixtureName: 'linear',
    options: { scan_chunk: SCAN_CHUNK },
    load: async () => (await import('./mixers/linear_transformer.js')).linearMixer,
  }),
  entry({
    name: 'DeltaNet',
    fixtureName: 'deltanet',
    options: { scan_chunk: SCAN_CHUNK },
    load: async () => (await import('./mixers/delta_net.js')).deltaMixer,
  }),
  entry({
    name: 'Softmax',
    fixtureName: 'softmax',
    options: { kv_heads: KV_HEADS },
    load: async () => (await import('./mixers/softmax.js')).softmaxMixer,
  }),
  entry({
    name: 'SlidingWindow',
    fixtureName: 'window',
    options: {
      window_size: whole(1, { help: 'w, tokens that a token sees, itself included', effect: 'results', default: 64 }),
      kv_heads: KV_HEADS,
    },
    load: async () => (await import('./mixers/sliding_window.js')).windowMixer,
  }),
  entry({
    name: 'RetNet',
    fixtureName: 'retnet',
    options: { scan_chunk: SCAN_CHUNK },
    load: async () => (await import('./mixers/retnet.js')).retnetMixer,
  }),
  entry({
    name: 'GLA',
    fixtureName: 'gla',
    options: {
      scan_chunk: SCAN_CHUNK,
      gate_rank: whole(1, { help: 'r, rank of the map to the decays', effect: 'results', default: 16 }),
    },
    load: async () => (await import('./mixers/gla.js')).glaMixer,
  }),
  entry({
    name: 'Mamba2',
    fixtureName: 'mamba2',
    options: {
      scan_chunk: SCAN_CHUNK,
      state_size: whole(1, { help: 's, width of keys and queries', effect: 'results', default: 64 }),
    },
    load: async () => (await import('./mixers/mamba2.js')).mamba2Mixer,
  }),
  entry({
    name: 'GatedDeltaNet',
    fixtureName: 'gated_deltanet',
    options: { scan_chunk: SCAN_CHUNK },
    load: async () => (await import('./mixers/gated_delta_net.js')).gatedDeltaMixer,
  }),
  entry({
    name: 'KDA',
    fixtureName: 'kda',
    options: { scan_chunk: SCAN_CHUNK },
    load: async () => (await import('./mixers/kda.js')).kdaMixer,
  }),
];

/** Models of one's own. */
const added: Entry[] = [];

/** @throws UserError when there is one of that name */
export function addModel(model: Entry): void {
  check(!namesOfAll().includes(model.name), `${model.name}: must be the name of one model, got it again`);
  added.push(model);
}

const namesOfAll = (): string[] => [...MODEL_NAMES, ...added.map(({ name }) => name)];

/** Those of attnscale. */
export const MODEL_NAMES: readonly string[] = REGISTRY.map(({ name }) => name);

/** An option, and the models that have it: all by that name share one definition. */
export interface SharedOption {
  readonly name: string;
  readonly option: ModelOption;
  readonly models: readonly string[];
}

/** The options of all models, each once. */
export const MODEL_OPTIONS: readonly SharedOption[] = sharedOptions();

function sharedOptions(): SharedOption[] {
  const shared = new Map<string, SharedOption>();
  for (const { name: model, options } of REGISTRY) {
    for (const [name, option] of Object.entries(options)) {
      shared.set(name, { name, option, models: [...(shared.get(name)?.models ?? []), model] });
    }
  }
  return [...shared.values()];
}

/** Whether an option changes what its models compute: else it changes their speed alone. */
export const changesResults = (name: string): boolean =>
  MODEL_OPTIONS.find((option) => option.name === optionName(name))?.option.effect !== 'speed';

/** The registered name that is `name` but for case. @param where it was read; @throws UserError with the nearest one */
export function findModelName(name: string, where: string): string {
  const wanted = name.toLowerCase();
  const all = namesOfAll();
  const found = all.find((known) => known.toLowerCase() === wanted);
  check(
    found !== undefined,
    `${where}: no model is called ${name}; did you mean ${nearest(name, all)}? (${all.join(', ')})`,
  );
  return found;
}

/** The options that a model has; of a hybrid those of all its kinds, each after its kind. @throws UserError when there is none of that name */
export function modelOptions(name: string): ModelOptions {
  const kinds = kindsOf(name).map(({ entry: { options }, prefix }) => prefixed(options, prefix));
  return Object.assign({}, ...kinds);
}

/** Of values by name, those of options that a model has; in a hybrid they hold for all kinds that have them. */
export function ownOptions(name: string, values: object): Readonly<Record<string, unknown>> {
  const given = new Map<string, unknown>(Object.entries(values));
  const own = Object.keys(modelOptions(name)).filter((option) => given.has(optionName(option)));
  return Object.fromEntries(own.map((option) => [option, given.get(optionName(option))]));
}

/** Whether a model is no mixer in the block of all models. */
export const isWhole = (name: string): boolean => entryOf(name).whole !== undefined;

/** Of a model made of files of one's own, their hashes by the names of their models. */
export function fileHashesOf(name: string): Readonly<Record<string, string>> {
  const hashes = kindsOf(name).flatMap(({ entry: { name: own, sha256 } }) => (sha256 ? [[own, sha256] as const] : []));
  return Object.fromEntries(hashes);
}

/** The name that fixture files and the PyTorch peer give to a registered model. @throws UserError when there is none of it */
export const fixtureNameOf = (name: string): string => entryOf(name).fixtureName;

/**
 * The mixer of a model alone.
 * @param given its options that are not the defaults
 * @throws UserError when there is no model of that name, no option, or not with that value or shape
 */
export async function createMixer(
  name: string,
  shape: ModelShape,
  given: Readonly<Record<string, unknown>> = {},
): Promise<AnyMixer> {
  const { options, load } = entryOf(name);
  checkShape(shape);
  const all = resolveOptions(options, given, shape, (option) => option);
  const mixerOf = await load();
  return mixerOf(shape, all);
}

/** @param name a registered name, a fixture's or a hybrid of some; @throws UserError as `createMixer` */
export async function createModel(
  name: string,
  shape: ModelShape,
  given: Readonly<Record<string, unknown>> = {},
  options?: TransformerOptions,
): Promise<SequenceModel> {
  const kinds = kindsOf(name);
  const all = resolveOptions(modelOptions(name), given, shape, (option) => option);
  const { createTransformer, eager } = await import('./transformer.js');
  const [first, ...others] = kinds as [Kind, ...Kind[]];
  if (first.entry.whole && others.length === 0) return first.entry.whole(shape, all, options?.run ?? eager);
  const layers = kinds.map(async ({ count, entry, prefix }) => {
    const own = Object.keys(entry.options).map((option) => [option, all[prefix + option]] as const);
    return { count, of: await createMixer(entry.name, shape, Object.fromEntries(own)) };
  });
  const mixers = fillLayers(await Promise.all(layers), shape.numLayers, `model: ${name}`, 'num_layers');
  const title = expressionOf(kinds.map(({ count, entry }) => ({ count, of: entry.name })));
  return createTransformer(title, shape, mixers, options);
}

/** Layers of one kind, and what their options have before their names. */
type Kind = { readonly count: number; readonly entry: Entry; readonly prefix: string };

function kindsOf(name: string): Kind[] {
  const layers = layersIn(name, 'model');
  const entries = layers.map(({ of }) => entryOf(of.trim()));
  const prefixes = prefixesOf(entries.map((entry) => entry.name));
  return layers.map(({ count }, i) => ({ count, entry: entries[i] as Entry, prefix: prefixes[i] as string }));
}

const prefixed = (options: ModelOptions, prefix: string): ModelOptions =>
  Object.fromEntries(Object.entries(options).map(([name, option]) => [prefix + name, option]));

function entryOf(name: string): Entry {
  const all = [...REGISTRY, ...added];
  const byFixture = all.find((entry) => entry.fixtureName === name);
  return byFixture ?? (all.find((entry) => entry.name === findModelName(name, 'model')) as Entry);
}

/** @param nameOf how the caller calls a size; @throws UserError when sizes do not go together */
export function checkShape({ hiddenDim, numHeads }: ModelShape, nameOf = (size: string): string => size): void {
  const heads = `${nameOf('num_heads')} (${numHeads})`;
  check(hiddenDim % numHeads === 0, `${nameOf('hidden_dim')}: must be divisible by ${heads}, got ${hiddenDim}`);
}
