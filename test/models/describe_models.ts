/** All laws on one backend: a process holds one backend well, so each has a test file of its own; so has each mode, to run side by side. */
import { describe, expect, test } from 'vitest';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { checkParity, PARITY_TOLERANCE, splits } from '../../src/bench/measure/parity.js';
import { messageOf } from '../../src/errors.js';
import type { Runner } from '../../src/models/model.js';
import { createModel, MODEL_NAMES, ownOptions } from '../../src/models/registry.js';
import { randomWeights } from '../../src/models/weights.js';
import { relativeError } from '../../src/statistics.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { GOLDEN_FILES, goldenBytes } from '../support/golden_files.js';
import { modelOf, randomIds, SMALL } from '../support/session.js';
import { CHUNK_LAWS, KINDRED_CHUNK_LAWS } from './chunk_laws.js';
import { DECAY_LAWS, STRONG_DECAYS } from './decay_laws.js';
import { DELTA_LAWS } from './delta_laws.js';
import { FORGETTING_LAWS, STRONG_CHUNKS, STRONG_MODELS } from './forgetting_laws.js';
import { HYBRID_LAWS } from './hybrid_laws.js';
import { MIXER_LAWS } from './mixer_laws.js';
import { LAWS, type Law } from './model_laws.js';

/** How models are run; what it holds beside its results can be freed. */
interface Mode {
  readonly run?: Runner;
  /** Whether a graph takes a second to build: not every law is then tried on models made of the same parts. */
  readonly isSlow?: boolean;
  dispose(): void;
}
/** A new mode is one entry. */
export type ModesByName = Readonly<Record<string, Mode>>;
export const EAGER: Mode = { dispose: () => undefined };

/** Where the backend cannot be loaded its tests are reported as skipped, with the reason. */
export async function describeModels(backend: tf.BackendName, modes: ModesByName): Promise<void> {
  const missing = await tf.initBackend(backend).then(() => null, messageOf);
  if (missing !== null) console.warn(`skipped: ${missing}`);
  describe.skipIf(missing !== null)(missing === null ? backend : `${backend} (${missing})`, () => {
    for (const [name, mode] of Object.entries(modes)) describe(name, () => describeMode(mode));
  });
}

function describeMode(mode: Mode): void {
  if (mode === EAGER) {
    describeLaws('mixers', mode, MIXER_LAWS);
    describeLaws('delta rule', mode, DELTA_LAWS);
    describeLaws('forgetting', mode, FORGETTING_LAWS);
  }
  describeLaws('decays', mode, mode === EAGER ? DECAY_LAWS : STRONG_DECAYS, mode);
  describeLaws('strong decays', mode, mode.isSlow ? STRONG_CHUNKS : STRONG_MODELS, mode);
  for (const name of [...MODEL_NAMES, HYBRID]) {
    const usual = { ...SMALL, numLayers: name === HYBRID ? 4 : SMALL.numLayers };
    const create = (config = {}, options = {}) => modelOf(name, { ...usual, ...config }, { ...mode, ...options });
    describeLaws(name, mode, lawsOf(name, mode), { name, config: usual, create });
  }
  describeLaws('hybrid', mode, HYBRID_LAWS, mode);
  if (mode !== EAGER) test.each(LONG)('%s: prefill of %i tokens and decode equal the eager ones', equalsEager(mode));
  const chunkLaws = mode.isSlow ? CHUNK_LAWS : { ...CHUNK_LAWS, ...KINDRED_CHUNK_LAWS };
  describeLaws('chunks', mode, chunkLaws, (name, config) => modelOf(name, config, mode));
  test.each(GOLDEN_FILES)('%s passes on both paths', async (file) => {
    const fixture = parseFixture(goldenBytes(file), file);
    const { model, shape, options, tokens } = fixture;
    const created = await createModel(model, shape, ownOptions(model, options), mode);
    // Steps from the first token on come by every position; each prefix would be a graph.
    const prefixes = mode === EAGER ? undefined : [...splits(tokens, created.period), tokens];
    const { prefill, steps } = await checkParity(created, fixture, prefixes);
    expect(prefill.ratio).toBeLessThan(PARITY_TOLERANCE);
    expect(steps.ratio).toBeLessThan(PARITY_TOLERANCE);
  });
}

/** Layers as in Qwen3-Next. */
const HYBRID = '3*GatedDeltaNet+Softmax';
/**
 * Models of the same parts as others: a graph of theirs holds nothing that those of the others, and the rules under strong
 * decays, do not. To compile one for each law would take minutes.
 */
const KINDRED = ['RetNet', 'GLA', 'Mamba2', 'GatedDeltaNet', 'KDA', HYBRID];
/** Laws that are tried on such all the same, by graphs that take longer the first alone. */
const FEW = [
  'decode is steps that feed back the arg max',
  'decode equals prefill of the longer prompt, wherever it starts',
  'prefill equals the float64 oracle at lengths around a chunk',
  'with a fixed room, prefill and steps are those of the model',
];

function lawsOf(name: string, mode: Mode): typeof LAWS {
  const isFew = mode !== EAGER && (mode.isSlow ? KINDRED : [HYBRID]).includes(name);
  const few = mode.isSlow ? FEW.slice(0, 1) : FEW;
  return isFew ? Object.fromEntries(few.map((law) => [law, LAWS[law] as Law])) : LAWS;
}

/** Long enough to be compiled thoroughly, in either way, and over a segment's end for some models. */
const LONG = MODEL_NAMES.flatMap((name) => [[name, 300] as const, [name, 1100] as const]);
/** The benchmark's shape: rounding differs by 2e-7 to 8e-7 here, and by up to 1.1e-6 at a width of 16. */
const WIDE = { ...SMALL, vocabSize: 1000, hiddenDim: 128, numHeads: 4, ffDim: 512, chunk_size: 32, scan_chunk: 32 };
const MODE_TOLERANCE = 1e-6;

const equalsEager = (mode: Mode) => async (name: string, length: number) => {
  const outputs: Record<string, number[]>[] = [];
  for (const options of [EAGER, mode]) {
    const model = await modelOf(name, WIDE, options);
    const params = model.init(randomWeights(1));
    const tokens = tf.tensor2d(randomIds(1, length, WIDE.vocabSize).flat(), [1, length], 'int32');
    const { logits, state } = model.prefill(params, tokens);
    const token = tf.tensor1d([3], 'int32');
    const decoded = model.decode(params, state, token, 70);
    outputs.push({ logits: [...logits.dataSync()], decoded: [...decoded.tokens.dataSync()] });
    disposeTree([params, tokens, logits, state, token, decoded.tokens, decoded.state]);
  }
  mode.dispose();
  const [eager, other] = outputs;
  expect(other?.decoded).toEqual(eager?.decoded);
  expect(relativeError(other?.logits ?? [], eager?.logits ?? [])).toBeLessThanOrEqual(MODE_TOLERANCE);
};

type Laws<A extends unknown[]> = Readonly<Record<string, (...args: A) => void | Promise<void>>>;

/** A test a law; none may leave a tensor behind, when the mode's graphs are gone. */
function describeLaws<A extends unknown[]>(title: string, mode: Mode, laws: Laws<A>, ...args: A): void {
  describe(title, () => {
    test.each(Object.entries(laws))('%s', async (_, law) => {
      const { numTensors, numDataBuffers } = tf.memory();
      await law(...args);
      mode.dispose();
      expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    });
  });
}
