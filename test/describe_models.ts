/** All laws on one backend: a process holds one backend well, so each has a test file of its own. */
import { describe, expect, test } from 'vitest';
import { checkParity, PARITY_TOLERANCE } from '../src/bench/parity.js';
import { messageOf } from '../src/errors.js';
import { parseFixture } from '../src/models/fixture.js';
import type { Runner } from '../src/models/model.js';
import { createModel, MODEL_NAMES } from '../src/models/registry.js';
import * as tf from '../src/tf.js';
import { CHUNK_LAWS } from './chunk_laws.js';
import { DELTA_LAWS } from './delta_laws.js';
import { GOLDEN_FILES, goldenBytes } from './golden_files.js';
import { MIXER_LAWS } from './mixer_laws.js';
import { LAWS } from './model_laws.js';
import { SMALL } from './session.js';

/** How models are run, by mode. A new mode is one entry. */
export type Modes = Readonly<Record<string, Runner | undefined>>;

/** Where the backend cannot be loaded its tests are reported as skipped, with the reason. */
export async function describeModels(backend: tf.BackendName, modes: Modes = { eager: undefined }): Promise<void> {
  const missing = await tf.initBackend(backend).then(() => null, messageOf);
  if (missing !== null) console.warn(`skipped: ${missing}`);
  describe.skipIf(missing !== null)(missing === null ? backend : `${backend} (${missing})`, () => {
    describeLaws('mixers', MIXER_LAWS);
    describeLaws('delta rule', DELTA_LAWS);
    for (const [mode, run] of Object.entries(modes)) describe(mode, () => describeMode(run));
  });
}

function describeMode(run: Runner | undefined): void {
  const mode = run === undefined ? {} : { run };
  for (const name of MODEL_NAMES) {
    const create = (config = {}, options = {}) => createModel(name, { ...SMALL, ...config }, { ...mode, ...options });
    describeLaws(name, LAWS, { name, create });
  }
  describeLaws('chunks', CHUNK_LAWS, (name, config) => createModel(name, config, mode));
  test.each(GOLDEN_FILES)('%s passes on both paths', async (file) => {
    const fixture = parseFixture(goldenBytes(file), file);
    const { prefill, steps } = checkParity(await createModel(fixture.model, fixture.config, mode), fixture);
    expect(prefill.ratio).toBeLessThan(PARITY_TOLERANCE);
    expect(steps.ratio).toBeLessThan(PARITY_TOLERANCE);
  });
}

type Laws<A extends unknown[]> = Readonly<Record<string, (...args: A) => void | Promise<void>>>;

/** A test a law; none may leave a tensor behind. */
function describeLaws<A extends unknown[]>(title: string, laws: Laws<A>, ...args: A): void {
  describe(title, () => {
    test.each(Object.entries(laws))('%s', async (_, law) => {
      const { numTensors, numDataBuffers } = tf.memory();
      await law(...args);
      expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    });
  });
}
