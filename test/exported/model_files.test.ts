import { describe, expect, test } from 'vitest';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { PARITY_TOLERANCE } from '../../src/bench/measure/parity.js';
import { selfCheck } from '../../src/bench/measure/self_check.js';
import { checkedLengths } from '../../src/bench/protocol/plan.js';
import { modelFiles } from '../../src/exported/model_files.js';
import { createModel, MODEL_NAMES, ownOptions } from '../../src/models/registry.js';
import { randomWeights } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { exportedWalker } from '../support/exported_model.js';
import { GOLDEN_FILES, goldenBytes } from '../support/golden_files.js';
import { expectClose, modelOf, randomIds, SMALL } from '../support/session.js';

await tf.initBackend('wasm');

describe('exported files, run by onnxruntime-node as their page says', () => {
  test.each(GOLDEN_FILES)('%s: a prefill of half the tokens, and steps, give its logits', async (file) => {
    const fixture = parseFixture(goldenBytes(file), file);
    const { model: name, shape, options, batch, tokens, ids, logits } = fixture;
    const model = await createModel(name, shape, ownOptions(name, options));
    const params = model.init(fixture.weights);
    const walker = exportedWalker(model, (n, most) => modelFiles(model, params, { n, batch, most }));
    const rows = Array.from({ length: batch }, (_, row) => [...ids.subarray(row * tokens, (row + 1) * tokens)]);
    const V = shape.vocabSize;
    for await (const place of walker.walk(rows, Math.ceil(tokens / 2))) {
      const at = (row: number) => (row * tokens + place.length - 1) * V;
      const expected = rows.flatMap((_, row) => [...logits.subarray(at(row), at(row) + V)]);
      expectClose(place.logits, expected, `${place.length} tokens`, PARITY_TOLERANCE);
    }
    disposeTree(params);
  });

  test.each(MODEL_NAMES)('of %s pass the self-check, over the ends of periods, with two rows', async (name) => {
    const { numTensors } = tf.memory();
    const model = await modelOf(name, SMALL);
    const params = model.init(randomWeights(1));
    const walker = exportedWalker(model, (n, most) => modelFiles(model, params, { n, batch: 2, most }));
    await selfCheck(walker, randomIds(2, checkedLengths(model.period)[3]));
    disposeTree(params);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('files of a model', () => {
  const exported = async (name: string, n: number, most: number) => {
    const model = await modelOf(name, SMALL);
    const params = model.init(randomWeights(1));
    try {
      return modelFiles(model, params, { n, batch: 1, most });
    } finally {
      disposeTree(params);
    }
  };

  test.each([
    ['LinearTransformer', 3, 9, ['model.json', 'prefill.onnx', 'step.onnx', 'weights.bin']],
    ['BSBR', 3, 7, ['model.json', 'prefill.onnx', 'step.onnx', 'weights.bin']],
    ['BSBR', 3, 9, ['model.json', 'prefill.onnx', 'step.onnx', 'step_8.onnx', 'weights.bin']],
    ['Softmax', 127, 128, ['model.json', 'prefill.onnx', 'step_128.onnx', 'weights.bin']],
    ['DeltaNet', 5, 5, ['model.json', 'prefill.onnx', 'weights.bin']],
  ])('%s from %i to %i tokens: a step of each kind that is taken', async (name, n, most, files) => {
    expect([...(await exported(name, n, most)).files.keys()]).toEqual(files);
  });

  test('share their weights', async () => {
    const both = (await exported('LinearTransformer', 3, 4)).files.get('weights.bin')?.length ?? 0;
    const prefill = (await exported('LinearTransformer', 3, 3)).files.get('weights.bin')?.length ?? 0;
    expect(both).toBe(prefill);
  });

  test('feed the next step with all that it takes, but for what stays as it was', async () => {
    const { page } = await exported('BSBR', 3, 9);
    const fed = new Set(page.prefill.outputs.map(({ feeds }) => feeds));
    for (const { inputs } of page.steps) for (const { name } of inputs) expect(fed).toContain(name);
    const [step, closing] = page.steps.map(({ outputs }) => outputs.flatMap(({ feeds }) => feeds ?? []));
    expect(step).not.toContain('state.0.bank.k');
    expect(closing).toContain('state.0.bank.k');
  });

  test('without room for the prompt there are none', async () => {
    await expect(exported('BSBR', 9, 8)).rejects.toThrow(
      'export: there must be room for the prompt of 9 tokens, got 8',
    );
  });
});
