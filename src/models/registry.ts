/** The models, by name: the one place that knows them all. Loads a model, and TensorFlow.js, when it is asked for. */
import { check } from '../errors.js';
import { nearest } from '../nearest.js';
import type { AnyMixer } from './mixer.js';
import { type ModelConfig, type SequenceModel, scanChunkOf } from './model.js';
import type { TransformerOptions } from './transformer.js';

interface Entry {
  readonly name: string;
  /** The name in fixture files and in the PyTorch peer. */
  readonly fixtureName: string;
  readonly load: () => Promise<(config: ModelConfig) => AnyMixer>;
}

const REGISTRY: readonly Entry[] = [
  { name: 'BSBR', fixtureName: 'bsbr', load: async () => (await import('./bsbr.js')).bsbrMixer },
  {
    name: 'LinearTransformer',
    fixtureName: 'linear',
    load: async () => (await import('./linear_transformer.js')).linearMixer,
  },
  { name: 'DeltaNet', fixtureName: 'deltanet', load: async () => (await import('./delta_net.js')).deltaMixer },
  { name: 'Softmax', fixtureName: 'softmax', load: async () => (await import('./softmax.js')).softmaxMixer },
];

export const MODEL_NAMES: readonly string[] = REGISTRY.map(({ name }) => name);

/** The registered name that is `name` but for case. @throws UserError with the nearest one */
export function findModelName(name: string): string {
  const wanted = name.toLowerCase();
  const found = MODEL_NAMES.find((known) => known.toLowerCase() === wanted);
  check(
    found !== undefined,
    `--models: no model is called ${name}; did you mean ${nearest(name, MODEL_NAMES)}? (${MODEL_NAMES.join(', ')})`,
  );
  return found;
}

/** The name that fixture files and the PyTorch peer give to a registered model. @throws UserError when there is none of it */
export const fixtureNameOf = (name: string): string => entryOf(name).fixtureName;

/** The mixer of a model alone. @throws UserError when there is none of that name */
export async function createMixer(name: string, config: ModelConfig): Promise<AnyMixer> {
  checkModelConfig(config);
  const mixerOf = await entryOf(name).load();
  return mixerOf(config);
}

/** @param name a registered name or a fixture's; @throws UserError when there is none of it */
export async function createModel(
  name: string,
  config: ModelConfig,
  options?: TransformerOptions,
): Promise<SequenceModel> {
  const [{ createTransformer }, mixer] = await Promise.all([import('./transformer.js'), createMixer(name, config)]);
  const mixers = Array.from({ length: config.numLayers }, () => mixer);
  return createTransformer(entryOf(name).name, config, mixers, options);
}

function entryOf(name: string): Entry {
  const byFixture = REGISTRY.find((entry) => entry.fixtureName === name);
  return byFixture ?? (REGISTRY.find((entry) => entry.name === findModelName(name)) as Entry);
}

/** Every option of a model, by the name of its flag. */
export function optionsOf(name: string, config: ModelConfig): Record<string, string | number> {
  const { chunkSize: chunk_size, compressionFactor: compression_factor, retrievalNorm: retrieval_norm } = config;
  const scanned = { scan_chunk: scanChunkOf(config) };
  const all: Record<string, Record<string, string | number>> = {
    BSBR: { chunk_size, compression_factor, retrieval_norm },
    LinearTransformer: scanned,
    DeltaNet: scanned,
  };
  return all[name] ?? {};
}

/** @throws UserError naming the flag and the value */
export function checkModelConfig({ hiddenDim, numHeads, compressionFactor }: ModelConfig): void {
  check(hiddenDim % numHeads === 0, `--hidden_dim: must be divisible by --num_heads (${numHeads}), got ${hiddenDim}`);
  check(
    compressionFactor === 0 || compressionFactor <= hiddenDim,
    `--compression_factor: must be at most --hidden_dim (${hiddenDim}), got ${compressionFactor}`,
  );
}
