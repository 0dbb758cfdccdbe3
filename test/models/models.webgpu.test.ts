import { existsSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { createModes } from '../../src/bench/measure/modes.js';
import { PARITY_TOLERANCE } from '../../src/bench/measure/parity.js';
import { elementsOf, isOnDevice } from '../../src/compiled/onnx/store.js';
import { onnx } from '../../src/engines/onnx.js';
import { createModel, ownOptions } from '../../src/models/registry.js';
import { relativeError } from '../../src/statistics.js';
import * as tf from '../../src/tf.js';
import { disposeTree, leaves } from '../../src/tree.js';
import { goldenBytes } from '../support/golden_files.js';

/** A GPU in software, of Debian's package chromium; an own driver is taken where the variable names one. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER;
const missing = existsSync(process.env['VK_ICD_FILENAMES']) ? null : `no ${process.env['VK_ICD_FILENAMES']}`;
if (missing !== null) console.warn(`skipped: ${missing}`);

await tf.initBackend('wasm');
const { runners, dispose } = createModes({
  graphs: { engine: 'onnx', device: 'webgpu', operators: onnx.operators ?? [] },
});
afterAll(dispose);

describe.skipIf(missing !== null)(missing === null ? 'webgpu' : `webgpu (${missing})`, () => {
  test.each(['bsbr-c4-t26', 'delta-t37', 'linear-t37', 'mamba2-t37', 'softmax-t37'])(
    '%s passes on both paths',
    async (file) => {
      const {
        model: name,
        shape,
        options,
        weights,
        ids,
        batch,
        tokens,
        logits,
      } = parseFixture(goldenBytes(`${file}.safetensors`), file);
      const model = await createModel(name, shape, ownOptions(name, options), runners.compiled);
      const params = model.init(weights);
      const input = tf.tensor2d(ids, [batch, tokens], 'int32');
      const V = shape.vocabSize;
      const expectParity = (got: tf.Tensor2D, length: number) => {
        const expected = logits.subarray((length - 1) * V, length * V);
        expect(relativeError(got.dataSync(), expected)).toBeLessThan(PARITY_TOLERANCE);
      };
      const start = tokens - 9;
      let { logits: last, state } = model.prefill(params, tf.slice(input, [0, 0], [1, start]));
      expectParity(last, start);
      for (const leaf of leaves(state)) expect(leaf.size === 0 || isOnDevice(elementsOf(leaf))).toBe(true);
      for (let i = start; i < tokens; i++) {
        const before = state;
        ({ logits: last, state } = model.step(params, before, tf.tensor1d([ids[i] as number], 'int32')));
        disposeTree(before);
        expectParity(last, i + 1);
      }
    },
  );
});
