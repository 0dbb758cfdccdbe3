/** The models, by name: the one place that knows them all. Loads a model, and TensorFlow.js, when it is asked for. */
import { closest } from 'fastest-levenshtein';
import { check } from '../errors.js';
import type { Tree } from '../tree.js';
import type { LayerState, Mixer, ModelConfig, SequenceModel } from './model.js';
import type { TransformerOptions } from './transformer.js';

interface Entry {
  readonly name: string;
  /** The name in fixture files and in the PyTorch peer. */
  readonly fixtureName: string;
  readonly create: (config: ModelConfig, options?: TransformerOptions) => Promise<SequenceModel>;
}

const REGISTRY: readonly Entry[] = [
  transformer('BSBR', 'bsbr', async () => (await import('./bsbr.js')).bsbrMixer),
  transformer('LinearTransformer', 'linear', async () => (await import('./linear_transformer.js')).linearMixer),
  transformer('DeltaNet', 'deltanet', async () => (await import('./delta_net.js')).deltaMixer),
  transformer('Softmax', 'softmax', async () => (await import('./softmax.js')).softmaxMixer),
];

export const MODEL_NAMES: readonly string[] = REGISTRY.map(({ name }) => name);

/** The registered name that is `name` but for case. @throws UserError with the nearest one */
export function findModelName(name: string): string {
  const wanted = name.toLowerCase();
  const found = MODEL_NAMES.find((known) => known.toLowerCase() === wanted);
  const nearest = MODEL_NAMES.find((known) => known.toLowerCase().startsWith(wanted)) ?? closest(name, MODEL_NAMES);
  check(
    found !== undefined,
    `--models: no model is called ${name}; did you mean ${nearest}? (${MODEL_NAMES.join(', ')})`,
  );
  return found;
}

/** The name that fixture files and the PyTorch peer give to a registered model. @throws UserError when there is none of it */
export function fixtureNameOf(name: string): string {
  const registered = findModelName(name);
  return (REGISTRY.find((entry) => entry.name === registered) as Entry).fixtureName;
}

/** @param name a registered name or a fixture's; @throws UserError when there is none of it */
export async function createModel(
  name: string,
  config: ModelConfig,
  options?: TransformerOptions,
): Promise<SequenceModel> {
  const byFixture = REGISTRY.find((entry) => entry.fixtureName === name);
  const entry = byFixture ?? REGISTRY.find((known) => known.name === findModelName(name));
  return (entry as Entry).create(config, options);
}

function transformer<P extends Tree, S extends LayerState>(
  name: string,
  fixtureName: string,
  loadMixer: () => Promise<(config: ModelConfig) => Mixer<P, S>>,
): Entry {
  return {
    name,
    fixtureName,
    async create(config, options) {
      checkModelConfig(config);
      const [{ createTransformer }, mixerOf] = await Promise.all([import('./transformer.js'), loadMixer()]);
      return createTransformer(name, config, mixerOf(config), options);
    },
  };
}

/** @throws UserError naming the flag and the value */
export function checkModelConfig({ hiddenDim, numHeads, compressionFactor }: ModelConfig): void {
  check(hiddenDim % numHeads === 0, `--hidden_dim: must be divisible by --num_heads (${numHeads}), got ${hiddenDim}`);
  check(
    compressionFactor === 0 || compressionFactor <= hiddenDim,
    `--compression_factor: must be at most --hidden_dim (${hiddenDim}), got ${compressionFactor}`,
  );
}
